"""The student's notebook in a real kernel: as it is handed out, half done, and done badly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from llm_nb.exercises.masters import FOLDER, read_notebook
from llm_nb.exercises.release import student_notebook

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = {
    # a known mistake, an endless loop, an error two calls deep, a right answer
    "11-2-answer": "def sliding_mask(t, s):\n    return torch.ones(t, s).tril(s - t)",
    "11-4-answer": "def near_head(q, k, v):\n    while True:\n        pass",
    "11-5-answer": "def helper(file):\n    return file['x']\n\n\ndef from_conv1d(file):\n    return helper(file)",
    "11-7-answer": (
        "def next_token_loss(z, ids):\n"
        "    return F.cross_entropy(z[:, :-1].mT, ids[:, 1:], ignore_index=0)"
    ),
}


def said(notebook: Any) -> dict[str, str]:
    """What each check printed, by the id of its cell."""
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    checks = [cell for cell in notebook.cells if cell.id.endswith("-check")]
    for cell in checks:
        assert [output.output_type for output in cell.outputs] == ["stream"], cell.id
    return {cell.id: cell.outputs[0].text for cell in checks}


@pytest.fixture
def student() -> Any:
    return student_notebook(read_notebook(ROOT / FOLDER / "11_gpt2.ipynb"), "11_gpt2")


def test_as_it_is_handed_out_it_runs_to_the_end(student: Any) -> None:
    found = said(student)
    assert len(found) == 5
    assert all(": not written yet\n" in text for text in found.values())


def test_answers_of_every_kind_are_told_apart_in_a_kernel(student: Any) -> None:
    for cell in student.cells:
        cell.source = ANSWERS.get(cell.id, cell.source)
        if cell.id == "11-6-check":
            cell.source = 'check("11.6", window_bits_per_byte, hint=True)'
    found = said(student)
    assert "ones and zeros would multiply" not in found["11-2-check"]  # the window is missing too
    assert "at [0, 0] 1, expected 0" in found["11-2-check"]
    assert "stopped after 5 s" in found["11-4-check"]
    assert "KeyError in line 2, `return file['x']`: 'x'" in found["11-5-check"]
    assert "not written yet" in found["11-6-check"]
    assert "hint 1 of 3: Two sums" in found["11-6-check"]
    assert found["11-7-check"].startswith("✓ 11.7")
    nbformat.validate(student)
