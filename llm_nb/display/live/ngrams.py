"""The live figure of n-gram models: what each character of the reader's own text costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llm_nb.display import figures
from llm_nb.display.live.frame import show_live
from llm_nb.models.ngram import KneserNey

ORDER = 4  # what the figure begins with


def ngrams_data(
    train: str, held_out: str, sentence: str, references: Mapping[str, float]
) -> dict[str, Any]:
    """What ngrams.js needs; the models are counted in the page."""
    return {
        "train": train,
        "held_out": held_out,
        "sentence": sentence,
        "order": ORDER,
        "references": dict(references),
        "note": f"Counted on {len(train.encode()):,} bytes. “Held out” and the compressors are "
        f"for {len(held_out.encode()):,} other bytes, read after those.",
    }


def character_bits(model: KneserNey, text: str) -> list[float]:
    """−log2 P of each character of a text: the sum over its UTF-8 bytes, which the model reads."""
    bits = -model.log2_probs(list(text.encode()))
    ends = np.cumsum([len(character.encode()) for character in text])
    return [float(part.sum()) for part in np.split(bits, ends[:-1])]


def ngrams(train: str, held_out: str, sentence: str, references: Mapping[str, float]) -> None:
    """Show n-gram models live: text, order and smoothing are the reader's.

    Args:
        train: what the models count, in the page; some 30 kB, so that the page stays light.
        held_out: a few kB of other text of the kind, on which every model is judged too.
        sentence: what to begin with.
        references: bits per byte that compressors need for ``held_out``, by name.

    Raises:
        ValueError: a text is empty.
    """
    for name, text in (("train", train), ("held_out", held_out), ("sentence", sentence)):
        if not text:
            raise ValueError(f"{name} is empty: give some text")
    bits = character_bits(KneserNey(ORDER, 256).fit(list(train.encode())), sentence)
    rate = sum(bits) / len(sentence.encode())
    dearest = max(range(len(bits)), key=bits.__getitem__)
    show_live(
        "ngrams",
        ngrams_data(train, held_out, sentence, references),
        title="Live figure: n-gram models and bits per byte",
        picture=figures.surprises(sentence, bits),
        alt=f"Bits that a {ORDER}-gram model pays for each character of “{sentence}”: "
        f"{rate:.2f} a byte on average, and most, {bits[dearest]:.1f}, for character "
        f"{dearest + 1}, “{sentence[dearest]}”.",
    )
