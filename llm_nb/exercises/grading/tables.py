"""The tables of a batch: grades to hand on, and points that only a person can give."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llm_nb.exercises.grading.course import Mark
from llm_nb.exercises.grading.feedback import exercise_name
from llm_nb.files import write_whole

OPEN = "by hand"  # in the place of points that nobody has given yet
_HAND = ["student", "exercise", "points", "possible", "comment", "answer"]


@dataclass(frozen=True)
class HandPoints:
    """One filled row of the table for points given by hand."""

    student: str
    grade_id: str
    points: float
    comment: str


def write_grades(path: Path, rows: Iterable[tuple[str, list[Mark], list[str]]]) -> None:
    """Write ``student, (points of each exercise), total, possible, remarks``, one row a student.

    An exercise that waits for a person says so in the place of its points, and the total is then
    of the others.
    """
    rows = list(rows)
    names = list(
        dict.fromkeys(exercise_name(score.grade_id) for _, scores, _ in rows for score in scores)
    )
    table = [["student", *names, "total", "possible", "remarks"]]
    for student, scores, remarks in rows:
        cells = []
        for name in names:
            mine = [score for score in scores if exercise_name(score.grade_id) == name]
            open_ones = any(score.points is None for score in mine)
            cells.append(OPEN if open_ones else _number(sum(s.points or 0 for s in mine)))
        total = _number(sum(score.points or 0 for score in scores))
        possible = _number(sum(score.possible for score in scores))
        table.append([student, *cells, total, possible, "; ".join(remarks)])
    write_whole(path, _text(table))


def write_hand_table(
    path: Path, rows: Iterable[tuple[str, Mark, str]], given: Iterable[HandPoints]
) -> None:
    """Write the table of what a person has to mark; points that were given stay in it."""
    known = {(points.student, points.grade_id): points for points in given}
    table = [_HAND]
    for student, score, answer in rows:
        mine = known.get((student, score.grade_id))
        points = _number(mine.points) if mine else ""
        comment = mine.comment if mine else ""
        possible = _number(score.possible)
        table.append([student, score.grade_id, points, possible, comment, answer[:5000]])
    write_whole(path, _text(table))


def read_hand_table(path: Path) -> list[HandPoints]:
    """The rows in which somebody has filled in points; [] if there is no table yet.

    Raises:
        ValueError: points that are no number, or not from 0 to what is possible.
    """
    if not path.exists():
        return []
    text = path.read_text("utf-8-sig")
    dialect = (
        ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    )
    found = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=dialect), start=2):
        if missing := [name for name in _HAND[:4] if row.get(name) is None]:
            raise ValueError(f"{path.name}, row {number}: there is no column {missing[0]!r}")
        words = row["points"].strip().replace(",", ".")
        if not words:
            continue
        try:
            points, possible = float(words), float(row["possible"].replace(",", "."))
        except ValueError:
            points = possible = math.nan
        if not 0 <= points <= possible:
            raise ValueError(
                f"{path.name}, row {number}: {words!r} points: give a number from 0 to "
                f"{row['possible']}"
            )
        comment = _plain(row.get("comment") or "")
        found.append(HandPoints(_plain(row["student"]), row["exercise"], points, comment))
    return found


def _text(table: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(_harmless, row) for row in table])
    return "﻿" + out.getvalue()  # the mark by which spreadsheets know UTF-8


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", cell)
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number else cell


def _plain(cell: str) -> str:
    return cell[1:] if re.match(r"'[=+\-@\t\r]", cell) else cell


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
