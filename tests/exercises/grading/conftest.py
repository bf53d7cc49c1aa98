"""A class that hands in every kind of notebook, graded once for all tests."""

from __future__ import annotations

import contextlib
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
from llm_nb.exercises.grading.sandbox import Template, prove_isolation
from llm_nb.exercises.release import before_nbgrader, through_nbgrader
from tests.exercises.grading.classroom import SECRET, World, master
from tests.exercises.grading.hostile import hostile_kinds
from tests.exercises.grading.mistakes import mistaken_kinds

KINDS = [*mistaken_kinds(), *hostile_kinds()]
LIMITS = Limits(
    cell_seconds=3, call_seconds=2, total_seconds=40, memory_mb=600, disk_mb=32, processes=20
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
    with unless_isolated(), Template(LIMITS) as made:
        prove_isolation(made, [tmp_path_factory.getbasetemp()])
        yield made


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """From the master to the table of grades, with one submission of every kind."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "masters").mkdir()
    (folder / "canary").write_text(SECRET)
    notebook = master()
    path = folder / "masters" / "mini.ipynb"
    nbformat.write(notebook, path)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_NB_TEST_SECRET", SECRET)
        handed_out = through_nbgrader(before_nbgrader(notebook))
        world = World(folder, server.getsockname()[1], handed_out)
        (folder / "submissions").mkdir()
        for kind in KINDS:
            kind.make(world, folder / "submissions" / kind.name)
        with unless_isolated():
            table = grade(world.submissions, folder / "out", path, limits=LIMITS)
        server.settimeout(0.1)
        said = []
        with contextlib.suppress(TimeoutError):
            said.append(server.accept()[0].recv(100))
    return Graded(world, read_table(table), said)


@contextlib.contextmanager
def unless_isolated(said: str = "") -> Iterator[None]:
    """Skip what fails because this system cannot isolate; but never in CI."""
    try:
        yield
    except (ValueError, RuntimeError, AssertionError) as error:
        if os.environ.get("CI") or "cannot be isolated" not in f"{error} {said}":
            raise
        pytest.skip("students' code cannot be isolated here")


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a table of grades, by student."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}
