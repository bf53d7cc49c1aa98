"""A class that hands in every kind of notebook, graded once for all tests."""

from __future__ import annotations

import csv
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from llm_nb.exercises.grading.batch import grade
from llm_nb.exercises.grading.limits import Limits
from llm_nb.exercises.grading.sandbox import IsolationUnavailable, Template, prove_isolation
from llm_nb.exercises.release import before_nbgrader, through_nbgrader
from tests.exercises.grading.classroom import SECRET, World, master, save
from tests.exercises.grading.hostile import hostile_kinds
from tests.exercises.grading.mistakes import mistaken_kinds

KINDS = [*mistaken_kinds(), *hostile_kinds()]
LIMITS = Limits(
    cell_seconds=4, call_seconds=2, total_seconds=40, memory_mb=600, disk_mb=32, processes=20
)


@dataclass(frozen=True)
class Graded:
    """The class after grading."""

    world: World
    rows: dict[str, dict[str, str]]
    said_to_server: list[bytes]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """Sandboxes with small limits; skipped where the system cannot isolate, but never in CI."""
    try:
        with Template(LIMITS) as made:
            prove_isolation(made, [tmp_path_factory.getbasetemp()])
            yield made
    except IsolationUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def graded(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    """From the master to the table of grades, with one submission of every kind."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "masters").mkdir()
    (folder / "canary").write_text(SECRET)
    notebook = master()
    nbformat.write(notebook, folder / "masters" / "mini.ipynb")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_NB_TEST_SECRET", SECRET)
        world = World(folder, server.getsockname()[1], through_nbgrader(before_nbgrader(notebook)))
        (folder / "submissions").mkdir()
        for kind in KINDS:
            kind.make(world, folder / "submissions" / kind.name)
        table = grade(
            world.submissions, folder / "out", folder / "masters" / "mini.ipynb", limits=LIMITS
        )
        server.settimeout(0.1)
        said = []
        try:
            said.append(server.accept()[0].recv(100))
        except TimeoutError:
            pass
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    yield Graded(world, rows, said)
