"""The batch itself: prepare, prove the sandbox and the master, grade each alone, write tables."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader import utils

from llm_nb.exercises.chapters import chapter_module
from llm_nb.exercises.grading import tables
from llm_nb.exercises.grading.collect import Submission, collect
from llm_nb.exercises.grading.course import Course, grade_id
from llm_nb.exercises.grading.examiner import Run, setup_of
from llm_nb.exercises.grading.jobs import each_in_a_process
from llm_nb.exercises.grading.limits import Limits
from llm_nb.exercises.grading.repair import Unreadable, read_cells, repaired
from llm_nb.exercises.grading.sandbox import Sandbox, Template, prove_isolation
from llm_nb.exercises.masters import for_class
from llm_nb.exercises.release import before_nbgrader
from llm_nb.files import write_whole

_GRACE_SECONDS = 120.0  # for nbgrader's own work on one submission


class Batch:
    """One class, one notebook; ``settings`` as ``batch.grade`` writes them."""

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.out, self.settings = out, settings
        self.limits = Limits(**settings["limits"])
        self.log = _logger(out / "grading.log")
        self.records = out / "records"
        master = Path(settings["master"])
        self.notebook = _numbered(
            nbformat.read(master, as_version=4), master.stem, settings["variant"]
        )
        self.course = Course(out / "course", master.stem, self.log.getChild("nbgrader"))
        self.names = {"HIDDEN": settings["seed"]}  # what masters call the seed of hidden tests

    def run(self) -> None:
        """Grade everything that is not graded yet and write the tables.

        Raises:
            ValueError, RuntimeError: why ``batch.grade`` cannot go on.
        """
        points = tables.read_hand_table(self.out / "by_hand.csv")
        for folder in ("records", "feedback"):
            (self.out / folder).mkdir(exist_ok=True)
        source = before_nbgrader(self.notebook)
        self.handed_out = self.course.prepare(source)
        self.setup = setup_of(self.notebook)
        unseen = [
            self.out,
            Path(self.settings["submissions"]),
            Path(self.settings["master"]).parent,
        ]
        with (
            tempfile.TemporaryDirectory(dir=self.out) as scratch,
            Template(
                self.limits,
                hidden=unseen,
                preload=_modules(self.setup),
                isolated=self.settings["isolated"],
            ) as self.template,
        ):
            if self.settings["isolated"]:
                prove_isolation(self.template, [self.out])
            else:
                self._say("NOT ISOLATED: students' code can read whatever you can read")
            self._prove_master(source, Path(scratch))
            assignment = self.course.assignment
            (unpacked := Path(scratch) / "unpacked").mkdir()
            found = collect(Path(self.settings["submissions"]), unpacked, assignment)
            self.submissions = {submission.student: submission for submission in found}
            self._grade_all()
        changed = self._give(points)
        self._write_tables(points)
        waiting = f", {changed} with points by hand" if changed else ""
        self._say(f"{len(found)} submissions graded{waiting}: {self.out / 'grades.csv'}")

    def _prove_master(self, source: NotebookNode, scratch: Path) -> None:
        """The master's own solutions pass its tests here; else nobody's would.

        It goes the way of a submission, in a copy of the course, and so loads all that the
        processes made for submissions need.
        """
        shutil.copytree(self.course.folder, scratch / "course")
        course = Course(scratch / "course", self.course.assignment, self.course.log)
        runs: list[NotebookNode] = []

        def execute(notebook: NotebookNode) -> None:
            with Sandbox(self.template) as sandbox:
                Run(sandbox, self.setup, self.names).cells(notebook)
            runs.append(notebook)

        course.autograde("master", source, execute)
        course.feedback("master")
        outputs = {grade_id(cell): cell.get("outputs", []) for cell in runs[0].cells}
        for score in course.scores("master"):
            if not score.by_hand and score.points != score.possible:
                said = " ".join(o.get("text", o.get("evalue", "")) for o in outputs[score.grade_id])
                raise RuntimeError(
                    f"the master's own solution gets {score.points:g} of {score.possible:g} points "
                    f"in {score.grade_id}: mend the master first ({said[:500].strip()})"
                )

    def _grade_all(self) -> None:
        names = [name for name in self.submissions if not self._is_done(name)]
        kept = len(self.submissions) - len(names)
        begun = time.monotonic()
        seconds = self.limits.total_seconds + _GRACE_SECONDS
        jobs = each_in_a_process(names, self._grade_one, self.settings["workers"], seconds)
        for number, ended in enumerate(jobs, start=1):
            if ended.fault:
                self._record(ended.name, fault=ended.fault, remarks=[])
            note = ended.fault or "done"
            self._say(f"[{number}/{len(names)}] {ended.name}: {note} ({ended.seconds:.1f} s)")
        took = time.monotonic() - begun
        self._say(f"{len(names)} graded in {took:.1f} s, {kept} were finished before")

    def _grade_one(self, student: str) -> None:
        """In a process of its own: repair, run, grade, feedback, record."""
        submission = self.submissions[student]
        remarks = list(submission.remarks)
        notebook = self._repair(submission, remarks)

        def execute(restored: NotebookNode) -> None:
            with Sandbox(self.template) as sandbox:
                run = Run(sandbox, self.setup, self.names)
                run.cells(restored)
            remarks.extend(run.remarks)
            lines = [_in_markdown(remark) for remark in remarks]
            if any(utils.is_solution(c) and utils.is_grade(c) for c in restored.cells):
                lines.append("A person marks the answers on paper; until then they count 0.")
            if lines:
                notes = "\n".join(f"- {line}" for line in lines)
                restored.cells.insert(0, new_markdown_cell(f"**The grader's notes**\n\n{notes}"))

        self.course.autograde(student, notebook, execute)
        self._write_page(student)
        self._record(student, fault="", remarks=remarks)

    def _repair(self, submission: Submission, remarks: list[str]) -> NotebookNode:
        try:
            if submission.path is None:
                raise Unreadable("nothing to grade")
            cells, variant = read_cells(submission.path)
        except Unreadable as error:
            if submission.path is not None:
                remarks.append(f"no points: {error}")
            return repaired([], self.handed_out)[0]
        notebook, repairs = repaired(cells, self.handed_out)
        if variant != self.settings["variant"]:
            remarks.append(f"it says it is of variant {str(variant)[:20]}")
        remarks += repairs
        return notebook

    def _write_page(self, student: str) -> None:
        page = self.course.feedback(student)
        shutil.copyfile(page, self.out / "feedback" / f"{student}.html")

    def _give(self, points: list[tables.HandPoints]) -> int:
        """Put points that a person gave into the grade book; new pages for who got some."""
        students = set()
        for given in points:
            scores = {score.grade_id: score for score in self.course.scores(given.student)}
            if given.grade_id not in scores:
                raise ValueError(f"by_hand.csv: {given.student} has no exercise {given.grade_id!r}")
            if scores[given.grade_id].points != given.points or given.comment:
                self.course.give(given.student, given.grade_id, given.points, given.comment)
                students.add(given.student)
        for student in sorted(students):
            self._write_page(student)
        return len(students)

    def _write_tables(self, points: list[tables.HandPoints]) -> None:
        rows, by_hand = [], []
        for student in self.submissions:
            record = json.loads(self._record_path(student).read_text("utf-8"))
            remarks = list(record["remarks"])
            if record["fault"]:
                remarks.insert(0, f"LOOK AT IT YOURSELF: {record['fault']}")
            scores = self.course.scores(student)
            rows.append((student, scores, remarks))
            if any(score.by_hand for score in scores):
                answers = _answers(self.course.graded_notebook(student))
                by_hand += [(student, s, answers.get(s.grade_id, "")) for s in scores if s.by_hand]
        tables.write_grades(self.out / "grades.csv", rows)
        tables.write_hand_table(self.out / "by_hand.csv", by_hand, points)

    def _record_path(self, student: str) -> Path:
        return self.records / f"{student}.json"

    def _record(self, student: str, *, fault: str, remarks: list[str]) -> None:
        record = {"key": self._key(student), "fault": fault, "remarks": remarks}
        write_whole(self._record_path(student), json.dumps(record, indent=1))

    def _is_done(self, student: str) -> bool:
        path = self._record_path(student)
        if not path.exists():
            return False
        record = json.loads(path.read_text("utf-8"))
        return record["key"] == self._key(student) and not record["fault"]

    def _key(self, student: str) -> str:
        """What the grade depends on: the submission, the assignment, the limits."""
        submission = self.submissions[student]
        fixed = [self.notebook, self.settings["limits"], self.settings["seed"], submission.remarks]
        digest = hashlib.sha256(json.dumps(fixed, sort_keys=True).encode())
        if submission.path is not None:
            with submission.path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _say(self, line: str) -> None:
        self.log.info(line)
        print(line, flush=True)


def _numbered(master: NotebookNode, name: str, variant: int | None) -> NotebookNode:
    """A chapter's master with one class's numbers; a notebook of another name as it is."""
    try:
        chapter_module(name)
    except ValueError:
        if variant is not None:
            raise
        return master
    return for_class(master, name, variant)


def _modules(setup: list[str]) -> list[str]:
    """The modules that a master's setup imports, but for the exercises."""
    words = [line.split() for code in setup for line in code.splitlines()]
    names = [w[1].rstrip(",") for w in words if len(w) > 1 and w[0] in ("import", "from")]
    return [name for name in dict.fromkeys(names) if not name.startswith("llm_nb.exercises")]


def _answers(notebook: NotebookNode) -> dict[str, str]:
    return {grade_id(cell): cell.source for cell in notebook.cells}


def _in_markdown(remark: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_[]()<>#$|" else c for c in remark.replace("\n", " "))


def _logger(path: Path) -> logging.Logger:
    """The progress of the batch, and of nbgrader what went wrong.

    It warns of every hidden test that it puts back, so its warnings are left out.
    """
    warnings.filterwarnings("ignore", module="nbgrader")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("llm_nb.grading")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    log.getChild("nbgrader").setLevel(logging.ERROR)
    return log
