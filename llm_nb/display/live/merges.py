"""The live figure of byte-pair encoding: merges learned step by step from the reader's own text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_nb.display import figures
from llm_nb.display.live.frame import show_live
from llm_nb.text.bpe import ByteLevelBPE

LIMIT = 100  # merges
LONGEST = 1500  # characters of a text
# Name → the text to learn from, and another to try the merges on. Two are tongue-twisters, for
# what repeats is what merges; the numbers of the last are those of Sennrich et al. 2016, algorithm 1.
TEXTS = {
    "English": (
        "She sells sea shells by the sea shore. The shells she sells are sea shells, I am sure. "
        "So if she sells sea shells on the sea shore, the shells are sea shore shells.",
        "He sells the shoes that she saw on the shelves.",
    ),
    "Chinese": (
        "四是四，十是十，十四是十四，四十是四十。谁能分得清，请来试一试。",
        "十四不是四十，四十不是十四。",
    ),
    "Emoji": ("👍 👍🏽 👍🏿 👩‍💻 👨‍💻 👩‍🚀 👨‍🚀 😀 😃 😄 😁", "👩🏽‍🚀 👍🏾 😎"),
    "Python": (
        "for i in range(10):\n    for j in range(i):\n        print(i, j)\n    print(i)\n",
        "for k in range(3):\n    print(k)\n",
    ),
    "low, lower, newest, widest": (
        " low" * 5 + " lower" * 2 + " newest" * 6 + " widest" * 3,
        " lowest new wide",
    ),
}


def merges_data(texts: Mapping[str, tuple[str, str]], step: int) -> dict[str, Any]:
    """What merges.js needs: texts to choose from, the first of them shown after ``step`` merges.

    Raises:
        ValueError: there is no text, or one is empty or too long for the figure.
    """
    if not texts:
        raise ValueError("there is no text to learn from: give at least one")
    for name, pair in texts.items():
        for text in pair:
            if not 0 < len(text) <= LONGEST:
                raise ValueError(
                    f"a text of {name!r} has {len(text)} characters: the figure takes 1 to {LONGEST}"
                )
    listed = [{"name": name, "text": own, "other": other} for name, (own, other) in texts.items()]
    return {"texts": listed, "limit": LIMIT, "longest": LONGEST, "step": step}


def bytes_per_token(tokenizer: ByteLevelBPE, text: str) -> list[float]:
    """How many bytes of ``text`` a token holds after 0, 1, 2, … of the tokenizer's merges."""
    merges, length = tokenizer.merges, len(text.encode())
    return [length / len(ByteLevelBPE(merges[:n]).encode(text)) for n in range(len(merges) + 1)]


def merges(texts: Mapping[str, tuple[str, str]] = TEXTS, step: int = 4) -> None:
    """Show byte-pair encoding live: the text, the step and a second text are the reader's.

    Args:
        texts: name → the text to learn from, and another that is encoded with its merges; the
            reader chooses one, and may change both.
        step: how many merges of the first are done at the start.

    Raises:
        ValueError: there is no text, or one is empty or too long for the figure.
    """
    data = merges_data(texts, step)
    own, other = next(iter(texts.values()))
    tokenizer = ByteLevelBPE.train([own], 256 + LIMIT)
    curves = {"the text learned from": own, "another text": other}
    rates = {name: bytes_per_token(tokenizer, text) for name, text in curves.items()}
    n = len(tokenizer.merges)
    first = [tokenizer.decode([256 + i]) for i in range(min(4, n))]
    show_live(
        "merges",
        data,
        title="Live figure: byte-pair encoding, merge by merge",
        picture=figures.curves(
            {name: (range(n + 1), rate) for name, rate in rates.items()},
            xlabel="merges",
            ylabel="bytes per token",
        ),
        alt=f"Bytes per token over {n} merges learned from “{own}”: from 1 to "
        f"{rates['the text learned from'][-1]:.2f}, for another text to "
        f"{rates['another text'][-1]:.2f}. "
        + ("The first tokens made are " if first else "No pair of neighbours is there to merge")
        + ", ".join(f"“{token}”" for token in first)
        + ".",
    )
