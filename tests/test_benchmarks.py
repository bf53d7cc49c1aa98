"""The harness of the benchmarks: contenders run in turns, and the table says who is faster."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # so that what the module sets is undone
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "")
    spec = importlib.util.spec_from_file_location("run", BENCHMARKS / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run", module)
    spec.loader.exec_module(module)
    return module


def test_contenders_run_in_turns_after_one_round_that_is_not_counted(harness: ModuleType) -> None:
    calls: list[str] = []
    contenders = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = harness.measure(harness.Comparison("t", 1, "MB", contenders, ()), rounds=2)
    assert calls == ["a", "b"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


def test_the_table_gives_medians_and_ratios(harness: ModuleType) -> None:
    comparison = harness.Comparison("t", 4, "MB", {"ours": None, "theirs": None}, ("pytest",))
    text = harness.table(comparison, {"ours": [2.0, 2.0, 8.0], "theirs": [1.0, 1.0, 1.0]})
    assert "| ours | 2 | 2 | 4.00 | 1.00 |" in text
    assert "| theirs | 4 | 1 | 1.00 | 0.50 |" in text


def test_columns_are_asked_for_at_the_end_and_stand_in_the_table(harness: ModuleType) -> None:
    columns = {"GB": ["1.5", "3"], "share": ["1", "0.5"]}
    contenders = {"ours": None, "theirs": None}
    comparison = harness.Comparison("t", 4, "MB", contenders, ("pytest",), "", lambda: columns)
    lines = harness.table(comparison, {"ours": [2.0], "theirs": [1.0]}).splitlines()
    assert [line.count("|") for line in lines[2:6]] == [8, 8, 8, 8]
    assert lines[2].endswith(" GB | share |")
    assert lines[5] == "| theirs | 4 | 1 | 1.00 | 0.50 | 3 | 0.5 |"


def test_a_note_follows_the_table(harness: ModuleType) -> None:
    comparison = harness.Comparison("t", 4, "MB", {"a": None}, ("pytest",), "Loss 1.5.")
    assert harness.table(comparison, {"a": [1.0]}).endswith("1 rounds.\n\nLoss 1.5.\n")


def test_results_keep_the_other_sections_of_the_same_machine(harness: ModuleType) -> None:
    old = harness.results("# Results\n\nOn: a.\n", ["## one\n\n1\n", "## two\n\n2\n"], "")
    assert old == "# Results\n\nOn: a.\n\n## one\n\n1\n\n## two\n\n2\n"
    new = harness.results("# Results\n\nOn: a.\n", ["## one\n\n3\n"], old)
    assert new == old.replace("1", "3")
    assert "## two" not in harness.results("# Results\n\nOn: b.\n", ["## one\n\n3\n"], old)


def test_every_module_has_comparisons(harness: ModuleType) -> None:
    assert "bpe" in harness.MODULES
    for name in harness.MODULES:
        tree = ast.parse((BENCHMARKS / f"{name}.py").read_text(encoding="utf-8"))
        assert "comparisons" in [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
