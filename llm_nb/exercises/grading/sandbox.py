"""The sandbox seen from outside: start it, ask it, survive it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llm_nb
from llm_nb.exercises.grading.channel import Channel, Closed
from llm_nb.exercises.grading.codec import BadMessage, NotPlainData
from llm_nb.exercises.grading.isolation import view_of_python
from llm_nb.exercises.grading.limits import Limits

_START_SECONDS = 300.0  # a cold start reads torch from the disk
_REASON_SECONDS = 2.0


class IsolationUnavailable(RuntimeError):
    """This system does not let a process be cut off."""


class Died(RuntimeError):
    """The student's process is gone; the message says why."""


class Template:
    """The process that sandboxes are forked from; a context manager.

    Args:
        limits: what each sandbox may use.
        hidden: folders that no sandbox may see even if they lie in a Python environment.
        preload: modules to load once for all.
        isolated: False runs students' code as an ordinary process with limits only.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        hidden: Sequence[Path] = (),
        preload: Sequence[str] = (),
        isolated: bool = True,
    ) -> None:
        self.limits, self.isolated = limits, isolated
        if isolated and sys.platform != "linux":
            raise IsolationUnavailable(_refusal(f"{sys.platform} is not Linux"))
        self._scratch = tempfile.TemporaryDirectory(prefix="llm-nb-sandbox-")
        scratch = Path(self._scratch.name)
        (scratch / "root").mkdir()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        package = Path(llm_nb.__file__).resolve().parent
        view = view_of_python(scratch / "root", list(hidden)).as_dict() if isolated else None
        settings = {
            "path": [name for name in dict.fromkeys([*sys.path, str(package.parent)]) if name],
            "exercises": str(package / "exercises"),
            "preload": list(preload),
            "limits": vars(limits),
            "view": view,
            "control": theirs.fileno(),
        }
        program = str(Path(__file__).with_name("template.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-E", "-B", program, json.dumps(settings)],
            env=_environment(scratch),
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(scratch / "errors").open("wb"),
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self._wait_until_ready(scratch / "errors")

    def _wait_until_ready(self, errors: Path) -> None:
        self._control.settimeout(1.0)
        end = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(TimeoutError, ConnectionError):
                threads = int(self._control.recv(16) or b"0")
                break
            if self._process.poll() is not None or time.monotonic() > end:
                said = errors.read_text("utf-8", "replace").strip().splitlines() or ["no reason"]
                self.close()
                raise RuntimeError(f"the process for sandboxes did not start: {said[-1]}")
        self._control.settimeout(None)
        self.threads = threads

    def spawn(self) -> tuple[Channel, socket.socket]:
        """A new sandbox: the channel to it, and the leash; closing the leash ends it."""
        (mine, theirs), (leash, their_leash) = socket.socketpair(), socket.socketpair()
        with theirs, their_leash:
            socket.send_fds(self._control, [b"new"], [theirs.fileno(), their_leash.fileno()])
        return Channel(mine), leash

    def close(self) -> None:
        """End the process; sandboxes end with their leashes."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._scratch.cleanup()

    def __enter__(self) -> Template:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _environment(scratch: Path) -> dict[str, str]:
    """No variable of the instructor's comes along: they may hold keys and folders."""
    one = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
    own = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), "/tmp")
    own |= {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "student", "PYTHONUTF8": "1"}
    return {**one, **own, "IPYTHONDIR": str(scratch / "ipython"), "NBGRADER_EXECUTION": "autograde"}


class Sandbox:
    """One student's process. Any failure ends it; ``start`` begins a new one.

    Replies are not to be trusted, neither their content nor their form.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._channel: Channel | None = None
        self._leash: socket.socket | None = None
        self.limits = template.limits
        self.seconds_left = template.limits.total_seconds

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._channel is not None

    def start(self) -> None:
        """Begin, with nothing defined."""
        self.stop()
        self._channel, self._leash = self._template.spawn()

    def ask(self, seconds: float, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the reply, a dict of plain data.

        Raises:
            Died: there is no such reply; the process has been ended.
            NotPlainData: the request cannot be sent.
        """
        if self._channel is None:
            raise Died("its process has ended before")
        begun = time.monotonic()
        allowed = min(seconds, self.seconds_left)
        try:
            self._channel.send({"do": do, **request}, max(allowed, 0.01))
            reply = self._channel.receive(max(allowed - (time.monotonic() - begun), 0.01))
            if type(reply) is not dict:
                raise BadMessage("a reply is not a dict")
            return reply
        except NotPlainData:
            raise  # nothing was sent
        except TimeoutError:
            self.stop()
            total = "" if allowed == seconds else " that were left to this submission"
            raise Died(f"stopped after {allowed:.3g} s{total}") from None
        except BadMessage as error:
            self.stop()
            raise Died(f"its process sent no answer that can be read: {error}") from None
        except Closed:
            raise Died(self._reason()) from None
        except BaseException:  # the alarm of a check, for one: the reply may still be on its way
            self.stop()
            raise
        finally:
            self.seconds_left -= time.monotonic() - begun

    def _reason(self) -> str:
        """What the supervisor, which is ours, says about the end."""
        reason = ""
        if self._leash is not None:
            self._leash.settimeout(_REASON_SECONDS)
            with contextlib.suppress(OSError):
                reason = self._leash.recv(200).decode("utf-8", "replace")
        self.stop()
        return reason or "its process ended"

    def stop(self) -> None:
        """End the process and all that it started."""
        if self._channel is not None:
            self._channel.close()
        if self._leash is not None:
            self._leash.close()
        self._channel = self._leash = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


_PROBE = """
import os
_seen = [p for p in _paths if os.path.isfile(p) or os.path.isdir(p) and os.listdir(p)]
_names = [line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line]
_found = [os.getuid(), _seen, os.path.exists('/etc/hostname'), [n for n in _names if n != 'lo']]
_found.append(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))
""".strip()


def prove_isolation(template: Template, unseen: Sequence[Path]) -> None:
    """Look out from a sandbox: nothing in ``unseen``, no network, no other process.

    Raises:
        IsolationUnavailable: it did not start, or it saw something.
    """
    with Sandbox(template) as sandbox:
        try:
            source = f"_paths = {[str(path.resolve()) for path in unseen]!r}\n{_PROBE}"
            sandbox.ask(60.0, "run", source=source)
            found = sandbox.ask(10.0, "describe", name="_found").get("value")
        except Died as error:
            raise IsolationUnavailable(_refusal(str(error))) from None
    if not isinstance(found, list) or len(found) != 5:
        raise IsolationUnavailable(_refusal("a probe inside it failed"))
    user, paths, etc, interfaces, processes = found
    if paths or etc or interfaces or user == 0 or processes != [1, 2]:
        what = f"a process in it sees {paths or etc or interfaces or processes} as user {user}"
        raise IsolationUnavailable(_refusal(what))


def _refusal(why: str) -> str:
    return (
        f"students' code cannot be isolated here ({why}): grade on Linux, as root or where users "
        "may make namespaces, or in the container that the instructors' page describes; "
        "--unisolated runs it with limits only, and then it can read what you can read"
    )
