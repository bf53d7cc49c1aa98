"""The live figure of scaled dot-product attention, over the reader's own sentence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llm_nb.display import figures
from llm_nb.display.live.frame import pack, show_live
from llm_nb.models.gpt2 import GPT2, Block
from llm_nb.models.modes import evaluating

LIMIT = 14  # words: more would not fit a phone


def attention_data(model: GPT2, words: list[str], sentence: str) -> dict[str, Any]:
    """What attention.js needs of the first layer, whose input is the token and position vectors
    themselves: those, and each head's projections.

    Args:
        model: whose vectors and projections are used; ``words`` are its vocabulary, in order.
    """
    C, H = model.config.d_model, model.config.n_heads
    block = model.blocks[0]
    assert isinstance(block, Block)
    weight = block.attn.qkv.weight.detach().view(3, H, C // H, C)  # (out, in), as q, k, v
    bias = block.attn.qkv.bias.detach().view(3, H, C // H)
    return {
        "sentence": sentence,
        "limit": LIMIT,
        "vocabulary": words,
        "tokens": pack(model.wte.weight.detach()),
        "positions": pack(model.wpe.weight.detach()[:LIMIT]),
        "gain": pack(block.ln_1.weight.detach()),
        "bias": pack(block.ln_1.bias.detach()),
        "heads": [
            [{"weight": pack(weight[i, h].T), "bias": pack(bias[i, h])} for i in range(3)]
            for h in range(H)
        ],
    }


def first_layer_weights(model: GPT2, ids: Tensor) -> Tensor:
    """The causal attention weights of the first layer, (H, T, T), for ids (T,)."""
    with evaluating(model), torch.no_grad():
        return model.attention_maps(ids[None])[0, 0]


def attention(model: GPT2, words: list[str], sentence: str) -> None:
    """Show attention live: sentence, head, mask and temperature are the reader's.

    Args:
        model: a small GPT-2; its first layer is used.
        words: its vocabulary in order; a sentence is cut into words and single marks.
        sentence: what to begin with, of known words only (the picture is computed from it).

    Raises:
        ValueError: a word of ``sentence`` is not one of ``words``.
    """
    pieces = re.findall(r"\w+|[^\w\s]", sentence)[:LIMIT]
    if unknown := sorted(set(pieces) - set(words)):
        raise ValueError(
            f"the model does not know {unknown[0]!r}: begin with a sentence of its words"
        )
    weights = first_layer_weights(model, torch.tensor([words.index(p) for p in pieces]))
    # Begin where a head looks most decidedly at a word that stands well behind.
    head, query, key = np.unravel_index(int(weights.tril(-4).argmax()), weights.shape)
    data = attention_data(model, words, sentence)
    data["start"] = {"head": int(head), "query": int(query), "key": int(key)}
    title = f"head {head + 1}"
    show_live(
        "attention",
        data,
        title="Live figure: scaled dot-product attention",
        picture=figures.attention_heads(weights[None, head].numpy(), pieces, [title], columns=1),
        alt=f"Attention weights of {title} over “{sentence}”: “{pieces[query]}” gives "
        f"“{pieces[key]}”, {query - key} places back, {weights[head, query, key]:.2f} of its weight.",
    )
