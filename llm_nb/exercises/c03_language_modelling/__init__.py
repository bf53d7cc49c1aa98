"""The code exercises of chapter 03, language modelling, and the numbers that its exercises use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_nb.exercises.c03_language_modelling.coding import interval_exercise, perplexity_exercise
from llm_nb.exercises.c03_language_modelling.counting import add_exercise, kneser_ney_exercise
from llm_nb.exercises.exercise import Exercise

NAME = "03_language_modelling"


@dataclass(frozen=True)
class Parameters:
    """The numbers in the text and checks of chapter 03's exercises; the book's own as defaults.

    What the model answers state is computed from them here.
    """

    # 03.1, counts after one word
    n_history: int = 400
    n_pair: int = 50
    n_kinds: int = 120
    vocab_size: int = 5000
    # 03.3, a code for another language
    n_symbols: int = 4000
    # the code exercises
    k: float = 0.5
    discount: float = 0.75
    start: int = 0
    skip: int = 1

    @property
    def p_counted(self) -> float:
        """The counted share."""
        return self.n_pair / self.n_history

    @property
    def bits_counted(self) -> float:
        """The surprise at it."""
        return -math.log2(self.p_counted)

    @property
    def p_added(self) -> float:
        """With one added to every count, for the pair that was seen."""
        return (self.n_pair + 1) / (self.n_history + self.vocab_size)

    @property
    def bits_added(self) -> float:
        """The surprise at that."""
        return -math.log2(self.p_added)

    @property
    def p_unseen(self) -> float:
        """With one added, for a pair that was not seen."""
        return 1 / (self.n_history + self.vocab_size)

    @property
    def n_unseen(self) -> int:
        """Words that never followed."""
        return self.vocab_size - self.n_kinds

    @property
    def unseen_percent(self) -> float:
        """What adding one gives to all pairs that were not seen, in percent."""
        return 100 * self.n_unseen * self.p_unseen

    @property
    def n_left(self) -> float:
        """What the discount of 03.1, 0.75, leaves of the count."""
        return self.n_pair - 0.75

    @property
    def p_discounted(self) -> float:
        """Its share, before anything is handed out."""
        return self.n_left / self.n_history

    @property
    def saved_percent(self) -> float:
        """What the discount of 03.1 saves, in percent."""
        return 100 * 0.75 * self.n_kinds / self.n_history

    @property
    def bits_right(self) -> float:
        """The text of 03.3 in its own code: 1.75 bits a symbol."""
        return 1.75 * self.n_symbols

    @property
    def bits_wrong(self) -> float:
        """The same text in the other code: 2.625 bits a symbol."""
        return 2.625 * self.n_symbols

    @property
    def bytes_right(self) -> float:
        """Of its own code."""
        return self.bits_right / 8

    @property
    def bytes_wrong(self) -> float:
        """Of the other code."""
        return self.bits_wrong / 8

    @property
    def bits_lost(self) -> float:
        """The divergence, over the whole text."""
        return self.bits_wrong - self.bits_right


CHOICES: dict[str, tuple[object, ...]] = {
    "n_history": (320, 400, 480, 560, 640),
    "n_pair": (40, 50, 60, 70, 80),
    "n_kinds": (100, 110, 120, 130, 140),
    "vocab_size": (4000, 5000, 6000, 8000, 10_000),
    "n_symbols": (2000, 3200, 4000, 4800, 6400),
    "k": (0.1, 0.25, 0.5, 0.75, 1.0),
    "discount": (0.25, 0.4, 0.5, 0.6, 0.75),
    "start": (0, 1, 2),
    "skip": (1, 2, 3),
}


def exercises(parameters: Parameters) -> list[Exercise]:
    """The four code exercises with these numbers."""
    return [
        add_exercise(parameters.k),
        kneser_ney_exercise(parameters.discount),
        interval_exercise(parameters.start),
        perplexity_exercise(parameters.skip),
    ]
