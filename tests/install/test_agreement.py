"""pyproject.toml, constraints.txt, environment.yml, Makefile and README say the same."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
# What may be installed without standing in the lock: this package and the tools that install it;
# what torch itself pins, build by build; what only Windows has.
UNLOCKED = re.compile(
    r"llm-nb|pip|setuptools|wheel|nvidia-.*|cuda-.*|triton.*|colorama|pywin.*|tzdata"
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def extras_named_in(text: str) -> list[set[str]]:
    """The extras of every `.[a,b]` in a text."""
    return [set(found.split(",")) for found in re.findall(r"\.\[([\w,]+)\]", text)]


def test_environment_yml_agrees_with_pyproject() -> None:
    environment = yaml.safe_load(read("environment.yml"))
    python, pip, packages = environment["dependencies"]
    assert environment["name"] == PROJECT["name"]
    assert pip == "pip"
    wanted = SpecifierSet(python.removeprefix("python"))
    makefile = dict(re.findall(r"^(OLDEST|NEWEST) := (\d+)$", read("Makefile"), re.M))
    oldest, newest = int(makefile["OLDEST"]), int(makefile["NEWEST"])
    allowed = SpecifierSet(PROJECT["requires-python"])
    for minor in range(8, 30):
        assert wanted.contains(f"3.{minor}.1") == (oldest <= minor <= newest)
        assert allowed.contains(f"3.{minor}.1") == (oldest <= minor)
    assert packages["pip"][0] == "--constraint constraints.txt"
    assert extras_named_in(packages["pip"][1]) == [set(EXTRAS)]


@pytest.mark.parametrize("name", ["README.md", "environment.yml", "constraints.txt"])
def test_every_way_to_install_names_every_extra(name: str) -> None:
    assert extras_named_in(read(name))
    assert all(extras == set(EXTRAS) for extras in extras_named_in(read(name)))


def test_readme_has_what_make_does() -> None:
    makefile = read("Makefile")
    extras = re.search(r"^EXTRAS := (.*)$", makefile, re.M)
    nbval = re.search(r"^NBVAL := (.*)$", makefile, re.M)
    assert extras
    assert set(extras[1].split(",")) == set(EXTRAS)
    assert nbval
    assert f"pytest {nbval[1]} notebooks\n" in read("README.md")


def test_the_lock_is_exact_and_names_no_build_and_no_host() -> None:
    for line in LOCK:
        (pin,) = line.specifier
        assert pin.operator == "=="
        assert "*" not in pin.version
        assert "+" not in pin.version, f"{line}: leave the build out, so that any build will do"
        assert line.url is None
        assert not line.extras


def test_the_lock_is_inside_the_ranges() -> None:
    pins = {canonicalize_name(line.name): next(iter(line.specifier)).version for line in LOCK}
    for text in chain(PROJECT["dependencies"], *EXTRAS.values()):
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        assert name in pins, f"{name} is not in constraints.txt: make lock"
        assert wanted.specifier.contains(pins[name]), f"{text} excludes {pins[name]}, the lock"


def test_what_is_installed_is_the_lock() -> None:
    pins = {canonicalize_name(line.name): line.specifier for line in LOCK}
    folders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    for found in distributions(path=folders):  # once imported, setuptools adds what it carries
        name = canonicalize_name(found.name)
        if name in pins:
            version = found.version.partition("+")[0]
            assert pins[name].contains(version), f"{name} {version} is not the lock's {pins[name]}"
        else:
            assert UNLOCKED.fullmatch(name), f"{name} is not in constraints.txt: make lock"


def test_pip_check() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
