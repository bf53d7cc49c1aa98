"""``index.html`` at the top of the built book: a real page that leads to the first one.

sphinx_external_toc would write a bare redirect with no title and no language.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from sphinx.application import Sphinx

# What the first page says of itself (page_head.py) goes for the address of the whole site too.
HEAD = re.compile(r'<meta (?:name="(?:description|twitter:\w+)"|property="og:[\w:]+")[^>]*>')
PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="0; url={target}">
<link rel="icon" href="data:,">
<title>{title}</title>
{head}
</head>
<body><h1>{title}</h1><p><a href="{target}">{target}</a></p></body>
</html>
"""


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    target = app.builder.get_target_uri(app.config.root_doc)
    first = Path(app.outdir, target).read_text(encoding="utf-8")
    page = PAGE.format(
        language=escape((app.config.language or "en").replace("_", "-")),
        title=escape(app.config.html_title),
        target=escape(target),
        head="\n".join(HEAD.findall(first)),
    )
    Path(app.outdir, "index.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write, priority=400)  # before sphinx_external_toc (500)
