"""The master notebooks: where they are, what is secret in them, and one class's numbers in them.

A master is a notebook in nbgrader's markers and metadata. A number that a class may have
otherwise is followed by a mark: ``640<!-- d_model -->`` or ``20,480,000<!-- n_table:, -->`` in
prose (a name of the chapter's ``Parameters``, and a format), ``# variant: d_model`` at the end of
an assignment in code. Cells of the tag ``instructor`` are in no notebook that is handed out.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_nb.exercises.chapters import chapter_module, parameters_of
from llm_nb.extras import library

FOLDER = "notebooks/exercises"
INSTRUCTOR = "instructor"
MARKING = "**Marking.**"
_IN_PROSE = re.compile(r"([\w.,-]+)(`?)<!-- (\w+)(?::(\S+))? -->")
_IN_CODE = re.compile(r"^(\s*\w+ = )(.+?)(  # variant: (\w+))$", re.M)
_CHECK = re.compile(r'\bcheck\(("\d\d\.\d+", \w+)')
_REGION = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.S)

Notebook = Any  # nbformat's NotebookNode; nbformat comes with the extra `grading`


def master_path(root: Path, chapter: str) -> Path:
    """The master notebook of ``"11"`` or ``"11_gpt2"`` in a checkout.

    Raises:
        ValueError: that chapter has no exercises.
    """
    return root / FOLDER / f"{chapter_module(chapter).NAME}.ipynb"


def read_notebook(path: Path) -> Notebook:
    """A notebook, in the current format.

    Raises:
        ImportError: nbformat is missing; the message says how to install it.
    """
    return library("nbformat", "grading").read(path, as_version=4)


def for_class(master: Notebook, chapter: str, variant: int | None) -> Notebook:
    """The master with the numbers of one class and without marks; its checks use them too."""
    parameters = parameters_of(chapter_module(chapter), variant)
    notebook = copy.deepcopy(master)
    for cell in notebook.cells:
        cell.source = filled(cell.source, parameters, marks=False)
        if variant is not None and cell.cell_type == "code":
            cell.source = _CHECK.sub(rf"check(\1, variant={variant}", cell.source)
    notebook.metadata["llm_nb"] = {"exercises": chapter_module(chapter).NAME, "variant": variant}
    return notebook


def filled(source: str, parameters: Any, marks: bool = True) -> str:
    """A cell's text with the numbers of ``parameters`` at its marks.

    Raises:
        AttributeError: a mark names a number that there is not.
    """

    def in_prose(found: re.Match[str]) -> str:
        value = format(getattr(parameters, found[3]), found[4] or "")
        return value + (found[0][len(found[1]) :] if marks else found[2])

    def in_code(found: re.Match[str]) -> str:
        value = json.dumps(getattr(parameters, found[4]))
        return found[1] + value + (found[3] if marks else "")

    return _IN_CODE.sub(in_code, _IN_PROSE.sub(in_prose, source))


def role(cell: Any) -> dict[str, Any]:
    """What nbgrader has to know of a cell: grade, solution, points; {} for any other cell."""
    return cell.metadata.get("nbgrader", {})


def is_paper(cell: Any) -> bool:
    """Whether it is the answer to a paper question, graded by a person."""
    return cell.cell_type == "markdown" and bool(role(cell).get("solution"))


def solution_code(cell: Any) -> str:
    """A code cell with its solution and without markers."""
    lines = cell.source.splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("### "))


def secrets(notebook: Notebook) -> list[str]:
    """Every piece of text of which no student's copy may hold any: see ``squeezed``.

    Lines of solutions and hidden tests, and pieces of model answers and marking notes, without
    their blanks, each long enough not to stand anywhere by chance.
    """
    pieces: list[str] = []
    for cell in notebook.cells:
        if is_paper(cell):
            pieces += re.split(r"\$[^$]*\$|<!--.*?-->|[*`\[\]()\n]", cell.source)
        elif INSTRUCTOR in cell.metadata.get("tags", []):
            pieces += cell.source.splitlines()
        else:
            pieces += (
                line for _, body in _REGION.findall(cell.source) for line in body.split("\n")
            )
    return [short for piece in pieces if len(short := squeezed(piece)) >= 18]


def squeezed(text: str) -> str:
    """Text without blanks and with plain quotes, as ``secrets`` is compared."""
    for curly, plain in {"’": "'", "‘": "'", "“": '"', "”": '"'}.items():
        text = text.replace(curly, plain)
    return re.sub(r"\s+", "", text)


def all_text(value: Any) -> Iterator[str]:
    """Every text in a notebook or any other JSON: sources, outputs, metadata, attachments."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *all_text(item))
    elif isinstance(value, list):
        for item in value:
            yield from all_text(item)


def leaked(notebook: Notebook, pieces: list[str]) -> list[str]:
    """Which of the ``secrets`` a notebook holds anywhere."""
    text = squeezed("\n".join(all_text(notebook)))
    return [piece for piece in pieces if piece in text]
