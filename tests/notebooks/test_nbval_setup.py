"""The way in which `make test` runs notebooks turns red when it should, and only then."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
CELLS = [
    'from llm_nb.expect import expect\n\nexpect("99_small/loss", 1.5)',
    "print('exactly this, in', 0.25, 's')",
    "print('about this')",
]
# A name, what is changed in the stored notebook, and the cell that turns red, if any.
VARIANTS: list[tuple[str, str, str, int | None]] = [
    ("as_it_is", "", "", None),
    ("other_seconds", "exactly this, in 0.25 s", "exactly this, in 7 s", None),
    ("other_unchecked_output", "about this\\n", "about that\\n", None),
    ("value_outside_its_band", "99_small/loss", "99_small/other", 0),
    ("changed_exact_output", "exactly this, in 0", "exactly that, in 0", 1),
    ("broken_cell", "print('about this')", "print(1 / 0)", 2),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of all variants, with the options that the Makefile gives."""
    folder, bands = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("bands")
    chosen = {"loss": {"cpu": [1, 2]}, "other": {"cpu": [1.6, 2]}}
    (bands / "99_small.json").write_text(json.dumps(chosen))
    environment = os.environ | {"LLM_NB_BANDS": str(bands), "LLM_NB_DEVICE": "cpu"}

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in CELLS])
    notebook.cells[1].metadata.tags = ["nbval-check-output"]
    NotebookClient(notebook, kernel_name="python3").execute(env=environment)
    stored = nbformat.writes(notebook)
    for name, old, new, _ in VARIANTS:
        assert not old or stored.count(old) == 1
        (folder / f"{name}.ipynb").write_text(stored.replace(old, new) if old else stored, "utf-8")

    options = re.search(r"^NBVAL := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert options
    settings = ["-c", "pyproject.toml", "-p", "no:cacheprovider", "-v", *shlex.split(options[1])]
    command = [sys.executable, "-m", "pytest", *settings, str(folder)]
    environment["LLM_NB_STRICT"] = "1"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "red"), [(name, red) for name, *_, red in VARIANTS])
def test_what_turns_red(report: str, name: str, red: int | None) -> None:
    for cell in range(len(CELLS)):
        (said,) = re.findall(rf"\b{name}\.ipynb::Cell {cell} (PASSED|FAILED)", report)
        assert said == ("FAILED" if cell == red else "PASSED")


def test_the_reasons_are_told(report: str) -> None:
    assert "99_small/other: 1.5 ✗ expected 1.6–2 on cpu" in report
    assert "ZeroDivisionError" in report
    assert "exactly that" in report


def test_make_is_strict_about_bands() -> None:
    assert "LLM_NB_STRICT=1 $(PY) -m pytest $(NBVAL)" in (ROOT / "Makefile").read_text("utf-8")
