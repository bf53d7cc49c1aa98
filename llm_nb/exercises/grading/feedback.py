"""A graded notebook as a page that runs nothing and loads nothing.

Of a student's Markdown only plain markup is left (bleach), outputs are text and pictures already
(``outputs``), and the page forbids scripts and other hosts itself, by a content security policy.
"""

from __future__ import annotations

import re
from typing import Any

import bleach
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from traitlets import Bool

_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "kbd", "li", "ol", "p", "pre", "s", "span"),
    *("strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
}
_ATTRIBUTES = {"a": ["href", "title"], "td": ["align"], "th": ["align"], "abbr": ["title"]}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'"
_STYLE = """
:root { color-scheme: light }
body { overflow-wrap: anywhere; padding: 0 .5em }
.container, #notebook-container { width: auto; max-width: 60em; padding: 0 }
#notebook, .panel-body { padding: .3em }
pre { white-space: pre-wrap; overflow-x: auto }
table { display: block; overflow-x: auto; margin: 0 0 1em }
th, td { padding: .1em .8em .1em 0; overflow-wrap: normal; vertical-align: top }
img { max-width: 100%; height: auto }
div.prompt { display: none }
div.nbgrader_cell .panel-heading { height: auto; min-height: 37px; overflow: auto }
div.nbgrader_cell .panel-heading a { color: #fff; text-decoration: underline }
.panel-primary > .panel-heading { background: #2a5d8f }
.score, .panel-heading code { color: #222 }
"""


def exercise_name(grade_id: str) -> str:
    """``11.2`` for the cell ``11-2-check``; a cell of another kind of name keeps it."""
    found = re.match(r"(\d+)-(\d+)(?:-|$)", grade_id)
    return f"{found[1]}.{found[2]}" if found else grade_id


class FeedbackExporter(HTMLExporter):
    """nbgrader's feedback page without scripts, without other hosts, fit for a phone."""

    exclude_anchor_links = Bool(True)

    def markdown2html(self, context: Any, source: str) -> str:
        """Markdown as HTML of harmless tags only."""
        return harmless(super().markdown2html(context, source))

    markdown2html.jinja_pass_arg = HTMLExporter.markdown2html.jinja_pass_arg  # type: ignore[attr-defined]

    def from_notebook_node(  # type: ignore[override]
        self, nb: Any, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """The page, and nbconvert's resources."""
        html, resources = super().from_notebook_node(nb, resources, **kw)
        return closed(html), resources


def harmless(html: str) -> str:
    """HTML with plain markup only; what else there was stays as text."""
    return bleach.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, protocols={"http", "https", "mailto"}, strip=True
    )


def closed(html: str) -> str:
    """A page without its template's scripts and with a policy that allows none."""
    page = BeautifulSoup(html, features="html.parser")
    for script in page(["script", "link", "iframe", "object", "embed", "base", "form"]):
        script.decompose()
    for link in page.select('#toc a[href^="#"]'):
        if link.get_text() != "Comment":  # "Test cell", "Written response"
            link.string = f"Exercise {exercise_name(str(link['href'])[1:])}"
    if page.html is not None and page.head is not None:
        page.html["lang"] = "en"
        for place, attributes in enumerate(
            (
                {"charset": "utf-8"},
                {"http-equiv": "Content-Security-Policy", "content": POLICY},
                {"name": "viewport", "content": "width=device-width, initial-scale=1"},
                {"name": "referrer", "content": "no-referrer"},
            )
        ):
            page.head.insert(place, page.new_tag("meta", attrs=attributes))
        style = page.new_tag("style")
        style.string = _STYLE
        page.head.append(style)
    return str(page)
