"""The weights of the model that writes in a page: exported at build time, published, not committed.

A figure asks for ``models/gpt2-standard-library.js`` when its reader presses the button; pages
are the same size with it and without.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

FOLDER = "models"


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    from llm_nb.models.gpt2 import GPT2
    from llm_nb.models.pretrained import from_pretrained
    from llm_nb.models.web import write_web_script
    from llm_nb.shipped import SHIPPED
    from llm_nb.text.bpe import ByteLevelBPE

    target = Path(app.outdir) / FOLDER / f"{SHIPPED.name}.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = ByteLevelBPE.load(SHIPPED / "tokenizer.json")
    write_web_script(from_pretrained(GPT2, SHIPPED), tokenizer, target)


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write)
