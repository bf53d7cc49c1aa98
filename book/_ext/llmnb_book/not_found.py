"""``404.html``: what a host of static pages shows for an address at which there is no page.

The address that was asked for may be at any depth, so everything on this page is addressed from
the root of the host: under the path of ``html: baseurl`` in ``_config.yml``, or under ``/``
while that is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx

NAME = "404"
WORDS = {  # title, what happened, the two ways on
    "en": (
        "Page not found",
        "There is no page at this address. It may have moved, or the link may be wrong.",
        "Go to the first page",
        "Search the book",
    ),
    "zh": (
        "找不到页面",
        "这个地址没有页面。它可能已经移走，或者链接有误。",
        "回到首页",
        "搜索本书",
    ),
}
RELATIVE = re.compile(r'\b(href|src|action|data-content_root)="(?!#|/|[a-z][a-z0-9+.-]*:)([^"]*)"')


def prefix_of(base: str) -> str:
    """``/name/`` of ``https://owner.example/name``; ``/`` where no address is known."""
    return urlsplit(base).path.rstrip("/") + "/"


def rooted(html: str, prefix: str) -> str:
    """A page at the top of the site, with its relative addresses made to work at any depth."""

    def full(match: re.Match[str]) -> str:
        return f'{match[1]}="{prefix}{match[2].removeprefix("./")}"'

    return RELATIVE.sub(full, html)


def collect(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    language = (app.config.language or "en").split("_")[0]
    title, what, first, search = WORDS.get(language, WORDS["en"])
    home = app.builder.get_target_uri(app.config.root_doc)
    body = (
        f"<section><h1>{title}</h1>\n<p>{what}</p>\n"
        f'<ul><li><a href="{home}">{first}</a></li>'
        f'<li><a href="search.html">{search}</a></li></ul></section>'
    )
    yield NAME, {"title": title, "body": body}, "page.html"


def finish(app: Sphinx, exception: Exception | None) -> None:
    path = Path(app.outdir, f"{NAME}.html")
    if exception is None and app.builder.format == "html":
        html = rooted(path.read_text(encoding="utf-8"), prefix_of(app.config.html_baseurl))
        path.write_text(html, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("html-collect-pages", collect)
    app.connect("build-finished", finish, priority=445)
