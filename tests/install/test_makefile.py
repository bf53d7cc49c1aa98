"""The environment that make makes, with Pythons and a pip that only pretend."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "sh make awk cat chmod find mkdir mv ps rm sed sort touch".split()
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason="no make here: README says what to do without"
)

# A Python that says it is another version, makes an environment whose python is itself, notes
# each call in `log`, and ends as the file `pip-status` says where it is told to install.
FAKE = """#!/bin/sh
case "$1 $2" in
"-c "*) exec {python} -c "import sys; sys.version_info = {version}
{prelude}
$2" ;;
"-m venv")
    echo venv {version} "$3" >>{log}
    [ "$3" != --clear ] || rm -rf "$4"
    mkdir -p "$4/bin" && cat "$0" >"$4/bin/python" && chmod +x "$4/bin/python" ;;
"-m pip")
    echo pip "$3" >>{log}
    sh {log}-pip-does ;;
*) echo "$*" ;;
esac
"""


class House:
    """A checkout with the Makefile and the files it looks at, and a PATH with chosen Pythons."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.logfile = folder / "house", folder / "bin", folder / "log"
        self.root.mkdir()
        self.bin.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.pip_does("exit 0")

    def pip_does(self, what: str) -> None:
        Path(f"{self.logfile}-pip-does").write_text(what + "\n")

    def add(self, name: str, version: tuple[int, int], prelude: str = "") -> None:
        text = FAKE.format(
            python=sys.executable, version=(*version, 1), prelude=prelude, log=self.logfile
        ).replace(f"venv {(*version, 1)}", "venv {}.{}".format(*version))
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call make; its first line on stderr is what the reader is told."""
        self.logfile.write_text("")
        env = {"PATH": str(self.bin), "HOME": str(self.root), **environment}
        command = ["make", *arguments]
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True)

    def age(self, name: str) -> None:
        """Let the environment be a minute older than a file that it follows from."""
        then = (self.root / name).stat().st_mtime - 60
        os.utime(self.root / ".venv/installed", (then, then))

    @property
    def log(self) -> list[str]:
        return self.logfile.read_text().splitlines()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on stderr before make's own closing line."""
    assert done.returncode != 0
    line, closing = done.stderr.splitlines()
    assert closing.startswith("make: *** ")
    return line


def test_no_python(house: House) -> None:
    assert sentence(house.make("book")).startswith("No Python found as python3 ")
    assert "install Python 3.11 to 3.14" in sentence(house.make("book"))
    assert "as python9:" in sentence(house.make("book", "PYTHON=python9"))


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10), (3, 15)])
def test_a_python_too_old_or_too_new(house: House, version: tuple[int, int]) -> None:
    house.add("python3", version)
    said = sentence(house.make("test"))
    assert said.startswith("python3 is Python {}.{}, but the book needs ".format(*version))
    assert said.endswith("call 'make test PYTHON=python3.12'.")
    assert house.log == []


def test_another_python_on_the_path_is_used(house: House) -> None:
    house.add("python3", (3, 9))
    house.add("python3.12", (3, 12))
    assert house.make("env").returncode == 0
    assert house.log == ["venv 3.12 --clear", "pip install"]


def test_the_python_that_was_named_is_used_and_no_other(house: House) -> None:
    house.add("python3", (3, 11))
    house.add("my python", (3, 13))
    house.add("old", (3, 8))
    assert sentence(house.make("env", "PYTHON=old")).startswith("old is Python 3.8")
    assert house.make("env", "PYTHON=my python").returncode == 0
    assert house.log[0] == "venv 3.13 --clear"


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_a_python_without_venv(house: House, module: str) -> None:
    house.add("python3", (3, 12), prelude=f"sys.modules['{module}'] = None")
    said = sentence(house.make("book"))
    assert "sudo apt install python3.12-venv" in said
    assert house.log == []


def test_a_second_call_installs_nothing(house: House) -> None:
    house.add("python3", (3, 11))
    house.make("env")
    done = house.make("env", PATH=str(house.bin))
    assert done.returncode == 0
    assert house.log == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_new_requirements_update_the_environment(house: House, name: str) -> None:
    house.add("python3", (3, 11))
    house.make("env")
    house.age(name)
    house.pip_does("exit 1")  # no network: the environment stays as it was, and the wish too
    assert "call 'make env' again" in house.make("env").stderr
    assert (house.root / ".venv/installed").exists()
    house.pip_does("exit 0")
    assert house.make("env").returncode == 0
    assert house.log == ["pip install"]


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $(ps -o ppid= -p $PPID)"])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_half_finished_install_is_repaired(house: House, end: str, earlier: bool) -> None:
    house.add("python3", (3, 11))
    if earlier:
        assert house.make("env").returncode == 0
        house.age("pyproject.toml")
    house.pip_does(end)
    assert house.make("env").returncode != 0
    house.pip_does("exit 0")
    assert house.make("env").returncode == 0
    kept = earlier and end == "exit 1"  # pip puts back what it had when it fails by itself
    assert house.log == ([] if kept else ["venv 3.11 --clear"]) + ["pip install"]
    assert house.make("env").returncode == 0
    assert house.log == []


def test_a_moved_checkout_and_a_lost_python_start_afresh(house: House) -> None:
    house.add("python3", (3, 11))
    house.make("env")
    house.root = house.root.rename(house.root.with_name("a new place"))
    assert house.make("env").returncode == 0
    assert house.log == ["venv 3.11 --clear", "pip install"]
    (house.root / ".venv/bin/python").unlink()
    (house.root / ".venv/bin/python").symlink_to("gone")
    assert house.make("env").returncode == 0
    assert house.log == ["venv 3.11 --clear", "pip install"]


def test_the_language_comes_from_the_command_line_alone(house: House) -> None:
    house.add("python3", (3, 11))
    assert "--language en " in house.make("-n", "book", LANGUAGE="de:en").stdout
    assert "--language zh_CN " in house.make("-n", "book", "LANGUAGE=zh_CN").stdout
    assert "_build/html-zh_CN " in house.make("-n", "serve", "LANGUAGE=zh_CN").stdout


def test_make_alone_lists_every_target(house: House) -> None:
    targets = "book serve test lab notebooks lint format bench links lock clean help env".split()
    listed = [line.split()[1] for line in house.make().stdout.splitlines()]
    assert sorted(listed) == sorted(targets)
