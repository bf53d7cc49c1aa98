"""The captions of the table of contents, translated.

Sphinx translates a page right after parsing it; the external table of contents is put into the
first page after that. So the captions reach the catalogue but were never looked up in it.
"""

from __future__ import annotations

from pathlib import Path

from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.locale import init
from sphinx.transforms import SphinxTransform
from sphinx.util.i18n import docname_to_domain


class TranslateCaptions(SphinxTransform):
    default_priority = 110  # after sphinx_external_toc's InsertToctrees (100)

    def apply(self, **kwargs: object) -> None:
        domain = docname_to_domain(self.env.docname, self.config.gettext_compact)
        folders = [str(Path(self.app.srcdir, folder)) for folder in self.config.locale_dirs]
        catalog, found = init(folders, self.config.language, domain)
        if not found:
            return
        for toctree in self.document.findall(addnodes.toctree):
            for caption in filter(None, [toctree.get("rawcaption")]):
                toctree.apply_translated_message(caption, catalog.gettext(caption))


def setup(app: Sphinx) -> None:
    app.add_transform(TranslateCaptions)
