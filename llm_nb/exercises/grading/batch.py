"""Grading a class: ``grade(submissions, out, master)`` makes tables and feedback pages.

The work is done by a process of its own (this module run as a program), so that it starts with
one thread and no student's file on its path. In ``out`` it leaves

- ``grades.csv``, ``by_hand.csv``: the points, and those that a person has to give;
- ``feedback/``: a page for each student;
- ``grading.log``: what happened; ``course/``: nbgrader's folder; ``records/``: what is finished.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llm_nb.exercises.grading.limits import Limits
from llm_nb.extras import library
from llm_nb.files import write_whole


def grade(
    submissions: str | Path,
    out: str | Path,
    master: str | Path,
    *,
    variant: int | None = None,
    isolated: bool = True,
    resume: bool = False,
    limits: Limits | None = None,
    workers: int | None = None,
) -> Path:
    """Grade what a class handed in and return the table of grades.

    Args:
        submissions: a folder, or a zip of the learning platform; see ``collect``.
        out: the folder for all results; not there yet unless ``resume``.
        master: the notebook with solutions and hidden tests.
        variant: whose numbers were handed out; None means the book's own.
        isolated: False runs students' code with limits only, where nothing better can be had.
        resume: go on with ``out``: what is finished stays, points in ``by_hand.csv`` are read,
            and submissions that are new or have changed are graded.
        limits: what one submission may use.
        workers: submissions at one time; None means as many as there are processors.

    Raises:
        ValueError: an argument is wrong, or ``by_hand.csv``; students' code cannot be isolated;
            the master's own solutions do not pass.
        ImportError: nbgrader is missing.
    """
    library("nbgrader", "grading")
    submissions, out, master = Path(submissions), Path(out), Path(master)
    for path, what in ((submissions, "submissions"), (master, "master")):
        if not path.exists():
            raise ValueError(f"there is no {path}: give the {what}")
    if out.resolve() in (submissions.resolve(), *submissions.resolve().parents):
        raise ValueError(f"{out} holds the submissions: choose another folder for the results")
    if sys.platform == "win32":
        raise ValueError("grading needs Linux: use the container of the instructors' page")
    seed = secrets.randbelow(1 << 48)  # of the hidden tests: nobody can know it beforehand
    place = out / "settings.json"
    if out.exists() and any(out.iterdir()):
        if not resume or not place.exists():
            raise ValueError(f"{out} is there already: --resume goes on with it; or choose another")
        seed = json.loads(place.read_text("utf-8"))["seed"]
    out.mkdir(parents=True, exist_ok=True)
    out.chmod(0o700)
    settings = {
        "submissions": str(submissions.resolve()),
        "master": str(master.resolve()),
        "variant": variant,
        "isolated": isolated,
        "limits": asdict(limits or Limits()),
        "workers": workers or _processors(),
        "seed": seed,
    }
    write_whole(place, json.dumps(settings, indent=1))
    _run(out)
    return out / "grades.csv"


def _processors() -> int:
    """Those that this process may use; macOS does not say which."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(out: Path) -> None:
    one = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
    command = [sys.executable, "-P", "-B", "-m", __spec__.name, str(out.resolve())]
    fault = out / "fault.txt"
    fault.unlink(missing_ok=True)
    status = subprocess.run(command, env=os.environ | one, cwd=out).returncode
    if status:
        words = fault.read_text("utf-8") if fault.exists() else f"it ended with status {status}"
        raise ValueError(f"grading stopped: {words}")


def main(argv: list[str]) -> int:
    """Run the batch whose settings are in the folder ``argv[0]``."""
    from llm_nb.exercises.grading.work import Batch

    out = Path(argv[0])
    settings: dict[str, Any] = json.loads((out / "settings.json").read_text("utf-8"))
    try:
        Batch(out, settings).run()
    except KeyboardInterrupt:
        write_whole(out / "fault.txt", "interrupted: --resume goes on")
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        write_whole(out / "fault.txt", str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
