"""A recurrent network unrolled along a few words, as chapter 6 draws it."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from llm_nb.display.diagrams import arrow, box
from llm_nb.display.style import PALETTE, house_style

_STEP, _WIDTH = 2.2, 1.5


def unrolled(words: Sequence[str]) -> tuple[Figure, str]:
    """One copy of the network for each word but the last, and the alt text: ``show(*…)`` takes both.

    Each copy reads a word through W, takes the state of the copy before it through U, and guesses
    the next word through V.

    Raises:
        ValueError: fewer than two words, so that there is nothing to guess.
    """
    if len(words) < 2:
        raise ValueError(f"{len(words)} words leave nothing to guess: give at least two")
    n = len(words) - 1
    with house_style():
        figure, axes = plt.subplots(figsize=(1.2 + 1.25 * n, 3.6))
        axes.set(xlim=(-1.9, _STEP * n), ylim=(-0.3, 5.4))
        axes.axis("off")
        axes.text(-1.5, 2.42, "h₀ = 0", ha="center", va="center", fontsize=10.5)
        for t, (word, following) in enumerate(zip(words, words[1:], strict=False)):
            left = _STEP * t
            middle = left + _WIDTH / 2
            axes.text(middle, 0, word, ha="center", va="center", style="italic")
            box(axes, left, 2.05, _WIDTH, f"h{_lowered(t + 1)}", PALETTE[0])
            box(axes, left, 3.75, _WIDTH, f"ŷ{_lowered(t + 1)}", PALETTE[4])
            axes.text(middle, 5.1, f"{following}?", ha="center", va="center", style="italic")
            arrow(axes, (middle, 0.35), (middle, 2.05))
            arrow(axes, (middle, 2.75), (middle, 3.75))
            arrow(axes, (left - (_STEP - _WIDTH if t else 0.85), 2.4), (left, 2.4))
            axes.text(middle + 0.12, 1.15, "W", va="center", fontsize=10)
            axes.text(middle + 0.12, 3.2, "V", va="center", fontsize=10)
            axes.text(left - 0.38, 2.6, "U", ha="center", fontsize=10)
    alt = "The same network drawn once for each word: it reads " + ", ".join(words[:-1])
    alt += " through W, hands its state on to the right through U, and guesses through V "
    return figure, f"{alt}{', '.join(words[1:])}."


def _lowered(n: int) -> str:
    return "".join(chr(ord("₀") + int(digit)) for digit in str(n))
