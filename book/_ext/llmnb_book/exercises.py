"""Pages of exercises are made from the master notebooks, and never show one.

Sphinx reads a master's path; what it gets to see is the page that ``llm_nb.exercises.pages``
makes of it. The file behind the download button becomes the student's notebook. The setting
``exercise_edition`` (reader, course) says whether solutions are on the page, and
``exercise_variant`` whose numbers are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx

from llm_nb.exercises import pages
from llm_nb.exercises.release import student_notebook

FOLDER = "notebooks/exercises/"


def _variant(app: Sphinx) -> int | None:
    return int(app.config.exercise_variant) if app.config.exercise_variant else None


def show_page(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname.startswith(FOLDER):
        master, chapter = nbformat.reads(source[0], as_version=4), docname.removeprefix(FOLDER)
        edition = app.config.exercise_edition
        page = pages.page_notebook(master, chapter, edition, _variant(app))
        source[0] = nbformat.writes(page)


def no_launch(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """A launch button would open the master in the repository, solutions and all."""
    if pagename.startswith(FOLDER):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [b for b in buttons if b.get("label") != "launch-buttons"]


def replace_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Sphinx copies the file that it read; that was the master. Whatever happened, it goes."""
    copies = Path(app.outdir, "_sources", FOLDER)
    for path in sorted(copies.glob("*.ipynb")):
        path.unlink()
        if exception is None:
            original = Path(app.srcdir, FOLDER, path.name)
            master = nbformat.read(original, as_version=4)
            student = student_notebook(master, path.stem, _variant(app))
            path.write_text(nbformat.writes(student) + "\n", encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.add_config_value("exercise_edition", "reader", "env", [str])
    app.add_config_value("exercise_variant", "", "env", [str])
    app.connect("source-read", show_page)
    app.connect("html-page-context", no_launch, priority=900)  # after the theme's own
    app.connect("build-finished", replace_downloads, priority=100)
