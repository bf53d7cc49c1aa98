"""From a master notebook to the one that students get, through nbgrader's own converter."""

from __future__ import annotations

import copy
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

from llm_nb.address import COLAB
from llm_nb.exercises.masters import (
    INSTRUCTOR,
    Notebook,
    for_class,
    leaked,
    read_notebook,
    role,
    secrets,
)
from llm_nb.extras import library
from llm_nb.files import write_whole

_RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?![a-z]+:|#)[^)\s]+\)")


def student_notebook(master: Notebook, chapter: str, variant: int | None = None) -> Notebook:
    """The notebook that students get: stubs for solutions, no hidden tests, no outputs.

    What is neither source nor nbgrader's or Jupyter's own metadata is left out, and links into
    the book are plain words, since the notebook travels alone.

    Raises:
        ImportError: nbgrader is missing.
        RuntimeError: nbgrader refuses the master, or something secret was left in the result.
    """
    notebook = for_class(master, chapter, variant)
    converted = through_nbgrader(before_nbgrader(notebook))
    if found := leaked(converted, secrets(notebook)):
        raise RuntimeError(
            f"the student's notebook still holds {found[0]!r}: mark it in the master"
        )
    return converted


def before_nbgrader(notebook: Notebook) -> Notebook:
    """What nbgrader makes the students' notebook of, and what grading gives to nbgrader."""
    handed_out = copy.deepcopy(notebook)
    handed_out.cells = [cell for cell in handed_out.cells if _is_for_students(cell)]
    for cell in handed_out.cells:
        kept = {key: cell.metadata[key] for key in ("nbgrader", "tags") if key in cell.metadata}
        cell.metadata = type(cell.metadata)(kept)
        if role(cell).get("solution"):
            cell.pop("attachments", None)
        if cell.cell_type == "markdown":
            cell.source = _RELATIVE_LINK.sub(r"\1", cell.source)
    known = ("kernelspec", "language_info", "llm_nb")
    kept = {key: handed_out.metadata[key] for key in known if key in handed_out.metadata}
    handed_out.metadata = type(handed_out.metadata)(kept)
    return handed_out


def release(path: Path, chapter: str, out: Path, variant: int | None = None) -> Path:
    """Write the student's notebook of the master at ``path`` into the folder ``out``.

    Returns:
        The file written; one that was there is replaced.
    """
    notebook = student_notebook(read_notebook(path), chapter, variant)
    out.mkdir(parents=True, exist_ok=True)
    target = out / path.name
    write_whole(target, library("nbformat", "grading").writes(notebook) + "\n")
    return target


def _is_for_students(cell: Any) -> bool:
    """Not the instructor's cells; nor the link to the master on Colab."""
    return INSTRUCTOR not in cell.metadata.get("tags", []) and cell.get("id") != COLAB


def through_nbgrader(notebook: Notebook) -> Notebook:
    """nbgrader's generate_assignment, in a course of its own that is gone afterwards."""
    nbformat = library("nbformat", "grading")
    converters = library("nbgrader.converters", "grading")
    coursedir = library("nbgrader.coursedir", "grading")
    config = library("traitlets.config", "grading").Config()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source", "assignment")
        source.mkdir(parents=True)
        nbformat.write(notebook, source / "notebook.ipynb")
        config.CourseDirectory.root = folder
        config.CourseDirectory.assignment_id = "assignment"
        config.GenerateAssignment.no_database = True  # the grade book is grading's affair
        config.SaveCells.enabled = False
        course = coursedir.CourseDirectory(config=config)
        converter = converters.GenerateAssignment(coursedir=course, config=config)
        said = _Collected()
        converter.log = said.logger
        try:
            converter.start()
        except Exception as error:
            raise RuntimeError(f"nbgrader refuses the master: {said.reason or error}") from error
        return nbformat.read(Path(folder, "release", "assignment", "notebook.ipynb"), as_version=4)


class _Collected(logging.Handler):
    """What nbgrader logs, kept from the screen: it raises without the reason, which is here."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []
        self.logger = logging.Logger("nbgrader")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @property
    def reason(self) -> str:
        """The last line of the first traceback."""
        traces = [text for text in self.texts if "Traceback" in text]
        return traces[0].strip().splitlines()[-1] if traces else ""
