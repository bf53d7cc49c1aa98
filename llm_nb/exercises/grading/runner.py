"""The student's side: runs cells, names and calls functions. Nothing here is trusted.

Every request and every answer is plain data. A student who changes this code changes what his
own answers are, and nothing else.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import io
import linecache
import socket
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from llm_nb.exercises.grading.channel import Channel, Closed
from llm_nb.exercises.grading.codec import NotPlainData, encode

MAX_TEXT = 100_000  # characters of output that a cell keeps
MAX_IMAGES = 4 << 20
KEPT = ("text/plain", "image/png", "image/jpeg")
CUT = "\n… the rest of the output was cut …\n"


class _Outputs:
    """The outputs of one cell, up to a bound."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.text = self.images = 0

    def write(self, name: str, text: str) -> None:
        if self.text > MAX_TEXT or not text:
            return
        self.text += len(text)
        text = text[:MAX_TEXT] + CUT if self.text > MAX_TEXT else text
        if self.items and self.items[-1].get("name") == name:
            self.items[-1]["text"] += text
        else:
            self.items.append({"output_type": "stream", "name": name, "text": text})

    def show(self, kind: str, data: dict[str, Any]) -> None:
        kept = {}
        for mime in KEPT:
            if mime not in data:
                continue
            value = data[mime]
            if isinstance(value, bytes):
                value = base64.b64encode(value).decode("ascii")
            value = str(value)
            if mime == "text/plain":
                value = value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + CUT
                self.text += len(value)
            else:
                self.images += len(value)
            if self.images <= MAX_IMAGES and self.text <= 2 * MAX_TEXT:
                kept[mime] = value
        if kept:
            self.items.append({"output_type": kind, "data": kept})

    def fail(self, name: str, value: str, lines: list[str]) -> None:
        lines = [line[:10_000] for line in lines[-60:]]
        error = {"ename": name[:200], "evalue": value[:2000], "traceback": lines}
        self.items.append({"output_type": "error", **error})


OUTPUTS = _Outputs()


class _Stream(io.TextIOBase):
    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, text: str) -> int:
        OUTPUTS.write(self.name, str(text))
        return len(text)

    def writable(self) -> bool:
        return True


class _Publisher(DisplayPublisher):
    def publish(self, data: Any, *args: Any, **kwargs: Any) -> None:
        OUTPUTS.show("display_data", data)


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        OUTPUTS.show("execute_result", format_dict)


class _Shell(InteractiveShell):
    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        OUTPUTS.fail(etype.__name__, str(evalue), list(stb))

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def _tee(self, channel: str) -> Any:  # it would keep a second copy of all that is printed
        return contextlib.nullcontext()


def make_shell() -> Any:
    """The interpreter of a notebook, without its history, its files and its kernel."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = _Shell.instance(config=config)
    try:
        shell.run_line_magic("matplotlib", "inline")
    except Exception:  # no matplotlib here: figures fail where they are wanted
        OUTPUTS.clear()
    return shell


def serve(connection: socket.socket, shell: Any) -> None:
    """Answer requests until the other side ends."""
    channel = Channel(connection)
    sys.stdin = io.StringIO()
    sys.stdout, sys.stderr = _Stream("stdout"), _Stream("stderr")
    while True:
        try:
            request = channel.receive()
        except Closed:
            return
        OUTPUTS.clear()
        try:
            reply = _ACTIONS[request.pop("do")](shell, **request)
        except BaseException as error:
            reply = {"error": _described(error)}
        channel.send(reply)


def _run(shell: Any, source: str) -> dict[str, Any]:
    result = shell.run_cell(source, store_history=False)
    return {"outputs": OUTPUTS.items, "failed": not result.success}


def _describe(shell: Any, name: str) -> dict[str, Any]:
    if name not in shell.user_ns:
        return {"kind": "missing"}
    value = shell.user_ns[name]
    if callable(value):
        return {"kind": "function"}
    try:
        encode(value)
    except NotPlainData as error:
        return {"kind": "object", "message": str(error)}
    return {"kind": "value", "value": value}


def _call(shell: Any, name: str, args: tuple, kwargs: dict) -> dict[str, Any]:
    if name not in shell.user_ns:
        raise NameError(f"name {name!r} is not defined")
    before = encode([args, kwargs])
    value = shell.user_ns[name](*args, **kwargs)
    reply = {"value": value}
    if encode([args, kwargs]) != before:
        reply["args"] = args
    try:
        encode(reply)
    except NotPlainData as error:
        raise TypeError(f"{name} returned {error}") from None
    return reply


def _described(error: BaseException) -> dict[str, Any]:
    """An exception as text: its class, the built-in one that it is, its words and its place."""
    known = (c.__name__ for c in type(error).__mro__ if getattr(builtins, c.__name__, None) is c)
    where, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith("<ipython") or "ipykernel_" in name:
            line = linecache.getline(name, trace.tb_lineno).strip()[:200]
            where = f"line {trace.tb_lineno}" + (f", `{line}`" if line else "")
        trace = trace.tb_next
    try:
        message = str(error)[:2000]
    except BaseException:
        message = ""
    return {
        "name": type(error).__name__[:100],
        "known": next(known, "Exception"),
        "message": message,
        "where": where,
    }


_ACTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "run": _run,
    "describe": _describe,
    "call": _call,
}
