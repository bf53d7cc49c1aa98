"""Alt text for the images that a notebook's cells put out.

A notebook keeps it in the output's metadata, ``{"image/png": {"alt": "…"}}``, where Jupyter
itself looks for it. MyST-NB 1.4 takes only width and height from there, so this module wraps
its one method that makes image nodes. An image without alt text is a warning, hence (under
``-W``) a failed build.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx

_original = NbElementRenderer.render_image


def alt_of(metadata: dict[str, Any], mime_type: str) -> str:
    """The alt text in an output's metadata, by MIME type first; "" where there is none."""
    of_type = metadata.get(mime_type)
    alt = of_type.get("alt") if isinstance(of_type, dict) else None
    return " ".join(str(alt or metadata.get("alt") or "").split())


def render_image(self: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    rendered = _original(self, data)
    alt = alt_of(data.output_metadata, data.mime_type)
    for node in rendered:
        if alt:
            node["alt"] = alt
        elif not node.get("alt"):
            cell = "?" if data.cell_index is None else data.cell_index + 1
            self.logger.warning(
                f"cell {cell} shows an image without alt text: put it into the output's metadata, "
                f'{{"{data.mime_type}": {{"alt": "…"}}}}',
                subtype="image",
                line=data.line,
            )
    return rendered


def setup(app: Sphinx) -> None:
    NbElementRenderer.render_image = render_image
