"""One call of an answer: what it returned or raised, within a limit of time."""

from __future__ import annotations

import ctypes
import linecache
import signal
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

_PACKAGE = str(Path(__file__).parents[1])


class OutOfTime(BaseException):
    """The answer ran too long. Not an Exception, so that ``except Exception`` lets it pass."""


@dataclass(frozen=True)
class Outcome:
    """What one call came to: ``value``, or the ``error`` that it raised and where."""

    value: Any = None
    error: BaseException | None = None
    where: str = ""  # "line 3, `return q @ k`", of the answer's own code, if it is known

    @property
    def too_slow(self) -> bool:
        """Whether it was stopped."""
        return isinstance(self.error, (OutOfTime, TimeoutError))

    @property
    def complaint(self) -> str:
        """The first line of what the error says of itself, if it can."""
        try:
            return (str(self.error).strip().splitlines() or [""])[0]
        except Exception:
            return ""

    @property
    def not_written(self) -> bool:
        """Whether the stub is still there."""
        return type(self.error) is NotImplementedError


def call(answer: Callable[..., Any], args: tuple[Any, ...], seconds: float) -> Outcome:
    """Call ``answer(*args)``; whatever it raises is part of the outcome."""
    try:
        with time_limit(seconds):
            return Outcome(answer(*args))
    except (Exception, OutOfTime, SystemExit) as error:
        return Outcome(error=error, where=_place(error))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise ``OutOfTime`` in the block once it has run for so long.

    By the system's alarm in the main thread of Linux and macOS. Elsewhere another thread asks
    Python to raise it, which it does between two lines: one long computation in C is not cut.
    """
    on_main = threading.current_thread() is threading.main_thread()
    if on_main and hasattr(signal, "setitimer"):
        before = signal.signal(signal.SIGALRM, _on_alarm)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), 0.5)  # again, if it was caught
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)
        return
    done, lock, thread = threading.Event(), threading.Lock(), threading.get_ident()

    def watch() -> None:
        done.wait(seconds)
        with lock:
            if not done.is_set():
                _raise_in(thread)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            done.set()


def _on_alarm(number: int, frame: FrameType | None) -> None:
    raise OutOfTime


def _raise_in(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(OutOfTime))


def _place(error: BaseException) -> str:
    """The last line of the answer's own code that the error passed through.

    An answer that ran elsewhere may bring it along as the error's attribute ``where``.
    """
    if isinstance(brought := getattr(error, "where", None), str):
        return brought
    libraries = {sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")}
    found, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        strange = name.startswith((_PACKAGE, "<frozen", *libraries)) or "site-packages" in name
        if not strange and "dist-packages" not in name:
            line = linecache.getline(name, trace.tb_lineno).strip()
            found = f"line {trace.tb_lineno}" + (f", `{line}`" if line else "")
        trace = trace.tb_next
    return found
