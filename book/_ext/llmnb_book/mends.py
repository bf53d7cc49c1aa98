"""What the theme's pages lack for people and for weight, put right when they are written.

Each mend is one small function from page to page, and is seen by a test: axe's gate for names
and landmarks, the weight of a page for what it no longer loads.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

from .icons import draw, without_icons

SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>'
)
SEARCH_BUTTON = re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"')
SUMMARY = re.compile(
    r'(<a [^>]*>)([^<]*)(</a><details[^>]*>)<summary>(<span class="toctree-toggle")'
)
SIDEBAR = '<div id="pst-primary-sidebar" class='
SIGNATURE = re.compile(r'<dt class="sig\b.*?</dt>', re.DOTALL)
STYLES = Path("_static", "styles", "pydata-sphinx-theme.css")
VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>\s*')


def search_index_only_where_searched(html: str) -> str:
    """The index of the whole book is for ``search.html``; the theme loads it on every page."""
    return html if 'id="search-results"' in html else SEARCH.sub("", html)


def search_button(html: str) -> str:
    """Its visible words, "Search Ctrl+K", are its name; the theme's label left some of them out."""
    return SEARCH_BUTTON.sub(r"\1", html)


def names_of_folds(html: str) -> str:
    """The arrow that unfolds a chapter in the contents is called as the chapter is."""
    return SUMMARY.sub(r'\1\2\3<summary aria-label="\2">\4', html)


def sidebar_landmark(html: str) -> str:
    """The left column is a landmark, with the book's title and the search in it."""
    return html.replace(SIDEBAR, f'<div role="complementary" {SIDEBAR[5:]}', 1)


def lines_of_signatures(html: str) -> str:
    """A signature of several lines, which Sphinx makes a list of definitions with no term."""

    def lines(match: re.Match[str]) -> str:
        text = match[0].replace("<dl>", '<span class="sig-lines">').replace("</dl>", "</span>")
        return text.replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")

    return SIGNATURE.sub(lines, html)


def one_viewport(html: str) -> str:
    """Sphinx and the theme state it three times."""
    first = VIEWPORT.search(html)
    return html if not first else html[: first.end()] + VIEWPORT.sub("", html[first.end() :])


MENDS = (
    draw,
    search_index_only_where_searched,
    search_button,
    names_of_folds,
    sidebar_landmark,
    lines_of_signatures,
    one_viewport,
)


def mend(html: str) -> str:
    for one in MENDS:
        html = one(html)
    return html


def finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        mended = mend(html)
        if mended != html:
            path.write_text(mended, encoding="utf-8")
    styles = Path(app.outdir, STYLES)
    styles.write_text(without_icons(styles.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", finish, priority=440)  # after every page is written
