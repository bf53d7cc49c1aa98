"""The instructor's side of a run: tests here, answers in the sandbox.

The cells of a notebook run in order. What the student wrote runs in the sandbox. A test cell
runs in this process, in names of its own: those that the master imports, those that its locked
cells define, and for each other name that it uses the student's value, rebuilt from plain data,
or an ``Answer``, which calls the student's function in the sandbox. No object of a student's
class ever comes here, so nothing of his can meet an ``assert``, ``torch.testing`` or ``check``.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from nbformat import NotebookNode
from nbgrader import utils

from llm_nb.exercises.grading.codec import NotPlainData
from llm_nb.exercises.grading.outputs import clean_outputs, clean_text
from llm_nb.exercises.grading.sandbox import Died, Sandbox
from llm_nb.exercises.masters import INSTRUCTOR

_ERRORS = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}


class Answer:
    """A student's function, called in the sandbox with plain data."""

    def __init__(self, run: Run, name: str) -> None:
        self._run = run
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the student's function returns or raises.

        Raises:
            TypeError: it returned something that is not plain data.
            Died: its process ended.
            Exception: of the built-in class that the student's function raised.
        """
        seconds = self._run.sandbox_limits.call_seconds
        request = {"name": self.__name__, "args": args, "kwargs": kwargs}
        reply = self._run.ask(seconds, "call", **request)
        if "error" in reply:
            raise _rebuilt(reply["error"])
        for given, changed in zip(args, _sequence(reply.get("args")), strict=False):
            _change(given, changed)
        return reply.get("value")

    def __repr__(self) -> str:
        return f"<the student's {self.__name__}>"


class Run:
    """One notebook from its first cell to its last.

    Args:
        sandbox: not yet started.
        setup: code of the master that is run here once before all.
        names: what its tests may use beside, such as the seed of the hidden ones.
    """

    def __init__(
        self, sandbox: Sandbox, setup: Iterable[str] = (), names: Mapping[str, Any] | None = None
    ) -> None:
        self._sandbox = sandbox
        self.sandbox_limits = sandbox.limits
        self._done: list[str] = []  # the student's cells that ran and left the process alive
        self._starts = 0
        self.remarks: list[str] = []
        self._names: dict[str, Any] = {"__name__": "__main__"}
        for statement in setup:
            with contextlib.suppress(Exception):  # a test that needs it will say so
                exec(compile(statement, "<setup>", "exec"), self._names)
        self._names |= dict(names or {})

    def cells(self, notebook: NotebookNode) -> None:
        """Run them all; outputs are put into the notebook."""
        number = 0
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            number += 1
            cell.execution_count = number
            if utils.is_grade(cell) and not utils.is_solution(cell):
                cell.outputs = self.test(cell.source)
                continue
            if utils.is_locked(cell):
                self._define(cell.source)
            cell.outputs = self.student_cell(cell.source, number)

    def student_cell(self, source: str, number: int) -> list[NotebookNode]:
        """Run a cell in the sandbox; what ends its process costs this cell only."""
        try:
            self._revive()
            reply = self.ask(self.sandbox_limits.cell_seconds, "run", source=source)
        except (Died, NotPlainData) as error:
            self.remarks.append(f"code cell {number} was left out: {error}")
            return clean_outputs([_error("CellStopped", str(error))])
        self._done.append(source)
        if "error" in reply:
            return clean_outputs([_error("CellStopped", str(_rebuilt(reply["error"])))])
        return clean_outputs(reply.get("outputs"))

    def test(self, source: str) -> list[NotebookNode]:
        """Run a test cell here: an error output if it fails, which is what nbgrader looks for.

        What it writes to stderr is shown as ordinary text, since nbgrader takes that for failure.
        """
        said, outputs = io.StringIO(), []
        try:
            self._revive()
            names = self._names | self._answers(source)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                value = _execute(source, names)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                data = {"text/plain": repr(value)}  # nbgrader reads points from it
                outputs = [{"output_type": "execute_result", "data": data}]
        except Exception as error:
            outputs = [_error(type(error).__name__, str(error))]
        if text := said.getvalue():
            outputs.insert(0, {"output_type": "stream", "name": "stdout", "text": text})
        return clean_outputs(outputs)

    def ask(self, seconds: float, do: str, **request: Any) -> dict[str, Any]:
        """Ask the sandbox as it is now: a death in the middle of a test is not mended in it."""
        return self._sandbox.ask(seconds, do, **request)

    def _revive(self) -> None:
        """See that there is a process in which the student's cells so far have run."""
        while not self._sandbox.alive:
            if self._starts > self.sandbox_limits.restarts:
                raise Died(f"its process had ended {self._starts} times and was not started again")
            self._starts += 1
            self._sandbox.start()
            done, self._done = self._done, []
            for source in done:
                try:
                    self.ask(self.sandbox_limits.cell_seconds, "run", source=source)
                except Died:  # it ended this time: go on without it
                    self._done += done[len(self._done) + 1 :]
                    break
                self._done.append(source)

    def _answers(self, source: str) -> dict[str, Any]:
        """The student's values for the names that a test uses and nobody else defines."""
        answers: dict[str, Any] = {}
        for name in _free_names(source):
            if name in self._names or hasattr(builtins, name):
                continue
            found = self.ask(self.sandbox_limits.call_seconds, "describe", name=name)
            kind = found.get("kind")
            if kind == "function":
                answers[name] = Answer(self, name)
            elif kind == "value":
                answers[name] = found.get("value")
            elif kind == "object":
                raise TypeError(f"{name} is {clean_text(found.get('message'), 300)}")
        return answers

    def _define(self, source: str) -> None:
        """Run a locked cell of the instructor's here too; where it needs more, tests will say."""
        silent = io.StringIO()
        with contextlib.suppress(Exception):
            names = self._answers(source)
            self._names |= names
            try:
                with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
                    _execute(source, self._names)
            finally:
                for name, value in names.items():
                    if self._names.get(name) is value:
                        del self._names[name]


def setup_of(master: NotebookNode) -> list[str]:
    """The code of a master that tests rely on: its imports, and cells of the tag `instructor`."""
    found = []
    for cell in master.cells:
        if cell.cell_type != "code" or utils.is_solution(cell):
            continue
        if INSTRUCTOR in cell.metadata.get("tags", []):
            found.append(cell.source)
            continue
        with contextlib.suppress(SyntaxError):
            found += [
                ast.unparse(node)
                for node in ast.parse(cell.source).body
                if isinstance(node, (ast.Import, ast.ImportFrom))
            ]
    return list(dict.fromkeys(found))


def _execute(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line if that is an expression."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, "<test>", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<test>", "eval"), names)
    return None


def _free_names(source: str) -> list[str]:
    """The names that a cell reads and does not itself set anywhere."""
    read, own = [], set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            read.append(node.id)
        elif isinstance(node, ast.Name):
            own.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.alias):
            own.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            own.add(node.name)
    return [name for name in dict.fromkeys(read) if name not in own]


def _rebuilt(described: Any) -> Exception:
    """An exception of a built-in class with a student's words in it."""
    described = described if type(described) is dict else {}
    known = clean_text(described.get("known"), 100)
    message = clean_text(described.get("message"), 2000)
    name = clean_text(described.get("name"), 100)
    kind = _ERRORS.get(known, RuntimeError)
    try:
        error = kind(message if name == kind.__name__ else f"{name}: {message}")
    except Exception:  # UnicodeDecodeError and its like want other arguments
        error = RuntimeError(f"{name}: {message}")
    error.where = clean_text(described.get("where"), 200)  # type: ignore[attr-defined]
    return error


def _sequence(value: Any) -> Any:
    return value if type(value) in (list, tuple) else ()


def _change(given: Any, changed: Any) -> None:
    """Do to an argument what the student's function did to its copy of it."""
    if type(given) is not type(changed):
        return
    if type(given) is torch.Tensor and (given.shape, given.dtype) == (changed.shape, changed.dtype):
        with torch.no_grad():
            given.copy_(changed)
    elif type(given) is np.ndarray and given.shape == changed.shape:
        given[...] = changed
    elif type(given) is list:
        given[:] = changed
    elif type(given) is dict:
        given.clear()
        given.update(changed)


def _error(name: str, message: str) -> dict[str, Any]:
    line = f"{name}: {message}" if message else name
    return {"output_type": "error", "ename": name, "evalue": message, "traceback": [line]}
