"""What a page says of itself to search engines and to those who share a link to it.

Its description is its first paragraph. The address of the site stands once, as ``html: baseurl``
in ``_config.yml``; while that is empty, no page claims an address, and the social card, whose
address would have to be a full one, is made but not named. Other languages and editions of the
book are published elsewhere, so they claim none either.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import _

from . import card

LONGEST = 200  # characters of a description
SHORTEST = 40  # less is a caption or a link, not a paragraph
OWN = {"genindex": _("Index"), "py-modindex": _("Python Module Index"), "search": _("Search")}
APART = (
    nodes.Admonition,
    nodes.list_item,
    nodes.table,
    nodes.figure,
    nodes.footnote,
    addnodes.desc,
)


def text_of(node: nodes.Node) -> str:
    """The words of a paragraph on one line; of a formula its TeX, without the backslashes."""
    if isinstance(node, nodes.math):
        return node.astext().replace("\\", "")
    if isinstance(node, nodes.Text):
        return str(node)
    return "".join(text_of(child) for child in node.children)


def plain(html: str) -> str:
    """A title as text: Sphinx gives it with tags and entities."""
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


def shortened(text: str, longest: int = LONGEST) -> str:
    """``text`` on one line, cut after a word, with an ellipsis where it was cut."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    cut = text[:longest]
    return (cut.rsplit(" ", 1)[0] if " " in cut[longest // 2 :] else cut).rstrip(" ,;:.") + " …"


def is_apart(node: nodes.Node | None) -> bool:
    while node is not None:
        if isinstance(node, APART):
            return True
        node = node.parent
    return False


def description(doctree: nodes.document) -> str:
    """The first paragraph of a page that says something, in 200 characters; "" if none does."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = text_of(paragraph).strip()
        links = "".join(text_of(link) for link in paragraph.findall(nodes.reference)).strip()
        if len(text) >= SHORTEST and text != links and not is_apart(paragraph.parent):
            return shortened(text)
    return ""


def tags(title: str, words: str, site: str, address: str, image: str) -> str:
    """The meta elements; ``address`` and ``image`` are full addresses or ""."""
    named = {"description": words, "twitter:card": "summary_large_image" if image else "summary"}
    properties = {
        "og:title": title,
        "og:description": words,
        "og:type": "article",
        "og:site_name": site,
        "og:url": address,
        "og:image": image,
    }
    if image:
        properties |= {"og:image:alt": card.ALT}
        properties |= {"og:image:width": str(card.WIDTH), "og:image:height": str(card.HEIGHT)}
    lines = [f'<meta name="{k}" content="{escape(v)}">' for k, v in named.items() if v]
    lines += [f'<meta property="{k}" content="{escape(v)}">' for k, v in properties.items() if v]
    return "\n".join(lines)


def add_tags(
    app: Sphinx,
    pagename: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    site = app.config.html_title
    title = plain(context.get("title") or "") or str(OWN.get(pagename, site))
    words = (description(doctree) if doctree else "") or f"{site}: {title}"
    base = app.config.html_baseurl
    address = f"{base.rstrip('/')}/{app.builder.get_target_uri(pagename)}" if base else ""
    image = f"{base.rstrip('/')}/{card.NAME}" if base else ""
    context["metatags"] = context.get("metatags", "") + tags(title, words, site, address, image)


def elsewhere(app: Sphinx, config: Config) -> None:
    if config.language not in (None, "en") or config.exercise_edition != "reader":
        config.html_baseurl = ""


def setup(app: Sphinx) -> None:
    app.connect("config-inited", elsewhere)
    app.connect("html-page-context", add_tags)
