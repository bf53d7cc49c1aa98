"""The built site holds no solution where it must not: every file of it is searched."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from llm_nb.exercises.masters import (
    FOLDER,
    all_text,
    for_class,
    read_notebook,
    role,
    secrets,
    solution_code,
    squeezed,
)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from llmnb_book import exercises  # noqa: E402

MASTERS = sorted((ROOT / FOLDER).glob("*.ipynb"))
PAGE = f"{FOLDER}/11_gpt2.html"
VARIANT = 2027
TEXT = {".html", ".js", ".json", ".ipynb", ".md", ".txt", ".css", ".svg", ".xml"}


def words_of(path: Path) -> str:
    """The text of one file as ``secrets`` is compared: no tags, entities, escapes or blanks."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".ipynb":
        text = "\n".join(all_text(nbformat.reads(text, as_version=4)))
    elif path.suffix in (".html", ".svg", ".xml"):
        text = unescape(re.sub(r"<[^>]*>", "", text))
    return squeezed(text)


def holding(site: Path, pieces: list[str]) -> dict[str, str]:
    """The files of a site that hold a secret, and the first one found in each."""
    found = {}
    for path in (p for p in site.rglob("*") if p.is_file() and p.suffix in TEXT):
        text = words_of(path)
        for piece in pieces:
            if piece in text:
                found[path.relative_to(site).as_posix()] = piece
                break
    return found


def all_secrets(variant: int | None) -> list[str]:
    return [s for p in MASTERS for s in secrets(for_class(read_notebook(p), p.stem, variant))]


@pytest.fixture(scope="module")
def course(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course edition for a class, built aside (``book`` has written conf.py)."""
    folder = tmp_path_factory.mktemp("course") / "html"
    settings = {"exercise_edition": "course", "exercise_variant": str(VARIANT)}
    options = [part for key, value in settings.items() for part in ("-D", f"{key}={value}")]
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"]
    paths = [str(ROOT / "book" / "_ext"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command += ["-d", str(folder.parent / "doctrees"), *options, ".", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_the_course_edition_holds_no_solution_in_any_file(course: Path) -> None:
    assert holding(course, all_secrets(VARIANT) + all_secrets(None)) == {}
    page = (course / PAGE).read_text(encoding="utf-8")
    assert page.count('<details class="sd-sphinx-override sd-dropdown') == 15  # the hints
    assert "Solution" not in page


def test_the_course_edition_has_the_numbers_of_its_class(course: Path) -> None:
    page = words_of(course / PAGE)
    master = read_notebook(ROOT / FOLDER / "11_gpt2.ipynb")
    for cell in for_class(master, "11_gpt2", VARIANT).cells:
        if cell.id == "11-1":
            first = cell.source.split("\n\n")[2]
            assert squeezed(first) in page
    assert squeezed(f'check("11.2", sliding_mask, variant={VARIANT})') in page


def test_the_readers_edition_has_solutions_on_the_page_and_nowhere_else(book: Path) -> None:
    found = holding(book, all_secrets(None))
    assert set(found) == {f"{FOLDER}/{path.stem}.html" for path in MASTERS}


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_the_readers_page_has_every_solution_and_no_hidden_test(path: Path, book: Path) -> None:
    page = words_of(book / FOLDER / f"{path.stem}.html")
    master = for_class(read_notebook(path), path.stem, None)
    solutions = [c for c in master.cells if c.cell_type == "code" and role(c).get("solution")]
    assert len(solutions) >= 4
    for cell in solutions:
        assert squeezed(solution_code(cell)) in page
    for secret in ("HIDDEN", "BEGINSOLUTION", "Marking."):
        assert secret not in page


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_the_download_is_the_students_notebook(path: Path, book: Path) -> None:
    download = book / "_sources" / FOLDER / path.name
    student = read_notebook(download)
    nbformat.validate(student)
    assert student.metadata.llm_nb == {"exercises": path.stem, "variant": None}
    assert "YOUR CODE HERE" in download.read_text(encoding="utf-8")
    page = (book / FOLDER / f"{path.stem}.html").read_text(encoding="utf-8")
    assert f"_sources/{FOLDER}/{path.name}" in page


def test_chapter_and_exercises_lead_to_each_other(book: Path) -> None:
    chapter = (book / "notebooks" / "11_gpt2.html").read_text(encoding="utf-8")
    assert 'href="exercises/11_gpt2.html"' in chapter
    assert 'href="../11_gpt2.html"' in (book / PAGE).read_text(encoding="utf-8")


def test_a_leak_would_be_found(tmp_path: Path) -> None:
    """In HTML with tags and entities inside, in a script, and in a notebook's output."""
    line = 'returntorch.zeros(behind.shape).masked_fill(~seen,float("-inf"))'
    assert line in all_secrets(None)
    html = (
        "<span>return</span> torch.zeros(behind.shape).masked_fill(~seen, float(&quot;-inf&quot;))"
    )
    (tmp_path / "a.html").write_text(f"<pre>{html}</pre>")
    (tmp_path / "b.js").write_text(unescape(html).replace("<span>", "").replace("</span>", ""))
    output = nbformat.v4.new_output("stream", text=(tmp_path / "b.js").read_text())
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "c.ipynb")
    (tmp_path / "d.html").write_text("<p>return torch.zeros(behind.shape)</p>")
    assert set(holding(tmp_path, all_secrets(None))) == {"a.html", "b.js", "c.ipynb"}


class FakeApp:
    """As much of Sphinx as the end of a build needs."""

    def __init__(self, outdir: Path) -> None:
        self.srcdir, self.outdir = str(ROOT), str(outdir)
        self.config = type("Config", (), {"exercise_variant": ""})


def test_a_build_that_fails_leaves_no_master_behind(tmp_path: Path) -> None:
    copied = tmp_path / "_sources" / FOLDER / "11_gpt2.ipynb"
    copied.parent.mkdir(parents=True)
    for error in (RuntimeError("full disk"), None):
        copied.write_bytes(MASTERS[0].read_bytes())
        exercises.replace_downloads(FakeApp(tmp_path), error)  # type: ignore[arg-type]
        assert copied.exists() == (error is None)
    assert "BEGIN SOLUTION" not in copied.read_text(encoding="utf-8")


def test_no_launch_button_opens_a_master() -> None:
    buttons = [{"label": "launch-buttons"}, {"label": "download-buttons"}]
    for name, kept in ((f"{FOLDER}/11_gpt2", 1), ("notebooks/11_gpt2", 2)):
        context: dict[str, Any] = {"header_buttons": list(buttons)}
        exercises.no_launch(None, name, "page.html", context, None)  # type: ignore[arg-type]
        assert len(context["header_buttons"]) == kept


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", ROOT / "book" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("edition", "variant", "name", "settings"),
    [
        ("reader", None, "html", ["exercise_edition=reader"]),
        ("course", 2027, "html-course", ["exercise_edition=course", "exercise_variant=2027"]),
    ],
)
def test_build_passes_the_edition_on(
    build: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    edition: str,
    variant: int | None,
    name: str,
    settings: list[str],
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(build, "BUILD", tmp_path)
    monkeypatch.setattr(build, "run", lambda *arguments: calls.append(arguments))
    assert build.build("en", edition, variant) == tmp_path / name / "index.html"
    given = [word for word in calls[-1] if "=" in word]
    assert given == ["language=en", *settings]
    assert calls[-1][-1] == str(tmp_path / name)
