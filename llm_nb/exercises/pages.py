"""A chapter's exercises as a page of the book: hints folded, solutions folded or absent.

Two editions: ``"reader"`` has every solution in a fold, ``"course"`` has none anywhere. Marking
notes and hidden tests are on neither.
"""

from __future__ import annotations

from typing import Any

from llm_nb.exercises.chapters import chapter_module, exercises_of
from llm_nb.exercises.masters import (
    INSTRUCTOR,
    MARKING,
    Notebook,
    for_class,
    is_paper,
    leaked,
    role,
    secrets,
    solution_code,
)
from llm_nb.exercises.release import student_notebook
from llm_nb.extras import library

EDITIONS = ("reader", "course")
_HOW = (
    "The button with the arrow, above, downloads these exercises as a notebook to work in; "
    "it holds no solutions."
)


def page_notebook(
    master: Notebook, chapter: str, edition: str, variant: int | None = None
) -> Notebook:
    """The page as a notebook in MyST markdown, for Sphinx alone.

    Raises:
        ValueError: the edition is unknown.
        RuntimeError: nbgrader refuses the master, or the course edition holds something secret.
    """
    if edition not in EDITIONS:
        raise ValueError(f"no edition {edition!r}: choose {' or '.join(map(repr, EDITIONS))}")
    exercises = exercises_of(chapter_module(chapter), variant)
    stubs = {cell.id: cell for cell in student_notebook(master, chapter, variant).cells}
    page = for_class(master, chapter, variant)
    hidden, cells, solution = secrets(page), [], ""
    with_solutions = edition == "reader"
    for cell in page.cells:
        if INSTRUCTOR in cell.metadata.get("tags", []):
            continue
        if is_paper(cell):
            if with_solutions:
                answer = cell.source.partition(MARKING)[0].strip()
                cells.append(_markdown(cell.id, _fold("Solution", answer)))
            continue
        if cell.cell_type == "code":
            if role(cell).get("solution"):
                solution = f"```python\n{solution_code(cell)}\n```"
            cell.source = stubs[cell.id].source
            if role(cell).get("solution") or role(cell).get("grade"):
                cell.outputs, cell.execution_count = [], None  # those of the solution
        cells.append(cell)
        if cell.cell_type == "code" and role(cell).get("grade"):
            number = cell.id.removesuffix("-check").replace("-", ".")
            folds = [
                _fold(f"Hint {place}", hint)
                for place, hint in enumerate(exercises[number].hints, 1)
            ]
            folds += [_fold("Solution", solution)] if with_solutions else []
            cells.append(_markdown(f"{cell.id}-folds", "\n\n".join(folds)))
        if cell.id == "title":
            cells.append(_markdown("how", _HOW))
    page.cells = cells
    if not with_solutions and (found := leaked(page, hidden)):
        raise RuntimeError(f"the course edition would hold {found[0]!r}")
    return page


def _fold(title: str, text: str) -> str:
    """A box that opens at a click, closed."""
    return f"::::{{dropdown}} {title}\n{text}\n::::"


def _markdown(name: str, text: str) -> Any:
    cell = library("nbformat", "grading").v4.new_markdown_cell(text)
    cell.id = name
    return cell
