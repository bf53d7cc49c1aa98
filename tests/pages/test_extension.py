"""The book's Sphinx extension on small inputs: alt text, citations, buttons, map."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from llmnb_book import address, api_modules, chapter_map, map_drawing  # noqa: E402

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CONF = """
import sys
sys.path.insert(0, {path!r})
extensions = ["myst_nb", "llmnb_book.alt_text", "llmnb_book.anchors"]
nb_execution_mode = "off"
"""


def notebook(metadata: dict[str, Any]) -> nbformat.NotebookNode:
    """A notebook with a citation and two images; the metadata belongs to the second."""
    image, plain = {"image/png": PIXEL}, {"text/plain": "<Figure>"}
    v4 = nbformat.v4
    outputs = [
        v4.new_output("display_data", image, metadata={"image/png": {"alt": 'A "first" <curve>'}}),
        v4.new_output("display_data", image | plain, metadata=metadata),
    ]
    cells = [
        v4.new_markdown_cell("# Chapter\n\n[Radford](../book/works.md#radford2019) says so."),
        v4.new_code_cell("show()", outputs=outputs, execution_count=1),
    ]
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A tiny book with a good chapter and one whose second image is mute; and its warnings."""
    folder = tmp_path_factory.mktemp("tiny")
    for name in ("book", "notebooks"):
        (folder / name).mkdir()
    (folder / "conf.py").write_text(CONF.format(path=str(ROOT / "book" / "_ext")))
    contents = "```{toctree}\nbook/works\nnotebooks/good\nnotebooks/mute\n```\n"
    (folder / "index.md").write_text(f"# Index\n\n{contents}")
    (folder / "book" / "works.md").write_text("# Works\n\n(radford2019)=\nRadford et al.\n")
    good = notebook({"image/png": {"alt": "The second\n  curve"}})
    nbformat.write(good, folder / "notebooks" / "good.ipynb")
    nbformat.write(notebook({}), folder / "notebooks" / "mute.ipynb")
    command = [sys.executable, "-m", "sphinx", "-n", "-q", ".", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stderr


def test_alt_text_and_citations(tiny: tuple[Path, str]) -> None:
    page = (tiny[0] / "notebooks" / "good.html").read_text(encoding="utf-8")
    assert 'alt="A &quot;first&quot; &lt;curve&gt;"' in page
    assert 'alt="The second curve"' in page
    assert 'href="../book/works.html#radford2019"' in page
    assert 'id="radford2019"' in (tiny[0] / "book" / "works.html").read_text(encoding="utf-8")


def test_an_image_without_alt_text_is_a_warning(tiny: tuple[Path, str]) -> None:
    (warning,) = tiny[1].strip().splitlines()  # and the only one: the good chapter has none
    assert "mute.ipynb" in warning
    assert "cell 2 shows an image without alt text" in warning


@pytest.mark.parametrize(
    ("url", "published"),
    [
        ("https://llm-notebooks.invalid/llm-notebooks", False),
        ("https://github.invalid/owner/book", False),
        ("https://github.com/owner/book", True),
        ("https://gitlab.com/owner/book", True),
        ("https://example.org/owner/book", False),
        ("", False),
    ],
)
def test_buttons_need_a_real_address(url: str, published: bool) -> None:
    assert address.is_published(url) == published


def test_the_plan_has_26_chapters_and_a_spine() -> None:
    data = yaml.safe_load((ROOT / "book" / "chapter_map.yml").read_text(encoding="utf-8"))
    parts = chapter_map.load_parts(data, ["book/index", "notebooks/11_gpt2"])
    chapters = [chapter for part in parts for chapter in part.chapters]
    assert [chapter.number for chapter in chapters] == list(range(1, 27))
    assert [c.number for c in chapters if c.spine] == list(range(6, 13))
    assert [c.number for c in chapters if c.docname] == [11]


def test_drawing_tells_written_from_coming() -> None:
    box = map_drawing.Box
    boxes = [box("01", "A <b>", False, "a.html"), box("02", "大规模语言模型的训练", True, None)]
    words = {**chapter_map.WORDS}
    svg = map_drawing.draw([("One", boxes)], words, name="wide", columns=4, width=400)
    assert '<a class="written" href="a.html">' in svg
    assert "&lt;b&gt;" in svg
    assert "(to come)</title>" in svg
    assert svg.count("<tspan") >= 4  # the Chinese title breaks into lines without any space


def test_wrap_breaks_chinese_anywhere_and_english_at_spaces() -> None:
    assert map_drawing.wrap("aa bb", 20) == ["aa", "bb"]
    assert map_drawing.wrap("语言模型", 30) == ["语言", "模型"]


def test_api_lists_every_public_module(tmp_path: Path) -> None:
    package = tmp_path / "llm_nb"
    for name in ("__init__.py", "a.py", "_hidden.py", "models/__init__.py", "models/gpt2.py"):
        path = package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("" if name == "models/__init__.py" else '"""Words."""\n')
    assert list(api_modules.public_modules(package)) == ["llm_nb", "llm_nb.a", "llm_nb.models.gpt2"]


def test_api_page_is_expanded(book: Path) -> None:
    page = (book / "book" / "api.html").read_text(encoding="utf-8")
    assert "% api-modules" not in page
    assert 'id="llm_nb.runtime.start"' in page
    assert 'id="llm_nb.models' not in page
    models = (book / "book" / "api" / "models.html").read_text(encoding="utf-8")
    assert 'id="llm_nb.models.gpt2.GPT2"' in models
    assert 'id="llm_nb.runtime' not in models


def test_every_module_is_on_one_api_page() -> None:
    """A package without a page of its own is on the first one, so none is lost."""
    pages = [ROOT / "book" / "api.md", *(ROOT / api_modules.PAGES).glob("*.md")]
    marks = [m for page in pages for m in api_modules.MARKER.findall(page.read_text("utf-8"))]
    listed = [name for mark in marks for name in api_modules.modules_of(mark, ROOT)]
    assert sorted(listed) == sorted(api_modules.public_modules(ROOT / "llm_nb"))
