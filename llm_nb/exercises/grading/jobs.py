"""Pieces of work in processes of their own, a few at a time; none can end another."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Ended:
    """How a piece of work ended: ``fault`` is "" if it came to its end."""

    name: str
    fault: str
    seconds: float


def each_in_a_process(
    names: Iterable[str], work: Callable[[str], None], workers: int, seconds: float
) -> Iterator[Ended]:
    """Run ``work(name)`` in a child for each name; say how each ended, in the order they do.

    A child that takes longer than ``seconds`` is killed. If this generator is closed before its
    end, the children that run are killed too.
    """
    waiting = list(reversed(list(names)))
    running: dict[int, tuple[str, float]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name = waiting.pop()
                running[_child(name, work)] = (name, time.monotonic())
            for pid, (name, begun) in list(running.items()):
                took = time.monotonic() - begun
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    del running[pid]
                    yield Ended(name, _fault(status), took)
                elif took > seconds:
                    del running[pid]
                    _kill(pid)
                    yield Ended(name, f"it took over {seconds:.0f} s", took)
            time.sleep(_POLL_SECONDS)
    finally:
        for pid in running:
            _kill(pid)


def _child(name: str, work: Callable[[str], None]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        work(name)
        status = 0
    except BaseException:
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _fault(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the grader was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return "the grader failed" if os.WEXITSTATUS(status) else ""
