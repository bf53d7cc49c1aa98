"""The instructor's way by the command line: release, grade, be killed, go on, mark by hand."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llm_nb.cli import main
from llm_nb.exercises.grading import tables
from llm_nb.exercises.grading.batch import grade
from llm_nb.exercises.grading.course import Mark
from llm_nb.exercises.release import before_nbgrader, through_nbgrader
from tests.exercises.grading.classroom import PAPER, World, master, save
from tests.exercises.grading.conftest import read_table, unless_isolated

NAMES = ["ann", "bo", "cy", "di"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flow")
    notebook = master()
    save(notebook, folder / "masters")
    world = World(folder, 0, through_nbgrader(before_nbgrader(notebook)))
    for name in NAMES:
        save(world.notebook(), world.submissions / name)
    return folder


def arguments(folder: Path, *more: str) -> list[str]:
    master_path = str(folder / "masters" / "mini.ipynb")
    places = [str(folder / "submissions"), "--out", str(folder / "out"), "--master", master_path]
    return ["exercises", "grade", *places, "--workers", "1", *more]


def test_a_killed_batch_goes_on_and_takes_points_by_hand(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "llm_nb", *arguments(folder)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "[2/4] bo: done" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with unless_isolated("".join(said)):
        assert "[2/4] bo: done" in said[-1], said
    assert not (folder / "out" / "grades.csv").exists()

    assert main(arguments(folder)) == 2
    assert "is there already" in capfd.readouterr().err
    points = [["student", "exercise", "points", "possible", "comment"]]
    points += [["ann", "1-1-answer", "2,5", "4", "Half of it."], ["bo", "1-1-answer", "", "4", ""]]
    with (folder / "out" / "by_hand.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows(points)  # as a spreadsheet with commas saves it
    assert main(arguments(folder, "--resume")) == 0
    out = capfd.readouterr().out
    assert "2 graded" in out
    assert "2 were finished before" in out
    rows = read_table(folder / "out" / "grades.csv")
    assert {name: rows[name]["1.1"] for name in NAMES} == {
        "ann": "2.5",
        **dict.fromkeys(["bo", "cy", "di"], "by hand"),
    }
    assert [rows[name]["total"] for name in NAMES] == ["8.5", "6", "6", "6"]
    page = (folder / "out" / "feedback" / "ann.html").read_text("utf-8")
    assert "Half of it." in page
    assert "Score: 8.5 / 10.0" in page
    table = read_table(folder / "out" / "by_hand.csv")
    assert [table[name]["points"] for name in NAMES] == ["2.5", "", "", ""]
    assert table["di"]["answer"] == PAPER
    assert (folder / "out").stat().st_mode & 0o777 == 0o700


def test_arguments_that_cannot_be(folder: Path, tmp_path: Path) -> None:
    path = folder / "masters" / "mini.ipynb"
    with pytest.raises(ValueError, match=r"there is no .*: give the submissions"):
        grade(tmp_path / "none", tmp_path / "out", path)
    with pytest.raises(ValueError, match="give the master"):
        grade(folder / "submissions", tmp_path / "out", tmp_path / "none.ipynb")
    with pytest.raises(ValueError, match="holds the submissions"):
        grade(folder / "submissions", folder, path)


def test_tables_are_safe_in_spreadsheets(tmp_path: Path) -> None:
    scores = [Mark("1-2-check", -0.5, 2, False), Mark("1-1-answer", None, 4, True)]
    tables.write_grades(tmp_path / "a.csv", [("-ann", scores, ["=1+1", "b"])])
    row = read_table(tmp_path / "a.csv")["'-ann"]
    assert row == {
        **{"student": "'-ann", "1.2": "-0.5", "1.1": "by hand", "total": "-0.5"},
        **{"possible": "6", "remarks": "'=1+1; b"},
    }
    tables.write_hand_table(tmp_path / "b.csv", [("-ann", scores[1], "=cmd|'/c calc'!A0")], [])
    assert read_table(tmp_path / "b.csv")["'-ann"]["answer"] == "'=cmd|'/c calc'!A0"
    assert tables.read_hand_table(tmp_path / "b.csv") == []


@pytest.mark.parametrize("points", ["five", "-1", "4.5", "nan"])
def test_points_that_cannot_be(tmp_path: Path, points: str) -> None:
    path = tmp_path / "by_hand.csv"
    path.write_text(f"student,exercise,points,possible\nann,1-1-answer,{points},4\n")
    with pytest.raises(ValueError, match=r"row 2: .* points: give a number from 0 to 4"):
        tables.read_hand_table(path)
    path.write_text("student;points\nann;4\n")
    with pytest.raises(ValueError, match="there is no column 'exercise'"):
        tables.read_hand_table(path)
