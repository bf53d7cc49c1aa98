"""The course folder of one batch: nbgrader's own, so that its other tools work on it too.

nbgrader keeps the grade book, makes the students' version, restores changed tests, records
points and writes feedback. Only the cells' execution is replaced, by ``examiner``.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbformat import NotebookNode
from nbgrader import preprocessors
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from llm_nb.exercises.grading.feedback import FeedbackExporter


@dataclass(frozen=True)
class Mark:
    """The points of one exercise; ``points`` is None until somebody has given them."""

    grade_id: str
    points: float | None
    possible: float
    by_hand: bool


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name of a cell; "" if it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


class Course:
    """nbgrader's folder for one assignment of one notebook.

    Args:
        folder: made if it is not there.
        assignment: the name of the assignment and of its notebook.
        log: what nbgrader says goes there.
    """

    def __init__(self, folder: Path, assignment: str, log: logging.Logger) -> None:
        self.folder, self.assignment, self.log = folder.resolve(), assignment, log
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self.folder / ".lock"
        if shutil.which("alembic") is None:  # nbgrader calls it by name
            os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one process at a time works in the grade book: SQLite would refuse the others."""
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def prepare(self, master: NotebookNode) -> NotebookNode:
        """Put the master in; the notebook that students get, as nbgrader makes it.

        Raises:
            RuntimeError: nbgrader refuses the master.
        """
        self._write("source", ".", master)
        shutil.rmtree(self.folder / "release" / self.assignment, ignore_errors=True)
        (self.folder / "nbgrader_config.py").write_text(
            f"c = get_config()\nc.CourseDirectory.course_id = {self.assignment!r}\n"
        )
        self._convert(GenerateAssignment, ".")
        path = self.folder / "release" / self.assignment / f"{self.assignment}.ipynb"
        return nbformat.read(path, as_version=4)

    def autograde(
        self, student: str, notebook: NotebookNode, execute: Callable[[NotebookNode], None]
    ) -> None:
        """Grade a notebook that has been repaired; ``execute`` runs it in place.

        Raises:
            RuntimeError: nbgrader could not.
        """
        shutil.rmtree(self.folder / "autograded" / student / self.assignment, ignore_errors=True)
        self._write("submitted", student, notebook)

        def run(nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
            fcntl.flock(held, fcntl.LOCK_UN)  # others may use the grade book meanwhile
            try:
                execute(nb)
            finally:
                fcntl.flock(held, fcntl.LOCK_EX)
            return nb, resources

        steps = [
            run,
            preprocessors.LimitOutput,
            preprocessors.SaveAutoGrades,
            preprocessors.AssignLatePenalties,
            preprocessors.CheckCellMetadata,
        ]
        with self._lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self._convert(Autograde, student, autograde_preprocessors=steps)

    def feedback(self, student: str) -> Path:
        """Write the student's page; hidden tests are not in it.

        Raises:
            RuntimeError: nbgrader could not.
        """
        shutil.rmtree(self.folder / "feedback" / student / self.assignment, ignore_errors=True)
        steps = [
            preprocessors.GetGrades,
            preprocessors.ClearHiddenTests,
            CSSHTMLHeaderPreprocessor,
        ]
        with self.alone():
            converter = {"preprocessors": steps, "exporter_class": FeedbackExporter}
            self._convert(GenerateFeedback, student, **converter)
        return self.folder / "feedback" / student / self.assignment / f"{self.assignment}.html"

    def scores(self, student: str) -> list[Mark]:
        """The points of every exercise, in the notebook's order; [] if nothing was graded."""
        with self.alone(), self._book() as book:
            try:
                cells = book.find_notebook(self.assignment, self.assignment).source_cells
                graded = book.find_submission_notebook(self.assignment, self.assignment, student)
            except MissingEntry:
                return []
            order = {cell.name: place for place, cell in enumerate(cells)}
            found = []
            for grade in sorted(graded.grades, key=lambda grade: order.get(grade.name, 0)):
                points = None if grade.needs_manual_grade else grade.score
                by_hand = grade.auto_score is None or grade.manual_score is not None
                found.append(Mark(grade.name, points, grade.max_score, by_hand))
            return found

    def give(self, student: str, grade_id: str, points: float, comment: str) -> None:
        """Record points that a person gave, with a comment for the feedback page."""
        with self.alone(), self._book() as book:
            grade = book.find_grade(grade_id, self.assignment, self.assignment, student)
            grade.manual_score, grade.needs_manual_grade = points, False
            if comment:
                remark = book.find_comment(grade_id, self.assignment, self.assignment, student)
                remark.manual_comment = comment
            book.db.commit()

    def graded_notebook(self, student: str) -> NotebookNode:
        """The student's notebook as it ran."""
        folder = self.folder / "autograded" / student / self.assignment
        return nbformat.read(folder / f"{self.assignment}.ipynb", as_version=4)

    def _book(self) -> Any:
        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", self.assignment)

    def _write(self, step: str, student: str, notebook: NotebookNode) -> None:
        folder = self.folder / step / student / self.assignment
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / f"{self.assignment}.ipynb")

    def _convert(self, kind: Any, student: str, **settings: Any) -> None:
        config = Config()
        config.CourseDirectory.root = str(self.folder)
        config.CourseDirectory.assignment_id = self.assignment
        config.CourseDirectory.course_id = self.assignment
        config.CourseDirectory.student_id = student
        said = _Kept()
        self.log.addHandler(said)
        try:
            course = CourseDirectory(config=config, log=self.log)
            converter = kind(coursedir=course, config=config, log=self.log, **settings)
            converter.start()
        except Exception as error:
            raise RuntimeError(f"nbgrader stopped: {said.reason or error}") from error
        finally:
            self.log.removeHandler(said)


class _Kept(logging.Handler):
    """nbgrader raises without the reason, which it has logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "Traceback" in text and not self.reason:
            self.reason = text.strip().splitlines()[-1]
