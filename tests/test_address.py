"""The repository's address, the cells that follow from it, and that the committed files do."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from llm_nb import address
from llm_nb.cli import main

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "https://nobody.invalid/book"
GITHUB = "https://github.com/someone/book"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small checkout: the real settings and README, one chapter and its exercises."""
    for name in ("_config.yml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    cells = [
        nbformat.v4.new_markdown_cell("# 題 “π”\n\nTwo lines.", id="title"),
        nbformat.v4.new_code_cell("1 + 1\n2", id="sum", execution_count=1),
    ]
    for name in ("01_small.ipynb", "exercises/01_small.ipynb"):
        path = tmp_path / "notebooks" / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    address.set_address(tmp_path, PLACEHOLDER)
    return tmp_path


def cells(house: Path, name: str = "01_small.ipynb") -> list:
    notebook = nbformat.read(house / "notebooks" / name, as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def test_the_committed_files_follow_from_the_config() -> None:
    wrong = [path.name for path in address.differing(ROOT)]
    assert not wrong, f"run `llm-nb address --set {address.read_address(ROOT)[0]}` for {wrong}"


def test_set_rewrites_every_file_and_back_again(house: Path) -> None:
    files = sorted(path for path in house.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}
    assert len(address.set_address(house, GITHUB + ".git/")) == len(files) == 4
    assert address.read_address(house) == (GITHUB, "main")
    assert address.differing(house) == {}
    assert address.set_address(house, GITHUB) == []
    for name in ("01_small.ipynb", "exercises/01_small.ipynb"):
        path = house / "notebooks" / name
        bootstrap, colab, title, code = cells(house, name)
        ids = [cell.id for cell in (bootstrap, colab, title, code)]
        assert ids == ["bootstrap", "open-in-colab", "title", "sum"]
        assert code.source == "1 + 1\n2"
        assert code.execution_count == 1
        assert bootstrap.metadata.tags == ["remove-cell"]
        link = f"https://colab.research.google.com/github/someone/book/blob/main/notebooks/{name}"
        assert colab.source == f"[Open in Colab]({link})"
        written = path.read_text(encoding="utf-8")
        assert written == nbformat.writes(nbformat.read(path, as_version=4)) + "\n"
    readme = (house / "README.md").read_text(encoding="utf-8")
    assert f"git clone {GITHUB}\n" in readme
    assert readme.count("[Open in Colab]") == 1  # the chapter, not its exercises
    address.set_address(house, PLACEHOLDER)
    assert {path: path.read_bytes() for path in files} == before


def test_check_names_what_differs(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["address", "--check", "--root", str(house)]) == 0
    path = house / "notebooks" / "01_small.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("import sys", "import os"), "utf-8")
    assert main(["address", "--check", "--root", str(house)]) == 1
    assert "differs from _config.yml: notebooks/01_small.ipynb\n" in capsys.readouterr().out


def test_only_github_gets_a_colab_link(house: Path) -> None:
    address.set_address(house, "https://codeberg.org/someone/book")
    assert [cell.id for cell in cells(house)] == ["bootstrap", "title", "sum"]
    assert "Colab](" not in (house / "README.md").read_text(encoding="utf-8")


BAD = ["", "book", "git@github.com:a/b", "https://github.com", "http://github.com/a/b"]
BAD += [
    "https://me:secret@github.com/a/b",
    'https://x.org/a" --index-url="b',
    "https://x.org/a?b",
    "https://x.org/$(a)",
]


@pytest.mark.parametrize("url", BAD)
def test_a_bad_address_is_one_sentence(
    house: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (house / "_config.yml").read_bytes()
    assert main(["address", "--root", str(house), f"--set={url}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("llm-nb: ")
    assert error.count("\n") == 1
    assert (house / "_config.yml").read_bytes() == before


def test_outside_a_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["address", "--root", str(tmp_path)]) == 2
    assert "No _config.yml" in capsys.readouterr().err


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run first cells here as if llm_nb were not installed; %pip only takes notes."""
    calls: list[str] = []
    shell = InteractiveShell.instance()
    monkeypatch.setitem(shell.magics_manager.magics["line"], "pip", calls.append)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return calls


def run_first_cell(url: str):
    return InteractiveShell.instance().run_cell(address.bootstrap_source(url))


def test_the_first_cell_does_nothing_elsewhere(pip_calls: list[str]) -> None:
    for url in (PLACEHOLDER, GITHUB):
        run_first_cell(url).raise_error()
    assert pip_calls == []


def test_the_first_cell_installs_on_colab(
    pip_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    run_first_cell(GITHUB).raise_error()
    assert pip_calls == [f"install --quiet git+{GITHUB}"]
    pip_calls.clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "already there")
    run_first_cell(GITHUB).raise_error()
    assert pip_calls == []


def test_a_placeholder_is_never_installed_from(
    pip_calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    error = run_first_cell(PLACEHOLDER).error_in_exec
    assert isinstance(error, RuntimeError)
    assert "no public address" in str(error)
    assert "pip install --quiet" not in address.bootstrap_source(PLACEHOLDER)
    assert pip_calls == []
