"""``{chapter-map}``: the plan of the book as a diagram, from ``book/chapter_map.yml``.

The diagram is drawn twice, for wide and for narrow screens, and the stylesheet shows one; it
takes its colours from the theme, so it follows light and dark. A chapter that the table of
contents holds is a link in a full box; one that is to come has a dashed box. The same plan
follows as a plain list, for whoever would rather read than look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from .map_drawing import Box, draw

DATA = "book/chapter_map.yml"
WORDS = {
    "title": "Chapter map",
    "desc": "Six parts in reading order, from top to bottom, and the chapters of each.",
    "written": "written: follow the link",
    "coming": "to come",
    "spine": "the spine: read these in order",
    "list": "The same map as a list",
}


@dataclass(frozen=True)
class Chapter:
    number: int
    title: str
    spine: bool
    docname: str | None


@dataclass(frozen=True)
class Part:
    title: str
    chapters: Sequence[Chapter]


def load_parts(data: Any, docnames: Sequence[str]) -> list[Part]:
    """The parts of the plan; a chapter is written if a page ``notebooks/NN_*`` exists."""

    def page_of(number: int) -> str | None:
        prefix = f"notebooks/{number:02d}_"
        return next((name for name in sorted(docnames) if name.startswith(prefix)), None)

    return [
        Part(
            part["title"],
            [
                Chapter(c["number"], c["title"], c.get("spine", False), page_of(c["number"]))
                for c in part["chapters"]
            ],
        )
        for part in data["parts"]
    ]


class ChapterMap(nodes.General, nodes.Element, addnodes.translatable):
    """The diagram; its words reach the translators through Sphinx's own protocol."""

    def messages(self) -> list[str]:
        titles = [chapter.title for part in self["parts"] for chapter in part.chapters]
        return [*WORDS.values(), *(part.title for part in self["parts"]), *titles]

    def preserve_original_messages(self) -> None:
        self["translations"] = {}

    def apply_translated_message(self, original_message: str, translated_message: str) -> None:
        if translated_message:
            self["translations"][original_message] = translated_message

    def extract_original_messages(self) -> Sequence[str]:
        return self.messages()

    def say(self, message: str) -> str:
        return str(self.get("translations", {}).get(message, message))


class ChapterMapDirective(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / DATA
        self.env.note_dependency(str(path))
        self.env.note_reread()  # the map changes whenever a chapter is added
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        node = ChapterMap(parts=load_parts(data, sorted(self.env.found_docs)))
        self.set_source_info(node)
        return [node]


def as_list(self: Any, node: ChapterMap) -> str:
    here = self.builder.current_docname
    rows = []
    for part in node["parts"]:
        items = []
        for chapter in part.chapters:
            text = f"{chapter.number:02d} {escape(node.say(chapter.title))}"
            text += " ★" if chapter.spine else ""
            if chapter.docname:
                uri = escape(self.builder.get_relative_uri(here, chapter.docname))
                items.append(f'<li><a href="{uri}">{text}</a></li>')
            else:
                items.append(f"<li>{text} ({escape(node.say(WORDS['coming']))})</li>")
        rows.append(f"<li>{escape(node.say(part.title))}<ul>{''.join(items)}</ul></li>")
    summary = escape(node.say(WORDS["list"]))
    return f"<details><summary>{summary}</summary><ul>{''.join(rows)}</ul></details>"


def visit_html(self: Any, node: ChapterMap) -> None:
    here = self.builder.current_docname
    parts = [
        (
            node.say(part.title),
            [
                Box(
                    number=f"{c.number:02d}",
                    label=node.say(c.title),
                    spine=c.spine,
                    href=self.builder.get_relative_uri(here, c.docname) if c.docname else None,
                )
                for c in part.chapters
            ],
        )
        for part in node["parts"]
    ]
    words = {key: node.say(value) for key, value in WORDS.items()}
    self.body.append('<div class="chapter-map">')
    for name, columns, width in (("wide", 4, 720), ("narrow", 2, 350)):
        self.body.append(draw(parts, words, name=name, columns=columns, width=width))
    self.body.append(as_list(self, node))
    self.body.append("</div>")
    raise nodes.SkipNode


def visit_text(self: Any, node: ChapterMap) -> None:
    """Formats without drawings go without the map."""
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_directive("chapter-map", ChapterMapDirective)
    skip = (visit_text, None)
    app.add_node(ChapterMap, html=(visit_html, None), latex=skip, text=skip)
