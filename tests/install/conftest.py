"""What the installation tests share. Those marked `installs` need a network and minutes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "installs: installs packages, hence only where CI is set")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("CI"):
        for item in items:
            if item.get_closest_marker("installs"):
                item.add_marker(pytest.mark.skip(reason="installs packages: set CI=1 to run"))


@pytest.fixture(scope="session")
def colab() -> dict[str, str]:
    """Colab's preinstalled packages: version by name."""
    if not os.environ.get("LLM_NB_DATA"):
        pytest.skip("needs colab/pip-freeze.txt: set LLM_NB_DATA to the folder of real data")
    freeze = Path(os.environ["LLM_NB_DATA"], "colab", "pip-freeze.txt").read_text(encoding="utf-8")
    pins = (line.split("==") for line in freeze.splitlines() if "==" in line)
    return {canonicalize_name(name): version.strip() for name, version in pins}


@pytest.fixture
def run() -> Run:
    """Run a command, return its output; fail with all of it if the command does."""

    def run(*command: object, **options: object) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    return run


@pytest.fixture
def venv(tmp_path: Path, run: Run) -> Callable[[str], Path]:
    """Make an environment with a given Python; the path of its interpreter."""

    def make(python: str) -> Path:
        run(python, "-m", "venv", tmp_path / "venv")
        return tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"

    return make


@pytest.fixture
def find_python() -> Callable[[str], str | None]:
    """The path of a Python of a given version, `3.13`, if this machine has one that runs."""

    def find(version: str) -> str | None:
        if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
            return sys.executable
        managed = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
        for name in (shutil.which(f"python{version}"), *map(str, sorted(managed))):
            code = "import sys; print('%d.%d' % sys.version_info[:2])"
            if name and subprocess.run([name, "-c", code], capture_output=True).stdout:
                return name
        return None

    return find
