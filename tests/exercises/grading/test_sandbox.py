"""The sandbox holds: small attempts first, so that the large ones are known to be harmless."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from llm_nb.exercises.check import check
from llm_nb.exercises.grading.codec import NotPlainData
from llm_nb.exercises.grading.examiner import Run
from llm_nb.exercises.grading.limits import Limits
from llm_nb.exercises.grading.sandbox import (
    Died,
    IsolationUnavailable,
    Sandbox,
    Template,
    prove_isolation,
)
from tests.exercises.grading.classroom import ANSWERS
from tests.exercises.grading.conftest import LIMITS

FORKS = """
import os, time
made = 0
try:
    for _ in range(50):
        if os.fork() == 0:
            time.sleep(30)
        made += 1
except OSError:
    pass
"""
THREADS = """
import threading, time
made = 0
try:
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        made += 1
except RuntimeError:
    pass
"""
DISK = """
written = 0
try:
    for number in range(20):
        with open(f"/tmp/{number}", "wb") as file:
            file.write(bytes(4 << 20))
        written += 4
except OSError:
    pass
"""
MEMORY = """
hoard = []
try:
    for _ in range(2000):
        hoard.append(b"x" * (1 << 20) * 2)
except MemoryError:
    pass
held = 2 * len(hoard)
del hoard
"""
CALLS = """
import ctypes, errno
c = ctypes.CDLL(None, use_errno=True)
allowed = []
for name, call in {
    "unshare": lambda: c.unshare(0x10000000),
    "mount": lambda: c.mount(b"x", b"/tmp", b"tmpfs", 0, None),
    "ptrace": lambda: c.ptrace(16, 1, 0, 0),
    "memfd": lambda: c.memfd_create(b"x", 0),
    "shmget": lambda: c.shmget(0, 4096, 0o1600),
    "setuid": lambda: c.setuid(0),
    "clone": lambda: c.syscall(56 if sys_x86 else 220, 0x10000000 | 17, 0, 0, 0, 0),
}.items():
    if call() >= 0:
        allowed.append(name)
"""


@pytest.fixture
def sandbox(template: Template) -> Any:
    with Sandbox(template) as started:
        yield started


def value(sandbox: Sandbox, source: str, name: str) -> Any:
    reply = sandbox.ask(20, "run", source=source)
    assert not reply["failed"], reply
    return sandbox.ask(5, "describe", name=name)["value"]


def test_processes_are_limited(sandbox: Sandbox) -> None:
    assert 5 <= value(sandbox, FORKS, "made") < LIMITS.processes


def test_threads_are_limited(sandbox: Sandbox) -> None:
    assert 5 <= value(sandbox, THREADS, "made") < LIMITS.processes


def test_the_disk_is_limited(sandbox: Sandbox) -> None:
    assert value(sandbox, DISK, "written") <= LIMITS.disk_mb


def test_memory_is_limited(sandbox: Sandbox) -> None:
    assert 100 < value(sandbox, MEMORY, "held") <= LIMITS.memory_mb


def test_system_calls_that_open_doors_are_refused(sandbox: Sandbox) -> None:
    known = f"sys_x86 = {os.uname().machine == 'x86_64'}\n"
    assert value(sandbox, known + CALLS, "allowed") == []


def test_only_python_and_an_empty_folder_are_seen(sandbox: Sandbox) -> None:
    listing = "import os\nseen = [sorted(os.listdir(p)) for p in ('/', '.', '/etc', '/dev')]"
    root, here, etc, dev = value(sandbox, listing, "seen")
    assert not {"home", "mnt", "media", "run", "var", "sys", "boot", "srv"} & set(root)
    assert here == []
    assert set(etc) <= {
        *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "passwd")
    }
    assert dev == ["full", "null", "random", "shm", "urandom", "zero"]
    environment = value(sandbox, "import os\nenv = dict(os.environ)", "env")
    assert not any("SECRET" in name or "TOKEN" in name for name in environment)
    assert environment["HOME"] == "/tmp"


def test_the_right_answers_are_not_there(sandbox: Sandbox) -> None:
    package = Path(sys.modules["llm_nb"].__file__ or "").resolve().parent
    source = f"import os\nseen = os.listdir({str(package / 'exercises')!r})"
    assert value(sandbox, source, "seen") == []
    reply = sandbox.ask(5, "run", source="import llm_nb.exercises.chapters")
    assert reply["failed"]
    reply = sandbox.ask(5, "run", source="from llm_nb.exercises.check import check\ncheck('1', 2)")
    assert "not here" in reply["outputs"][0]["text"]


def test_sandboxes_do_not_see_each_other(template: Template) -> None:
    with Sandbox(template) as one, Sandbox(template) as other:
        value(one, "import os\nopen('mine', 'w').close()\npid = os.getpid()", "pid")
        listing = (
            "import os\nseen = os.listdir('.'), [p for p in os.listdir('/proc') if p.isdigit()]"
        )
        files, processes = value(other, listing, "seen")
        assert files == []
        assert sorted(processes) == ["1", "2"]


def test_what_it_started_ends_with_it(template: Template) -> None:
    def children() -> int:
        return sum(
            b"sandbox-test-sleeper" in path.read_bytes()
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if path.exists()
        )

    with Sandbox(template) as sandbox:
        source = "import subprocess\nsubprocess.Popen(['/bin/sh', '-c', 'sleep 60; : sandbox-test-sleeper'])"
        sandbox.ask(5, "run", source=source)
        assert children() == 1
    end = time.monotonic() + 10
    while children() and time.monotonic() < end:
        time.sleep(0.05)
    assert children() == 0


def test_a_view_that_shows_too_much_is_noticed(template: Template) -> None:
    with pytest.raises(IsolationUnavailable, match="--unisolated"):
        prove_isolation(template, [Path(sys.prefix)])


def test_without_isolation_the_same_search_succeeds(tmp_path: Path) -> None:
    """The control: what is hidden from a sandbox is found by an ordinary process."""
    secret = tmp_path / "secret"
    secret.write_text("zebra")
    source = f"seen = open({str(secret)!r}).read()"
    with Template(Limits(), isolated=False) as open_template:
        with Sandbox(open_template) as sandbox:
            assert value(sandbox, source, "seen") == "zebra"
            start = time.monotonic()
            with pytest.raises(Died, match=r"stopped after 0\.5 s"):
                sandbox.ask(0.5, "run", source="while True:\n    pass")
            assert time.monotonic() - start < 5
        with Sandbox(open_template) as sandbox, pytest.raises(Died, match="exit 3"):
            sandbox.ask(5, "run", source="import os\nos._exit(3)")


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="memory_mb is 0"):
        Limits(memory_mb=0)


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
