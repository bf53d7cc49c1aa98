"""The process from which every sandbox is forked: Python with the libraries loaded, no secrets.

Run as a program, by ``sandbox.Template``. It never imports ``llm_nb.exercises`` itself, whose
modules hold the right answers: students' code finds a stand-in whose ``check`` does nothing,
since the instructor's own process does the checking.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import types
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.05
# torch loads the last two, some seconds of work, at the first optimiser and the first comparison.
_USUAL = ("matplotlib.pyplot", "torch", "torch._dynamo", "torch.testing")


def main() -> None:
    """Load what is asked for, say so, then fork a sandbox for each pair of sockets that comes."""
    settings = json.loads(sys.argv[1])
    sys.path[:] = settings["path"]
    package = _stand_in(settings["exercises"])
    for name in (*_USUAL, *settings["preload"]):
        with contextlib.suppress(BaseException):  # who needs it will see the error again
            importlib.import_module(name)
    runner = importlib.import_module("llm_nb.exercises.grading.runner")
    isolation = importlib.import_module("llm_nb.exercises.grading.isolation")
    limits = importlib.import_module("llm_nb.exercises.grading.limits").Limits(**settings["limits"])
    package.__path__ = []
    view = settings["view"] and isolation.View(**settings["view"])
    shell = runner.make_shell()
    control = socket.socket(fileno=settings["control"])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.send(str(len(os.listdir("/proc/self/task"))).encode() if view else b"1")
    while True:
        message, handles, *_ = socket.recv_fds(control, 16, 2)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with contextlib.suppress(BaseException):
                _become_sandbox(handles, view, limits, runner, shell, isolation)
            os._exit(0)
        for handle in handles:
            os.close(handle)


def _stand_in(folder: str) -> types.ModuleType:
    """A module in the place of ``llm_nb.exercises``, through which only the sandbox is found."""
    package = types.ModuleType("llm_nb.exercises")
    package.__path__ = [folder]
    module = types.ModuleType("llm_nb.exercises.check")

    def check(number: str = "", answer: Any = None, **options: Any) -> None:
        print(f"check({number!r}): not here; the grader checks the answer itself.")

    package.check = module  # type: ignore[attr-defined]
    module.check = check  # type: ignore[attr-defined]
    sys.modules |= {"llm_nb.exercises": package, "llm_nb.exercises.check": module}
    return package


def _become_sandbox(
    handles: list[int], view: Any, limits: Any, runner: Any, shell: Any, isolation: Any
) -> None:
    connection, leash = (socket.socket(fileno=handle) for handle in handles)
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    for handle in range(3, 256):
        if handle not in (leash.fileno(), connection.fileno()):
            with contextlib.suppress(OSError):
                os.close(handle)
    try:
        if view:
            isolation.enter(view, limits)
        else:
            isolation.set_limits(limits)
    except OSError as error:
        leash.send(f"could not start: {error}".encode())
        return
    student = os.fork()
    if student:
        connection.close()
        if view:
            isolation.system.set_inspectable(False)
        reason = _supervise(student, leash, limits)
        _kill_all(bool(view), student)
        with contextlib.suppress(OSError):
            leash.send(reason.encode()[:200])
        return
    leash.close()
    if view:
        isolation.system.set_inspectable(True)
    else:
        os.setpgid(0, 0)
    runner.serve(connection, shell)


def _supervise(student: int, leash: socket.socket, limits: Any) -> str:
    """Wait until the student's process ends or has to; say why it did."""
    end = time.monotonic() + limits.total_seconds * (limits.restarts + 1) + 60
    allowed = limits.memory_mb + _held_mb(student, exactly=False)
    while True:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return "its process ended"
            if pid == student:
                if os.WIFSIGNALED(status):
                    return f"its process was ended by {signal.Signals(os.WTERMSIG(status)).name}"
                return f"its process ended itself (exit {os.WEXITSTATUS(status)})"
            if pid == 0:
                break
        if select.select([leash], [], [], _POLL_SECONDS)[0]:
            return "it was no longer needed"
        if _held_mb(student, exactly=False) > allowed and _held_mb(student, exactly=True) > allowed:
            return f"it held more than {limits.memory_mb} MB of memory"
        if time.monotonic() > end:
            return "it ran too long"


def _held_mb(student: int, *, exactly: bool) -> int:
    """What all the sandbox's processes hold; without namespaces, what its first one holds.

    The exact sum, in which memory that processes share counts once, takes longer.
    """
    names = os.listdir("/proc") if os.getpid() == 1 else [str(student)]
    return sum(_held_kb(name, exactly) for name in names if name.isdigit() and name != "1") >> 10


def _held_kb(name: str, exactly: bool) -> int:
    if exactly:
        with contextlib.suppress(
            OSError, ValueError, IndexError
        ):  # else it hides: all of it counts
            lines = Path(f"/proc/{name}/smaps_rollup").read_text().splitlines()
            parts = ("Pss_Anon:", "Pss_Shmem:")
            return sum(int(line.split()[1]) for line in lines if line.startswith(parts))
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path(f"/proc/{name}/status").read_text().splitlines()
        parts = ("RssAnon:", "RssShmem:")
        return sum(int(line.split()[1]) for line in lines if line.startswith(parts))
    return 0


def _kill_all(isolated: bool, student: int) -> None:
    with contextlib.suppress(OSError):
        if isolated and os.getpid() == 1:
            os.kill(-1, signal.SIGKILL)
        else:
            os.killpg(student, signal.SIGKILL)


if __name__ == "__main__":
    main()
