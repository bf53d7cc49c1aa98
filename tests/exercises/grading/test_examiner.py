"""Tests run here and answers in the sandbox, and only plain data passes between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from llm_nb.exercises.check import check
from llm_nb.exercises.grading.codec import NotPlainData
from llm_nb.exercises.grading.examiner import Run, setup_of
from llm_nb.exercises.grading.sandbox import Sandbox, Template
from llm_nb.exercises.grading.work import Batch
from llm_nb.exercises.release import before_nbgrader
from tests.exercises.grading.classroom import ANSWERS, master, save
from tests.exercises.grading.conftest import LIMITS


class TestAnswers:
    """A student's function, called through the examiner."""

    @pytest.fixture
    def run(self, template: Template) -> Any:
        with Sandbox(template) as sandbox:
            yield Run(sandbox, ["import torch", "import numpy as np"])

    @staticmethod
    def answer(run: Run, source: str, name: str = "f") -> Any:
        run.student_cell(source, 1)
        return run._answers(name)[name]

    def test_values_come_back_as_genuine_objects(self, run: Run) -> None:
        f = self.answer(
            run, "import torch\ndef f(x, *, k=1):\n    return [x * k, {'n': k}, (x > 0)]"
        )
        x = torch.randn(2, 3)
        product, named, positive = f(x, k=3)
        torch.testing.assert_close(product, 3 * x)
        assert named == {"n": 3}
        assert type(positive) is torch.Tensor
        assert positive.dtype is torch.bool

    def test_changed_arguments_are_seen(self, run: Run) -> None:
        f = self.answer(run, "def f(x, a, l, d):\n    x += 1; a *= 2; l.append(3); d['k'] = 0")
        x, a, items, named = torch.zeros(2), np.ones(2), [1], {"n": 1}
        assert f(x, a, items, named) is None
        assert x.tolist() == [1, 1]
        assert a.tolist() == [2, 2]
        assert items == [1, 3]
        assert named == {"n": 1, "k": 0}

    @pytest.mark.parametrize(
        ("body", "kind", "words"),
        [
            ("raise NotImplementedError", NotImplementedError, "^$"),
            ("raise ValueError('too short')", ValueError, "too short"),
            ("class Mine(KeyError): pass\n    raise Mine('x')", KeyError, "Mine"),
            ("import sys; sys.exit()", RuntimeError, "SystemExit"),
            ("return len", TypeError, "f returned an object of class builtin"),
            ("return yet", NameError, "yet"),
        ],
    )
    def test_errors_come_back(self, run: Run, body: str, kind: Any, words: str) -> None:
        f = self.answer(run, f"def f():\n    {body}")
        with pytest.raises(kind, match=words) as caught:
            f()
        assert type(caught.value) is kind
        if kind is ValueError:
            assert caught.value.where == "line 2, `raise ValueError('too short')`"

    def test_arguments_that_are_no_plain_data_are_refused(self, run: Run) -> None:
        f = self.answer(run, "def f(x): return 1")
        with pytest.raises(NotPlainData, match="Linear"):
            f(torch.nn.Linear(1, 1))
        assert f(2) == 1

    def test_check_judges_it_as_if_it_were_here(self, run: Run, capsys: Any) -> None:
        right = ANSWERS["1-4-answer"]
        assert check("11.2", self.answer(run, f"import torch\n{right}", "sliding_mask"), seed=5)
        slow = self.answer(run, "def f(a, b):\n    while True: pass")
        assert not check("11.2", slow)
        assert "stopped" in capsys.readouterr().out or not run._sandbox.alive

    def test_a_death_costs_one_cell(self, run: Run) -> None:
        cells = ["a = 1", "import os; os._exit(7)", "b = a + 1", "def f(): os._exit(0)"]
        cells = [new_code_cell(source) for source in ["import os", *cells, "c = a + b"]]
        run.cells(new_notebook(cells=cells))
        assert run.remarks == ["code cell 3 was left out: its process ended itself (exit 7)"]
        assert run.test("f()")[0]["ename"] == "Died"
        assert run.test("assert (a, b, c) == (1, 2, 3)") == []

    def test_it_is_not_started_for_ever(self, run: Run) -> None:
        cells = [new_code_cell("import os; os._exit(0)") for _ in range(9)]
        run.cells(new_notebook(cells=cells))
        assert "was not started again" in run.remarks[-1]
        assert "was not started again" in run.test("assert True")[0]["evalue"]

    def test_what_a_test_says(self, run: Run) -> None:
        outputs = run.test("import sys\nprint('warning', file=sys.stderr)\n1.5")
        assert [o.get("name") or o.data["text/plain"] for o in outputs] == ["stdout", "1.5"]
        (error,) = run.test("assert 1 == 2, 'no'")
        assert (error["ename"], error["evalue"]) == ("AssertionError", "no")


def test_a_master_that_fails_its_own_tests_stops_the_batch(
    template: Template, tmp_path: Path
) -> None:
    notebook = master()
    notebook.cells[-1].source += "\nassert False, 'a slip of the pen'"
    save(notebook, tmp_path)
    settings = {"limits": vars(LIMITS), "master": str(tmp_path / "mini.ipynb")}
    batch = Batch(tmp_path, settings | {"variant": None, "seed": 3})
    source = before_nbgrader(batch.notebook)
    batch.course.prepare(source)
    (tmp_path / "scratch").mkdir()
    batch.template, batch.setup = template, setup_of(batch.notebook)
    with pytest.raises(RuntimeError, match=r"(?s)0 of 3 points in 1-4-check.*a slip of the pen"):
        batch._prove_master(source, tmp_path / "scratch")
