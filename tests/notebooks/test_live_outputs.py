"""The live figures stored in the notebooks have the style and script that the package has now."""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbformat
import pytest

from llm_nb.display.live import frame

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DATA = re.compile(r'<script id="data" type="application/json">.*?</script>', re.DOTALL)
FIGURE = re.compile(r"frame\.start\((\w+)\.mount\)")
REMEDY = "execute it again: make notebooks NB=notebooks/"


def frames(path: Path) -> list[str]:
    """The documents of all live figures in a notebook's stored outputs."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pages = [output.get("data", {}).get("text/html", "") for output in outputs]
    return [
        html.unescape(found) for page in pages for found in re.findall(r'srcdoc="([^"]*)"', page)
    ]


def stale(document: str) -> bool:
    """Whether style or script of a figure differ from what the package would write today."""
    [name], [title] = FIGURE.findall(document), re.findall("<title>(.*?)</title>", document)
    now = frame.document(name, {}, html.unescape(title))
    return DATA.sub("", now) != DATA.sub("", document)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_stored_figures_are_fresh(path: Path) -> None:
    found = [FIGURE.findall(document) for document in frames(path) if stale(document)]
    assert not found, f"{path.name} holds old live figures {found}: {REMEDY}{path.name}"


def test_an_old_one_is_noticed() -> None:
    now = frame.document("attention", {"n": 1}, "A title")
    assert not stale(now)
    assert not stale(frame.document("attention", {"other": [1, 2]}, "Another & title"))
    assert stale(now.replace("softmax", "softmaks"))
    assert stale(now.replace("color:", "colour:"))


def test_every_figure_is_in_a_notebook() -> None:
    """All on the page of figures, but for two that are heavy and stand in their chapters: the model
    that writes, and the n-grams with the text that they count."""
    shown = {
        path.stem: {FIGURE.findall(document)[0] for document in frames(path)} for path in CHAPTERS
    }
    scripts = {path.stem for path in frame.FOLDER.glob("*.js")}
    figures = {path.stem for path in frame.FOLDER.glob("*.py")} & scripts - {"frame"}
    assert shown["live_figures"] == figures - {"writer", "ngrams"}
    assert "writer" in shown["11_gpt2"]
    assert "ngrams" in shown["03_language_modelling"]
