"""The theme's icons as small drawings in the page, without the script of 1.5 MB that makes them.

The theme marks an icon as ``<i class="fa-solid fa-expand">`` and loads Font Awesome's script,
which holds two thousand of them and draws the ten in use after the page has loaded. Here they
are drawn while the book is built, from the same file, and the script goes.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pydata_sphinx_theme
from sphinx.errors import ExtensionError

SCRIPT = re.compile(r"\s*<!-- So that users can add custom icons -->\s*<script[^>]*></script>")
ICON = re.compile(r'<(i|span)\b([^>]*)\bclass="([^"]*\bfa-[a-z][^"]*)"([^>]*)>\s*</\1>')
STYLES = {"fas": "fas", "fa-solid": "fas", "far": "far", "fa-regular": "far"}
STYLES |= {"fab": "fab", "fa-brands": "fab"}
ENTRY = r'(?<![\w-])"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]'
# ".fa-wifi-3:before,.fa-wifi:before{content:"\\f1eb"}": 86 kB of the theme's stylesheet.
RULE = re.compile(r'(?:\.fa-[\w-]+:before,?)+\{content:"[^"]*"\}')
SVG = (
    '<svg class="svg-inline--fa {classes}" height="1em" aria-hidden="true" focusable="false"{rest}'
    ' viewBox="0 0 {width} {height}"><path fill="currentColor" d="{path}"/></svg>'
)


@functools.cache
def _sets() -> dict[str, str]:
    """The part of Font Awesome's script that holds each of its three styles."""
    source = Path(pydata_sphinx_theme.__file__).parent.joinpath(
        "theme", "pydata_sphinx_theme", "static", "scripts", "fontawesome.js"
    )
    text, start, found = source.read_text(encoding="utf-8"), 0, {}
    for end in re.finditer(r'\("(fa[bsr])",\w+\)', text):  # each is registered after its drawings
        found.setdefault(end[1], text[start : end.start()])
        start = end.end()
    return found


@functools.cache
def drawing(style: str, name: str) -> tuple[str, str, str]:
    """Width, height and path of one icon: ``drawing("fas", "expand")``."""
    match = re.search(ENTRY.format(name=re.escape(name)), _sets().get(style, ""))
    if not match:
        raise ExtensionError(f"Font Awesome, as the theme ships it, has no icon {style} {name}.")
    return match[1], match[2], match[3]


def _drawn(match: re.Match[str]) -> str:
    classes = match[3].split()
    style = next((STYLES[name] for name in classes if name in STYLES), "")
    names = [name[3:] for name in classes if name.startswith("fa-") and name not in STYLES]
    if not style:
        return match[0]
    width, height, path = drawing(style, next(name for name in names if name != "lg"))
    # The theme's own title would be read out beside the name that its button has.
    rest = re.sub(r'\s*\btitle="[^"]*"', "", match[2] + match[4]).strip()
    return SVG.format(
        classes=" ".join(classes),
        rest=f" {rest}" if rest else "",
        width=width,
        height=height,
        path=path,
    )


def draw(html: str) -> str:
    """The page with its icons drawn, and without the script that would draw them."""
    return ICON.sub(_drawn, SCRIPT.sub("", html))


def without_icons(css: str) -> str:
    """The theme's stylesheet without its rules for the icons of the font, which no page uses."""
    return RULE.sub("", css)
