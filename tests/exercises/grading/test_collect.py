"""Folders and zips as learning platforms make them; nothing in them leads anywhere else."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from llm_nb.exercises.grading import collect as module
from llm_nb.exercises.grading.collect import Submission, collect

MOODLE = {
    "Ann Lee_4711_assignsubmission_file_/mini.ipynb": "ann",
    "Bo_Anders_12_assignsubmission_file/work/mini-1.ipynb": "bo",
    "Cy_13_assignsubmission_onlinetext_/onlinetext.html": "no file",
}
CANVAS = {
    "leeann_99_1234_mini.ipynb": "ann",
    "bobo_LATE_7_1235_mini-2.ipynb": "bo",
    "cy_8_1236_essay.pdf": "essay",
}


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def zipped(path: Path, files: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def found(submissions: Path, scratch: Path) -> dict[str, Submission]:
    scratch.mkdir()
    return {each.student: each for each in collect(submissions, scratch, "mini")}


def texts(submissions: Path, scratch: Path) -> dict[str, str | None]:
    return {
        name: each.path.read_text() if each.path else None
        for name, each in found(submissions, scratch).items()
    }


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("as_zip", [False, True])
def test_moodle(tmp_path: Path, as_zip: bool, wrapped: bool) -> None:
    files = {f"week 3/{name}" if wrapped else name: text for name, text in MOODLE.items()}
    source = zipped(tmp_path / "all.zip", files) if as_zip else put(tmp_path / "all", files)
    assert texts(source, tmp_path / "scratch") == {
        "Ann Lee 4711": "ann",
        "Bo_Anders 12": "bo",
        "Cy 13": None,
    }


@pytest.mark.parametrize("where", ["folder", "zip", "zip in a folder"])
def test_canvas(tmp_path: Path, where: str) -> None:
    if where == "folder":
        source = put(tmp_path / "all", CANVAS)
    elif where == "zip":
        source = zipped(tmp_path / "all.zip", CANVAS)
    else:
        source = zipped(tmp_path / "all" / "submissions.zip", CANVAS).parent
    expected = {"bobo 7": "bo", "cy 8": None, "leeann 99": "ann"}
    assert texts(source, tmp_path / "scratch") == expected


def test_folders_zips_and_plain_files(tmp_path: Path) -> None:
    source = put(
        tmp_path / "all",
        {
            "ann/mini.ipynb": "ann",
            "bo/mini/mini.ipynb": "bo",  # as nbgrader collects
            "bo/mini/.ipynb_checkpoints/mini.ipynb": "old",
            "cy.ipynb": "cy",
            "mini_di.ipynb": "di",
            "grades.csv": "a list",
        },
    )
    zipped(source / "eve.zip", {"project/mini.ipynb": "eve", "__MACOSX/mini.ipynb": "no"})
    zipped(source / "flo" / "deep.zip", {"a/b/other.ipynb": "other", "a/mini.ipynb": "flo"})
    (source / "gus").mkdir()
    assert texts(source, tmp_path / "scratch") == {
        **{"ann": "ann", "bo": "bo", "cy": "cy", "di": "di", "eve": "eve", "flo": "flo"},
        "gus": None,
    }


def test_a_zip_of_a_class(tmp_path: Path) -> None:
    files = {"class/ann/mini.ipynb": "ann", "class/bo/mini.ipynb": "bo"}
    assert texts(zipped(tmp_path / "all.zip", files), tmp_path / "one") == {
        "ann": "ann",
        "bo": "bo",
    }
    files = {"ann/mini/mini.ipynb": "ann"}
    assert texts(zipped(tmp_path / "one.zip", files), tmp_path / "two") == {"ann": "ann"}


def test_which_notebook_counts(tmp_path: Path) -> None:
    files = {"ann/mini_old.ipynb": "old", "ann/mini.ipynb": "new", "ann/mini (1).ipynb": "copy"}
    ann = found(put(tmp_path / "all", files), tmp_path / "scratch")["ann"]
    assert ann.path is not None
    assert ann.path.read_text() == "new"
    assert ann.remarks == ["3 notebooks: mini.ipynb counts"]


def test_names_are_made_safe_and_stay_apart(tmp_path: Path) -> None:
    names = ["=HYPERLINK(1)", "a*b", "a?b", "A_B", "..ä", "x" * 150]
    source = put(tmp_path / "all", {f"{name}/mini.ipynb": name for name in names})
    (source / os.fsdecode(b"m\xff")).mkdir()
    (source / os.fsdecode(b"m\xff") / "mini.ipynb").write_text("latin")
    students = found(source, tmp_path / "scratch")
    assert sorted(students) == sorted(
        ["_HYPERLINK_1_", "A_B", "a_b-2", "a_b-3", "ä", "x" * 80, "m_"]
    )
    for name, submission in students.items():
        assert name[0] not in "=+-@."
        assert "/" not in name
        assert any("was changed" in remark for remark in submission.remarks) == (name != "A_B")


def test_what_is_in_the_way_is_refused(tmp_path: Path) -> None:
    source = put(tmp_path / "all", {"ann/mini.ipynb": "ann", "bo/notes.txt": "x"})
    os.symlink("/etc/passwd", source / "ann" / "other.ipynb")
    os.symlink("/etc", source / "cy")
    os.mkfifo(source / "ann" / "pipe.ipynb")
    (source / "di.zip").write_bytes(b"PK\x03\x04 but not really")
    students = found(source, tmp_path / "scratch")
    assert students["ann"].path == source / "ann" / "mini.ipynb"
    assert "other.ipynb is a link: left out" in students["ann"].remarks
    assert "pipe.ipynb is no ordinary file: left out" in students["ann"].remarks
    assert [students[name].path for name in ("bo", "cy", "di")] == [None] * 3
    assert "no zip that can be read" in students["di"].remarks[0]


def test_bombs_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NOTEBOOK", 1 << 20)
    monkeypatch.setattr(module, "MAX_ARCHIVE", 3 << 19)
    monkeypatch.setattr(module, "MAX_ENTRIES", 100)
    source = tmp_path / "all"
    zipped(source / "ann" / "a.zip", {"mini.ipynb": "x" * (2 << 20)})
    zipped(source / "bo" / "a.zip", {f"{i}.ipynb": "x" * (1 << 20) for i in range(3)})
    zipped(source / "cy" / "a.zip", {f"{i}.txt": "" for i in range(101)})
    inner = zipped(tmp_path / "c.zip", {"mini.ipynb": "far"}).read_bytes()
    for name in ("b.zip", "a.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("c.zip" if name == "b.zip" else "b.zip", inner)
        inner = (tmp_path / name).read_bytes()
    (source / "di").mkdir()
    (source / "di" / "a.zip").write_bytes(inner)
    students = found(source, tmp_path / "scratch")
    assert {name: each.path for name, each in students.items() if name != "bo"} == {
        "ann": None,
        "cy": None,
        "di": None,
    }
    assert "has over 1 MB" in students["ann"].remarks[0]
    assert any("has over 0 MB" in remark for remark in students["bo"].remarks)
    assert "over 100 files" in students["cy"].remarks[0]
    assert "a zip in a zip in a zip" in students["di"].remarks[0]
    assert sum(path.stat().st_size for path in (tmp_path / "scratch").iterdir()) < 8 << 20


def test_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="there are no submissions"):
        collect(tmp_path / "empty", tmp_path, "mini")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        collect(tmp_path / "a.txt", tmp_path, "mini")
