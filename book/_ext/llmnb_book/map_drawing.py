"""The drawing of the chapter map: plain SVG from a list of parts, nothing else known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

MARGIN, GAP = 8, 10
BOX_HEIGHT, HEAD_HEIGHT, ARROW_HEIGHT, LINE = 62, 30, 24, 17
FONT = 14  # px, as in book.css


@dataclass(frozen=True)
class Box:
    number: str
    label: str
    spine: bool
    href: str | None


def text_width(text: str) -> float:
    """A rough width in px: a Latin letter is half as wide as a Chinese character."""
    return sum(FONT if east_asian_width(char) in "WF" else 0.58 * FONT for char in text)


def wrap(text: str, width: float) -> list[str]:
    """Break ``text`` at spaces, or anywhere between Chinese characters."""
    lines, line = [], ""
    for word in text.split(" "):
        pieces = list(word) if any(east_asian_width(c) in "WF" for c in word) else [word]
        for index, piece in enumerate(pieces):
            glue = " " if line and index == 0 else ""
            if line and text_width(line + glue + piece) > width:
                lines.append(line)
                line = piece
            else:
                line += glue + piece
    return [*lines, line]


def draw_box(box: Box, x: float, y: float, width: float, coming: str) -> str:
    lines = wrap(f"{box.number} {box.label}" + ("\u00a0★" if box.spine else ""), width - 20)
    top = y + BOX_HEIGHT / 2 - LINE * (len(lines) - 1) / 2
    spans = "".join(
        f'<tspan x="{x + 12:g}" y="{top + LINE * i:g}">{escape(line)}</tspan>'
        for i, line in enumerate(lines)
    )
    kind = "written" if box.href else "coming"
    inside = (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text dominant-baseline="central">{spans}</text>'
    )
    if box.spine:
        inside += f'<path class="spine" d="M{x + 4:g} {y + 8:g}v{BOX_HEIGHT - 16}"/>'
    if box.href:
        return f'<a class="{kind}" href="{escape(box.href)}">{inside}</a>'
    return f'<g class="{kind}"><title>{escape(f"{box.label} ({coming})")}</title>{inside}</g>'


def draw_legend(words: dict[str, str], y: float, width: float) -> tuple[str, float]:
    """The key under the drawing, one entry a row; returns it and the height it takes."""
    rows = []
    for index, (kind, word) in enumerate(
        (("written", words["written"]), ("coming", words["coming"]), ("star", words["spine"]))
    ):
        middle = y + 12 + 22 * index
        if kind == "star":
            sign = f'<text x="{MARGIN + 10}" y="{middle:g}" dominant-baseline="central">★</text>'
        else:
            sign = f'<rect x="{MARGIN}" y="{middle - 8:g}" width="32" height="16" rx="4"/>'
        rows.append(
            f'<g class="{kind}">{sign}<text class="key" x="{MARGIN + 44}" y="{middle:g}" '
            f'dominant-baseline="central">{escape(word)}</text></g>'
        )
    return "".join(rows), 22 * len(rows) + 12


def draw(
    parts: Sequence[tuple[str, Sequence[Box]]],
    words: dict[str, str],
    *,
    name: str,
    columns: int,
    width: int,
) -> str:
    """One band a part, ``columns`` boxes a row, an arrow from each part to the next."""
    box_width = (width - 2 * MARGIN - (columns + 1) * GAP) / columns
    shapes, y = [], 4.0
    for index, (title, boxes) in enumerate(parts):
        rows = -(-len(boxes) // columns)
        height = HEAD_HEIGHT + rows * (BOX_HEIGHT + GAP)
        if index:
            middle = width / 2
            shapes.append(
                f'<path class="arrow" d="M{middle:g} {y + 2:g}v{ARROW_HEIGHT - 8}m-6 -7l6 7l6 -7"/>'
            )
            y += ARROW_HEIGHT
        shapes.append(
            f'<rect class="part" x="{MARGIN}" y="{y:g}" width="{width - 2 * MARGIN}" '
            f'height="{height:g}" rx="8"/><text class="part-title" x="{MARGIN + GAP + 2}" '
            f'y="{y + 17:g}" dominant-baseline="central">{escape(title)}</text>'
        )
        for place, box in enumerate(boxes):
            row, column = divmod(place, columns)
            x = MARGIN + GAP + column * (box_width + GAP)
            top = y + HEAD_HEIGHT + row * (BOX_HEIGHT + GAP)
            shapes.append(draw_box(box, x, top, box_width, words["coming"]))
        y += height
    legend, legend_height = draw_legend(words, y + 8, width)
    total = y + 8 + legend_height
    ids = f"chapter-map-{name}"
    return (
        f'<svg class="{name}" viewBox="0 0 {width} {total:g}" role="group" '
        f'aria-labelledby="{ids}-title" aria-describedby="{ids}-desc" '
        f'xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{ids}-title">{escape(words["title"])}</title>'
        f'<desc id="{ids}-desc">{escape(words["desc"])}</desc>'
        f"{''.join(shapes)}{legend}</svg>"
    )
