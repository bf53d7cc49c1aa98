"""Submissions as real classes hand them in: honest, wrong, damaged, in archives that deceive."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_output

from tests.exercises.grading.classroom import WRONG, Kind, World, grade_id, save

CODE = "1.2 1.3 1.4"
Change = Callable[[Any], None]


def _with(change: Change, **sources: str) -> Callable[[World, Path], None]:
    def make(world: World, folder: Path) -> None:
        notebook = world.notebook(**sources)
        change(notebook)
        save(notebook, folder)

    return make


def _cell(notebook: Any, name: str) -> Any:
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


def _twice(notebook: Any) -> None:
    place = notebook.cells.index(_cell(notebook, "1-2-answer"))
    stub = nbformat.from_dict(json.loads(json.dumps(notebook.cells[place])))
    stub.source = "# YOUR CODE HERE\nraise NotImplementedError()"
    notebook.cells.insert(place, stub)
    notebook.cells.append(_cell(notebook, "1-3-check"))


def _without(*names: str) -> Change:
    def change(notebook: Any) -> None:
        notebook.cells = [c for c in notebook.cells if grade_id(c) not in names]

    return change


def _retyped(notebook: Any) -> None:
    cell = _cell(notebook, "1-3-answer")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]
    _cell(notebook, "1-1-answer").update(cell_type="code", outputs=[], execution_count=None)


def _renamed(notebook: Any) -> None:
    for cell in notebook.cells:
        if name := grade_id(cell):
            cell.metadata.nbgrader.grade_id = f"{name}-copy"


def _unmarked(notebook: Any) -> None:
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        cell.pop("id", None)


def _moved(notebook: Any) -> None:
    notebook.cells.insert(2, notebook.cells.pop())


def _easier(notebook: Any) -> None:
    _cell(notebook, "1-2-check").source = "assert True"
    for cell in notebook.cells:
        if grade_id(cell) and cell.cell_type == "code":
            cell.metadata.nbgrader.update(points=1000, score=1000, grade=True, locked=False)


def _claims(notebook: Any) -> None:
    """Outputs as if it had run and passed; the file's own word for it is worth nothing."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            data = {"text/plain": "1000", "text/html": "<script>alert(1)</script>"}
            cell.outputs = [new_output("execute_result", data=data, execution_count=1)]


def _more(notebook: Any) -> None:
    notebook.cells.insert(1, new_code_cell("%matplotlib inline\n!echo hello\nbase = 2"))
    notebook.cells.append(new_code_cell("raise ValueError('an experiment of mine')"))


def _scripted(notebook: Any) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1))"
    _cell(notebook, "1-1-answer").source = f"{evil} <iframe srcdoc='{evil}'></iframe>"
    notebook.metadata["title"] = f"</title>{evil}"
    notebook.metadata["language_info"] = {"name": f"'>{evil}", "pygments_lexer": evil}


def _bytes(content: bytes, name: str = "mini.ipynb") -> Callable[[World, Path], None]:
    def make(world: World, folder: Path) -> None:
        folder.mkdir()
        (folder / name).write_bytes(content)

    return make


def _named(name: str) -> Callable[[World, Path], None]:
    return lambda world, folder: save(world.notebook(), folder, name)


def _link(world: World, folder: Path) -> None:
    folder.mkdir()
    os.symlink(world.folder / "masters" / "mini.ipynb", folder / "mini.ipynb")
    os.symlink(world.folder / "masters", folder / "inside")


def _zip(write: Callable[[zipfile.ZipFile, str], None]) -> Callable[[World, Path], None]:
    def make(world: World, folder: Path) -> None:
        folder.mkdir()
        with zipfile.ZipFile(folder / "work.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            write(archive, nbformat.writes(world.notebook()))

    return make


def _slip(archive: zipfile.ZipFile, text: str) -> None:
    for name in ("../../canary", "/mini.ipynb", "..\\..\\mini.ipynb", "C:\\mini.ipynb"):
        archive.writestr(name, text)
    archive.writestr("../../../submissions/perfect/mini.ipynb", "{}")
    archive.writestr("work/mini.ipynb", text)


def _zipped_link(archive: zipfile.ZipFile, text: str) -> None:
    entry = zipfile.ZipInfo("mini.ipynb")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "../../masters/mini.ipynb")


def _bomb(archive: zipfile.ZipFile, text: str) -> None:
    with archive.open("mini.ipynb", "w", force_zip64=True) as file:
        for _ in range(64):
            file.write(bytes(1 << 20))


def _latin(world: World, folder: Path) -> None:
    save(world.notebook(), folder)
    place = os.fsencode(folder) + b"/m\xfcller.ipynb"
    os.rename(folder / "mini.ipynb", place)


def mistaken_kinds() -> list[Kind]:
    same: Change = lambda notebook: None  # noqa: E731
    everything = "1.1 1.2 1.3 1.4"
    none = {"earned": ""}
    return [
        Kind("perfect", _with(same)),
        Kind("untouched", lambda world, folder: save(world.handed_out, folder), ""),
        Kind("wrong once", _with(same, double=WRONG), "1.1 1.3 1.4"),
        Kind("no paper", lambda w, f: save(w.notebook(paper=None), f), CODE),
        Kind("cannot be parsed", _with(same, evens="def evens(n:\n"), "1.1 1.2 1.4"),
        Kind("cells of its own", _with(_more), everything),
        Kind("duplicated cells", _with(_twice), everything, "1-2-answer was there 2 times"),
        Kind("deleted test", _with(_without("1-2-check")), everything, "put back"),
        Kind("deleted answer", _with(_without("1-4-answer")), "1.1 1.2 1.3", "without an answer"),
        Kind("retyped cells", _with(_retyped), everything, "made code again"),
        Kind("changed ids", _with(_renamed), everything, "recognised"),
        Kind("no metadata", _with(_unmarked), everything, "recognised"),
        Kind("moved cells", _with(_moved), everything, "was moved"),
        Kind("easier tests", _with(_easier, double=WRONG), "1.1 1.3 1.4", "had been changed"),
        Kind("outputs that claim", _with(_claims, double=WRONG), "1.1 1.3 1.4"),
        Kind("script in its text", _with(_scripted), everything),
        Kind("wrong name", _named("final FINAL (2).ipynb"), everything, "is called"),
        Kind("name in Latin-1", _latin, everything, "is called"),
        Kind("broken JSON", _bytes(b'{"cells": [{"cell_type"'), remark="no JSON", **none),
        Kind("deep JSON", _bytes(b"[" * 200_000), remark="no JSON", **none),
        Kind(
            "cells of rubbish", _bytes(b'{"cells": [1, null, {"source": [3]}]}'), "", "no cell of"
        ),
        Kind("empty file", _bytes(b""), remark="empty", **none),
        Kind("a letter instead", _bytes(b"Dear", "a.txt"), remark="no notebook", **none),
        Kind("links out", _link, remark="is a link", **none),
        Kind("zip that slips", _zip(_slip), everything, "leads out of its folder"),
        Kind("zip with a link", _zip(_zipped_link), remark="is a link", **none),
        Kind("zip bomb", _zip(_bomb), remark="has over 32 MB", **none),
    ]
