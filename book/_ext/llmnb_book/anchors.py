"""Plain CommonMark links to explicit targets of another page.

``[Radford et al. (2019)](../book/bibliography.md#radford2019)`` works in a notebook on its own
and must work in the book too. MyST resolves the part after ``#`` among headings only; this
module adds the page's ``(name)=`` targets to the same table.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx


def add_targets(app: Sphinx, doctree: nodes.document) -> None:
    slugs = dict(app.env.metadata[app.env.docname].get("myst_slugs", {}))
    for name, explicit in doctree.nametypes.items():
        target_id = doctree.nameids.get(name)
        if explicit and target_id:
            slugs.setdefault(name, (0, target_id, name))
    app.env.metadata[app.env.docname]["myst_slugs"] = slugs


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", add_targets)
