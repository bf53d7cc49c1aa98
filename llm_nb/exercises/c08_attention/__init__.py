"""The code exercises of chapter 08, attention, and the numbers that its exercises use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_nb.exercises.c08_attention.looking import head_exercise, padding_exercise
from llm_nb.exercises.c08_attention.parts import clocks_exercise, merge_exercise
from llm_nb.exercises.exercise import Exercise

NAME = "08_attention"


@dataclass(frozen=True)
class Parameters:
    """The numbers in the text and checks of chapter 08's exercises; the book's own as defaults.

    What the model answers state is computed from them here.
    """

    # 08.1, a dictionary on paper
    ratio: int = 3
    far: int = 10
    near: int = 2
    d_wide: int = 64
    # 08.3, what length costs
    n_words: int = 4096
    d_model: int = 768
    n_heads: int = 12
    block: int = 128
    # the code exercises
    temperature: float = 2.0
    pad: int = 0
    base: float = 10_000.0
    state_order: str = "mlo"

    @property
    def share(self) -> float:
        """The share of a key whose score is ln ``ratio`` beside one of 0."""
        return self.ratio / (self.ratio + 1)

    @property
    def answer(self) -> float:
        """The mixture of the values ``far`` and ``near`` in these shares."""
        return self.share * self.far + (1 - self.share) * self.near

    @property
    def slope(self) -> float:
        """The derivative of that share by its own score."""
        return self.share * (1 - self.share)

    @property
    def doubled(self) -> float:
        """The share when both scores are twice as large."""
        return self.ratio**2 / (self.ratio**2 + 1)

    @property
    def typical(self) -> float:
        """The standard deviation of an undivided score of ``d_wide`` numbers."""
        return math.sqrt(self.d_wide)

    @property
    def tables_mb(self) -> float:
        """The weights of all heads in single precision, in megabytes."""
        return 4 * self.n_heads * self.n_words**2 / 1e6

    @property
    def vectors_mb(self) -> float:
        """Queries, keys, values and the heads' results, in megabytes."""
        return 4 * 4 * self.n_words * self.d_model / 1e6

    @property
    def equal_words(self) -> float:
        """The length at which the weights take as much as these vectors."""
        return 4 * self.d_model / self.n_heads

    @property
    def blocks_mb(self) -> float:
        """The scores of all queries with one block of keys, all heads, in megabytes."""
        return 4 * self.n_heads * self.n_words * self.block / 1e6

    @property
    def n_weights(self) -> int:
        """Numbers in the four matrices."""
        return 4 * self.d_model**2

    @property
    def scores_g(self) -> float:
        """Multiplications of QKᵀ and of the mixing, in 10⁹."""
        return 2 * self.n_words**2 * self.d_model / 1e9

    @property
    def matrices_g(self) -> float:
        """Multiplications by the four matrices, in 10⁹."""
        return self.n_words * self.n_weights / 1e9

    @property
    def balance(self) -> int:
        """The length at which the two are equal."""
        return 2 * self.d_model


CHOICES: dict[str, tuple[object, ...]] = {
    "ratio": (2, 3, 4, 5, 7),
    "far": (10, 12, 15, 20),
    "near": (1, 2, 3, 4),
    "d_wide": (36, 64, 100, 144),
    "n_words": (3072, 4096, 6144, 8192),
    "d_model": (384, 576, 768, 960),
    "n_heads": (6, 8, 12, 16),
    "block": (32, 64, 128, 256),
    "temperature": (0.5, 1.5, 2.0, 3.0),
    "pad": (0, 1, 2, 3),
    "base": (100.0, 500.0, 1000.0, 10_000.0),
    "state_order": ("mlo", "lmo", "olm", "oml"),
}


def exercises(parameters: Parameters) -> list[Exercise]:
    """The four code exercises with these numbers."""
    return [
        head_exercise(parameters.temperature),
        padding_exercise(parameters.pad),
        clocks_exercise(parameters.base),
        merge_exercise(parameters.state_order),
    ]
