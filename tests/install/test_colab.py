"""Installing on top of what Colab has preinstalled replaces none of it."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE, HUB = PROJECT["dependencies"], PROJECT["optional-dependencies"]["hub"]


def excluded(requirements: list[str], preinstalled: dict[str, str]) -> list[str]:
    """The requirements that what is preinstalled does not meet."""
    wanted = [Requirement(text) for text in requirements]
    return [
        str(want)
        for want in wanted
        if not want.specifier.contains(preinstalled.get(canonicalize_name(want.name), "0"))
    ]


def test_the_ranges_admit_what_colab_has(colab: dict[str, str]) -> None:
    assert excluded(CORE + HUB, colab) == []
    assert excluded(["numpy>=2.3"], colab) == ["numpy>=2.3"]


@pytest.mark.installs
def test_pip_installs_nothing_but_this_package(
    colab: dict[str, str],
    tmp_path: Path,
    venv: Callable[[str], Path],
    run: Callable[..., str],
    find_python: Callable[[str], str | None],
) -> None:
    """pip's resolver, on an environment that states Colab's packages, installs llm-nb alone.

    Only the metadata of Colab's packages is there, which is all that pip looks at; what they
    require of each other is left out. The resolver may look at no index: a package that it wanted
    to add or to replace would be an error, or, where this test offers it one, in the report.
    """
    version = "3.13"
    if not (interpreter := find_python(version)):
        interpreter = sys.executable
        warnings.warn(f"no Python {version} here: resolved with {sys.version[:4]}", stacklevel=1)
    python = venv(interpreter)
    run(python, "-m", "pip", "install", "--quiet", "hatchling")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", code).strip())
    there = {canonicalize_name(p.name.split("-")[0]) for p in site.glob("*.dist-info")}
    for name, release in colab.items():
        if name not in there:
            write_metadata(site, name, release)

    def report(project: Path, extras: str = "") -> set[str]:
        out = tmp_path / "report.json"
        options = ["--dry-run", "--quiet", "--report", out, "--no-index", "--no-build-isolation"]
        run(
            python, "-m", "pip", "install", *options, "--find-links", tmp_path, f"{project}{extras}"
        )
        found = json.loads(out.read_text(encoding="utf-8"))["install"]
        return {canonicalize_name(item["metadata"]["name"]) for item in found}

    assert report(ROOT) == {"llm-nb"}
    assert report(ROOT, "[hub]") == {"llm-nb"}

    # The proof that this can fail: ask for a numpy that Colab has not, and offer one.
    wanting = tmp_path / "wanting"
    wanting.mkdir()
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, wanting)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (numpy,) = (want for want in CORE if want.startswith("numpy"))
    (wanting / "pyproject.toml").write_text(text.replace(numpy, "numpy>=2.3"), encoding="utf-8")
    write_wheel(tmp_path, "numpy", "2.3.0")
    assert report(wanting) == {"llm-nb", "numpy"}


def write_metadata(folder: Path, name: str, version: str) -> Path:
    """The folder by which pip knows that a package is installed."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "INSTALLER").write_text("pip\n")
    return info


def write_wheel(folder: Path, name: str, version: str) -> None:
    """An empty wheel, enough for pip to want it."""
    tree = folder / f"tree-{name}"
    tree.mkdir()
    info = write_metadata(tree, name, version)
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    (info / "RECORD").write_text("")
    wheel = folder / f"{name}-{version}-py3-none-any"
    shutil.make_archive(str(wheel), "zip", tree)
    wheel.with_name(wheel.name + ".zip").rename(wheel.with_name(wheel.name + ".whl"))
