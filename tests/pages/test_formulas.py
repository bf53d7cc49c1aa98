"""Formulas are set while the book is built, and a wrong one stops the build."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from llmnb_book import formulas, npm  # noqa: E402

ELEMENT = re.compile(r'<(?:span|div)[^>]* class="math\b')
USED = re.compile(r'xlink:href="#(MJX-[^"]+)"')


def test_a_page_is_set_with_its_glyphs_once() -> None:
    html = (
        "<html><head></head><body class='x'><p><tex-inline>x &lt; y</tex-inline></p>"
        r"<tex-display>x^2 \tag{7}</tex-display></body></html>"
    )
    assert formulas.formulas_of(html) == [("x < y", False), (r"x^2 \tag{7}", True)]
    answer = formulas.typeset({"a": formulas.formulas_of(html)}, ROOT)
    page = answer["pages"]["a"]
    done = formulas.put(html, page["formulas"], page["glyphs"], formulas.compact(answer["style"]))
    assert done.count("<mjx-container") == 2
    assert "<mo>&lt;</mo>" in done  # for screen readers, as MathML
    assert re.search("<mlabeledtr>.*7.*</mlabeledtr>", done)  # the number of the equation
    assert set(USED.findall(done)) == set(re.findall(r'<path id="(MJX-[^"]+)"', done))
    assert done.index('<svg class="glyphs" aria-hidden="true"><defs') < done.index("<mjx-container")
    assert "mjx-assistive-mml" in done.split("</head>")[0]
    assert "tex-inline" not in done


@pytest.mark.parametrize(
    ("tex", "wrong"),
    [
        (r"\nosuchmacro x", "Undefined control sequence"),
        (r"\frac{1}", "Missing argument"),
        (r"x_1_2", "Double subscripts"),
        (r"\eqref{nowhere}", "label that no formula above it has"),
    ],
)
def test_a_wrong_formula_is_named_with_its_page(tex: str, wrong: str) -> None:
    with pytest.raises(formulas.ExtensionError) as error:
        formulas.typeset({"good.html": [("x", False)], "bad.html": [(tex, True)]}, ROOT)
    assert f"bad.html: {tex}: " in str(error.value)
    assert wrong in str(error.value)
    assert "good.html" not in str(error.value)


def test_numbers_and_labels_start_afresh_with_each_page() -> None:
    label = (r"\begin{equation} x \tag{1} \label{one} \end{equation}", True)
    pages = {"a": [label, (r"\eqref{one}", False)], "b": [label]}
    assert "(1)" in formulas.typeset(pages, ROOT)["pages"]["a"]["formulas"][1]
    with pytest.raises(formulas.ExtensionError, match=r"^[^\n]*\nb: "):
        formulas.typeset({"a": [label], "b": [(r"\eqref{one}", False)]}, ROOT)


def test_every_formula_of_the_book_is_set(page_name: str, book: Path) -> None:
    html = (book / page_name).read_text(encoding="utf-8")
    elements = len(ELEMENT.findall(html))
    assert html.count("<mjx-container") == html.count("<math ") == elements
    assert "<tex-" not in html
    title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    assert title
    assert "\\" not in title[1]  # a heading's formula would be raw TeX there
    assert "mathjax" not in "".join(re.findall(r"<script[^>]*>", html)).lower()
    glyphs = re.findall(r'<path id="(MJX-[^"]+)"', html)
    assert set(USED.findall(html)) == set(glyphs)
    assert len(set(glyphs)) == len(glyphs)


def test_the_index_of_the_search_holds_no_tex(book: Path) -> None:
    index = (book / "searchindex.js").read_text(encoding="utf-8")
    assert "tex-inline" not in index
    titles = index[index.index('"titles"') :]
    assert "\\\\" not in titles[: titles.index("]")]


def test_a_part_is_fetched_once_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(part: npm.Part, folder: Path) -> Path:
        raise AssertionError("fetched again")

    def forged(part: npm.Part, folder: Path) -> Path:
        archive = folder / "part.tgz"
        archive.write_bytes(b"something else")
        return archive

    module = importlib.import_module("llmnb_book.npm")
    target = tmp_path / npm.FOLDER / npm.AXE.name
    monkeypatch.setattr(module, "pack", forged)
    with pytest.raises(npm.ExtensionError, match=r"axe-core 4\.14\.1.*checksum"):
        npm.ensure(npm.AXE, tmp_path)
    assert not target.exists()
    target.mkdir()
    (target / "FILES").write_text("\n".join((npm.AXE.version, *npm.AXE.files)))
    monkeypatch.setattr(module, "pack", forbidden)
    assert npm.ensure(npm.AXE, tmp_path) == target
