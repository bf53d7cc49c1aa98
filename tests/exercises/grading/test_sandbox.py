"""The sandbox holds: small attempts first, so that the large ones are known to be harmless."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llm_nb.exercises.grading.limits import Limits
from llm_nb.exercises.grading.sandbox import (
    Died,
    IsolationUnavailable,
    Sandbox,
    Template,
    prove_isolation,
)
from tests.exercises.grading.conftest import LIMITS

FORKS = """
import os, time
made = 0
try:
    for _ in range(50):
        if os.fork() == 0:
            time.sleep(30)
        made += 1
except OSError:
    pass
"""
THREADS = """
import threading, time
made = 0
try:
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        made += 1
except RuntimeError:
    pass
"""
DISK = """
written = 0
try:
    for number in range(20):
        with open(f"/tmp/{number}", "wb") as file:
            file.write(bytes(4 << 20))
        written += 4
except OSError:
    pass
"""
MEMORY = """
hoard = []
try:
    for _ in range(2000):
        hoard.append(b"x" * (1 << 20) * 2)
except MemoryError:
    pass
held = 2 * len(hoard)
del hoard
"""
CALLS = """
import ctypes, errno
c = ctypes.CDLL(None, use_errno=True)
allowed = []
for name, call in {
    "unshare": lambda: c.unshare(0x10000000),
    "mount": lambda: c.mount(b"x", b"/tmp", b"tmpfs", 0, None),
    "ptrace": lambda: c.ptrace(16, 1, 0, 0),
    "memfd": lambda: c.memfd_create(b"x", 0),
    "shmget": lambda: c.shmget(0, 4096, 0o1600),
    "setuid": lambda: c.setuid(0),
    "clone": lambda: c.syscall(56 if sys_x86 else 220, 0x10000000 | 17, 0, 0, 0, 0),
}.items():
    if call() >= 0:
        allowed.append(name)
"""


@pytest.fixture
def sandbox(template: Template) -> Any:
    with Sandbox(template) as started:
        yield started


def value(sandbox: Sandbox, source: str, name: str) -> Any:
    reply = sandbox.ask(20, "run", source=source)
    assert not reply["failed"], reply
    return sandbox.ask(5, "describe", name=name)["value"]


def test_processes_are_limited(sandbox: Sandbox) -> None:
    assert 5 <= value(sandbox, FORKS, "made") < LIMITS.processes


def test_threads_are_limited(sandbox: Sandbox) -> None:
    assert 5 <= value(sandbox, THREADS, "made") < LIMITS.processes


def test_the_disk_is_limited(sandbox: Sandbox) -> None:
    assert value(sandbox, DISK, "written") <= LIMITS.disk_mb


def test_memory_is_limited(sandbox: Sandbox) -> None:
    assert 100 < value(sandbox, MEMORY, "held") <= LIMITS.memory_mb


def test_system_calls_that_open_doors_are_refused(sandbox: Sandbox) -> None:
    known = f"sys_x86 = {os.uname().machine == 'x86_64'}\n"
    assert value(sandbox, known + CALLS, "allowed") == []


def test_only_python_and_an_empty_folder_are_seen(sandbox: Sandbox) -> None:
    listing = "import os\nseen = [sorted(os.listdir(p)) for p in ('/', '.', '/etc', '/dev')]"
    root, here, etc, dev = value(sandbox, listing, "seen")
    private = {"home", "root", "mnt", "media", "run", "var", "sys", "boot", "srv"} & set(root)
    # A Python or a checkout may itself lie under one of these; then the way there is all of it.
    needed = [Path(name).resolve().parts for name in (sys.prefix, sys.base_prefix, __file__)]
    for name in private:
        seen = value(sandbox, f"import os\nseen = os.listdir('/{name}')", "seen")
        assert seen
        assert set(seen) <= {parts[2] for parts in needed if parts[1] == name}
    assert here == []
    assert set(etc) <= {
        *("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "passwd")
    }
    assert dev == ["full", "null", "random", "shm", "urandom", "zero"]
    environment = value(sandbox, "import os\nenv = dict(os.environ)", "env")
    assert not any("SECRET" in name or "TOKEN" in name for name in environment)
    assert environment["HOME"] == "/tmp"


def test_the_right_answers_are_not_there(sandbox: Sandbox) -> None:
    package = Path(sys.modules["llm_nb"].__file__ or "").resolve().parent
    source = f"import os\nseen = os.listdir({str(package / 'exercises')!r})"
    assert value(sandbox, source, "seen") == []
    reply = sandbox.ask(5, "run", source="import llm_nb.exercises.chapters")
    assert reply["failed"]
    reply = sandbox.ask(5, "run", source="from llm_nb.exercises.check import check\ncheck('1', 2)")
    assert "not here" in reply["outputs"][0]["text"]


def test_sandboxes_do_not_see_each_other(template: Template) -> None:
    with Sandbox(template) as one, Sandbox(template) as other:
        value(one, "import os\nopen('mine', 'w').close()\npid = os.getpid()", "pid")
        listing = (
            "import os\nseen = os.listdir('.'), [p for p in os.listdir('/proc') if p.isdigit()]"
        )
        files, processes = value(other, listing, "seen")
        assert files == []
        assert sorted(processes) == ["1", "2"]


def test_what_it_started_ends_with_it(template: Template) -> None:
    def sleepers() -> int:
        count = 0
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                count += b"sandbox-test-sleeper" in path.read_bytes()
        return count

    def wait_for(count: int) -> None:
        end = time.monotonic() + 10
        while sleepers() != count and time.monotonic() < end:
            time.sleep(0.05)
        assert sleepers() == count

    with Sandbox(template) as sandbox:
        command = ["/bin/sh", "-c", "sleep 60; : sandbox-test-sleeper"]
        reply = sandbox.ask(5, "run", source=f"import subprocess\nsubprocess.Popen({command})")
        assert not reply["failed"], reply
        wait_for(1)
    wait_for(0)


def test_a_view_that_shows_too_much_is_noticed(template: Template) -> None:
    with pytest.raises(IsolationUnavailable, match="--unisolated"):
        prove_isolation(template, [Path(sys.prefix)])


def test_without_isolation_the_same_search_succeeds(tmp_path: Path) -> None:
    """The control: what is hidden from a sandbox is found by an ordinary process."""
    secret = tmp_path / "secret"
    secret.write_text("zebra")
    source = f"seen = open({str(secret)!r}).read()"
    with Template(Limits(), isolated=False) as open_template:
        with Sandbox(open_template) as sandbox:
            assert value(sandbox, source, "seen") == "zebra"
            start = time.monotonic()
            with pytest.raises(Died, match=r"stopped after 0\.5 s"):
                sandbox.ask(0.5, "run", source="while True:\n    pass")
            assert time.monotonic() - start < 5
        with Sandbox(open_template) as sandbox, pytest.raises(Died, match="exit 3"):
            sandbox.ask(5, "run", source="import os\nos._exit(3)")


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="memory_mb is 0"):
        Limits(memory_mb=0)


def test_a_system_that_cannot_isolate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(IsolationUnavailable, match=r"darwin is not Linux.*--unisolated"):
        Template(LIMITS)
