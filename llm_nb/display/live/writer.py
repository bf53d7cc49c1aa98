"""A trained GPT-2 that writes in the page, with no kernel."""

from __future__ import annotations

from typing import Any

import torch

from llm_nb.display import figures
from llm_nb.display.live.frame import show_live, visible
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.web import rounded, web_model, web_script
from llm_nb.runtime import outputs_are_stored
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

PUBLISHED = "../models"  # seen from a chapter's page; the book's build writes it there
SHOWN = 10


def writer_data(
    model: GPT2,
    tokenizer: ByteLevelBPE,
    prompt: str,
    *,
    look: tuple[int, int] = (0, 0),
    published: str | None = None,
) -> dict[str, Any]:
    """What writer.js needs: arguments as in :func:`writer`; the weights are in it, or, with
    ``published``, where they lie and what they must be."""
    if END_OF_TEXT not in tokenizer.special_tokens:
        raise ValueError(
            f"the tokenizer has no {END_OF_TEXT}, with which the model's documents begin: "
            "train it with special_tokens=[END_OF_TEXT]"
        )
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    if not (0 <= look[0] < n_layers and 0 <= look[1] < n_heads):
        raise ValueError(f"look is {look}: there are {n_layers} layers of {n_heads} heads, from 0")
    file = web_model(model, tokenizer, published or "inline")
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(prompt)]
    if len(ids) > model.context:
        raise ValueError(
            f"the prompt has {len(ids)} tokens, and the model reads {model.context}: shorten it"
        )
    small = rounded(model).cpu()
    with torch.no_grad():
        top = small(torch.tensor([ids]))[0, -1].softmax(-1).topk(SHOWN)
    names = [visible(tokenizer.decode([i])) for i in top.indices.tolist()]
    data: dict[str, Any] = {
        "prompt": prompt,
        "end": END_OF_TEXT,
        "look": list(look),
        "preview": {
            "pieces": [visible(tokenizer.decode([i])) for i in ids],
            "next": [list(pair) for pair in zip(names, top.values.tolist(), strict=True)],
        },
    }
    if published is None:
        return data | {"model": file}
    size = len(web_script(file))
    source = f"{PUBLISHED}/{published}.js"
    return data | {"source": source, "digest": file["digest"], "bytes": size}


def writer(
    model: GPT2,
    tokenizer: ByteLevelBPE,
    prompt: str,
    *,
    look: tuple[int, int] = (0, 0),
    published: str | None = None,
) -> None:
    """Show ``model`` live: it reads and writes in the page, rounded to 8 bits, with no kernel.

    Args:
        model: a GPT-2 small enough for a page (``llm_nb.models.web``), trained on documents that
            begin with ``END_OF_TEXT``.
        tokenizer: the one that it was trained with.
        prompt: what to begin with.
        look: layer and head, from 0, whose attention is shown first.
        published: where outputs are stored for the page, the name of the file with these weights
            that the book publishes: ``"gpt2-standard-library"`` for those that come with it. Where
            a kernel runs for a reader, and without a name, the weights go into the output.

    Raises:
        ValueError: the model or the tokenizer is not one that runs in a page, ``prompt`` is over
            the context, or there is no such head.
    """
    name = published if outputs_are_stored() else None
    data = writer_data(model, tokenizer, prompt, look=look, published=name)
    labels, values = zip(*data["preview"]["next"], strict=True)
    show_live(
        "writer",
        data,
        title="Live figure: a GPT-2 that writes",
        picture=figures.bars(labels, values, xlabel="probability", monospace=True),
        alt=f"The ten most probable tokens after “{' '.join(prompt.split())}”: "
        f"{labels[0]} leads with {values[0]:.2f}.",
    )
