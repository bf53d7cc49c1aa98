"""What this book needs of Sphinx beyond Jupyter Book: one small module for each need."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from . import (
    address,
    alt_text,
    anchors,
    api_modules,
    captions,
    card,
    chapter_map,
    exercises,
    formulas,
    front_door,
    mends,
    model_in_page,
    not_found,
    page_head,
)

PARTS = (
    address,
    alt_text,
    anchors,
    api_modules,
    captions,
    card,
    chapter_map,
    exercises,
    formulas,
    front_door,
    mends,
    model_in_page,
    not_found,
    page_head,
)


def setup(app: Sphinx) -> dict[str, Any]:
    # Jupyter Book always sets this one, for sphinx_comments, which this book goes without.
    app.add_config_value("comments_config", {}, "")
    for part in PARTS:
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
