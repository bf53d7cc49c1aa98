"""A small master notebook, honest answers to it, and submissions made from both."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NAME = "mini"
SECRET = "zebra-4711"  # stands in everything that no student may see
POINTS = {"1.1": 4, "1.2": 2, "1.3": 1, "1.4": 3}
PAPER = "Because it counts itself."
ANSWERS = {
    "1-2-answer": "def double(x):\n    return 2 * x",
    "1-3-answer": "def evens(n):\n    return [i for i in range(n) if i % 2 == 0]",
    "1-4-answer": """def sliding_mask(n_queries, n_keys):
    position = torch.arange(n_queries)[:, None] + (n_keys - n_queries)
    behind = position - torch.arange(n_keys)
    seen = (behind >= 0) & (behind < 4)
    return torch.zeros(behind.shape).masked_fill(~seen, float("-inf"))""",
}
WRONG = "def double(x):\n    return x"
_STUB = "### BEGIN SOLUTION\n# {secret}\n{answer}\n### END SOLUTION"
_TESTS = {
    "1-2-check": """torch.testing.assert_close(double(torch.ones(2)), torch.full((2,), 2.0))
### BEGIN HIDDEN TESTS
# {secret}
x = torch.randn(3, 2, generator=torch.Generator().manual_seed(HIDDEN))
expected = 2 * x
torch.testing.assert_close(double(x), expected)
### END HIDDEN TESTS""",
    "1-3-check": """assert evens(3) == [0, 2]
### BEGIN HIDDEN TESTS
assert evens(6) == [0, 2, 4]
### END HIDDEN TESTS""",
    "1-4-check": """check("11.2", sliding_mask)
### BEGIN HIDDEN TESTS
assert check("11.2", sliding_mask, seed=HIDDEN)
### END HIDDEN TESTS""",
}


def _role(grade_id: str, **more: Any) -> dict[str, Any]:
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"nbgrader": {**plain, "grade_id": grade_id, "schema_version": 3, **more}}


def master() -> Any:
    """The notebook with solutions and hidden tests: one paper question, three to program."""
    setup = "import torch\n\nfrom llm_nb.exercises.check import check"
    cells = [
        new_markdown_cell("# A small set"),
        new_code_cell(setup, id="imports"),
        new_code_cell("HIDDEN = 1", metadata={"tags": ["instructor"]}),
        new_markdown_cell("## 1.1\n\nWhy?", metadata=_role("1-1", locked=True)),
        new_markdown_cell(
            f"{PAPER} {SECRET}", metadata=_role("1-1-answer", grade=True, solution=True, points=4)
        ),
        new_code_cell("def helper(x):\n    return x", metadata=_role("helper", locked=True)),
    ]
    for name, answer in ANSWERS.items():
        number, key = f"1.{name[2]}", name.replace("answer", "check")
        source = _STUB.format(secret=SECRET, answer=answer)
        cells.append(new_code_cell(source, metadata=_role(name, solution=True)))
        role = _role(key, grade=True, locked=True, points=POINTS[number])
        cells.append(new_code_cell(_TESTS[key].format(secret=SECRET), metadata=role))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@dataclass(frozen=True)
class World:
    """What a hostile submission is told, so that its attempt is a real one."""

    folder: Path  # of master, submissions and results
    port: int  # of a server outside
    handed_out: Any = field(repr=False)

    @property
    def submissions(self) -> Path:
        return self.folder / "submissions"

    @property
    def paths(self) -> list[str]:
        """Files with the secret in them, and one that must not change."""
        names = ["masters/mini.ipynb", "submissions/perfect/mini.ipynb", "out/settings.json"]
        names += ["out/course/gradebook.db", "out/course/source/./mini/mini.ipynb", "canary"]
        return [str(self.folder / name) for name in names]

    def notebook(self, paper: str | None = PAPER, **sources: str) -> Any:
        """A student's copy, honestly answered but for ``sources`` (``double=…``)."""
        notebook = nbformat.from_dict(json.loads(json.dumps(self.handed_out)))
        names = {"double": "1-2-answer", "evens": "1-3-answer", "sliding_mask": "1-4-answer"}
        answers = ANSWERS | {names[name]: source for name, source in sources.items()}
        for cell in notebook.cells:
            name = grade_id(cell)
            if name == "1-1-answer" and paper is not None:
                cell.source = paper
            if name in answers:
                cell.source = answers[name]
        return notebook


@dataclass(frozen=True)
class Kind:
    """One way to hand in, and what it has earned.

    Args:
        make: writes the submission into its student's folder.
        earned: exercises with full points; "1.1" if there is an answer for a person to read.
        remark: part of what the table of grades has to say.
    """

    name: str
    make: Callable[[World, Path], None]
    earned: str = "1.1 1.2 1.3 1.4"
    remark: str = ""

    @property
    def row(self) -> dict[str, str]:
        """The row of the table of grades that follows."""
        earned = self.earned.split()
        points = {n: str(POINTS[n] if n in earned else 0) for n in POINTS}
        total = str(sum(POINTS[n] for n in earned if n != "1.1"))
        points["1.1"] = "by hand" if "1.1" in earned else "0"
        return {"student": self.name, **points, "total": total, "possible": "10"}


def grade_id(cell: Any) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def save(notebook: Any, folder: Path, name: str = "mini.ipynb") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(nbformat.writes(notebook), encoding="utf-8")
