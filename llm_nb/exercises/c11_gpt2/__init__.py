"""The code exercises of chapter 11, GPT-2, and the numbers that its exercises use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_nb.exercises.c11_gpt2.attending import attention_exercise, mask_exercise
from llm_nb.exercises.c11_gpt2.loading import loading_exercise
from llm_nb.exercises.c11_gpt2.scoring import bits_exercise, loss_exercise
from llm_nb.exercises.exercise import Exercise

NAME = "11_gpt2"


@dataclass(frozen=True)
class Parameters:
    """The numbers in the text and checks of chapter 11's exercises; the book's own as defaults.

    What the model answers state is computed from them here.
    """

    # 11.1, a GPT-2 to count
    vocab_size: int = 32_000
    context: int = 512
    d_model: int = 640
    n_layers: int = 10
    # 11.3, two models on one text
    nats_words: float = 3.3  # a token
    bytes_words: float = 3.2  # a token
    nats_bytes: float = 1.15  # a byte
    # the code exercises
    window: int = 4
    slope: float = 0.5
    prefix: str = "transformer."
    warm_up: int = 2
    pad: int = 0

    @property
    def n_table(self) -> int:
        """Parameters of the token table."""
        return self.vocab_size * self.d_model

    @property
    def n_positions(self) -> int:
        """Parameters of the position table."""
        return self.context * self.d_model

    @property
    def n_block(self) -> int:
        """Parameters of one block, 12C² + 13C."""
        return 12 * self.d_model**2 + 13 * self.d_model

    @property
    def n_blocks(self) -> int:
        """Parameters of all blocks."""
        return self.n_layers * self.n_block

    @property
    def n_norm(self) -> int:
        """Parameters of the last layer norm."""
        return 2 * self.d_model

    @property
    def n_parameters(self) -> int:
        """Parameters in all, equation (9) of the chapter."""
        return self.n_table + self.n_positions + self.n_blocks + self.n_norm

    @property
    def n_untied(self) -> int:
        """Parameters with an output matrix of its own."""
        return self.n_parameters + self.n_table

    @property
    def table_percent(self) -> float:
        """Share of the token table, in percent."""
        return 100 * self.n_table / self.n_parameters

    @property
    def d_doubled(self) -> int:
        """Twice the width."""
        return 2 * self.d_model

    @property
    def width_factor(self) -> float:
        """By how much a block grows when the width doubles."""
        doubled = 12 * self.d_doubled**2 + 13 * self.d_doubled
        return doubled / self.n_block

    @property
    def bits_words(self) -> float:
        """Bits per byte of the model of word pieces."""
        return self.nats_words / math.log(2) / self.bytes_words

    @property
    def bits_bytes(self) -> float:
        """Bits per byte of the model of bytes."""
        return self.nats_bytes / math.log(2)

    @property
    def perplexity_words(self) -> float:
        """exp of its nats a token."""
        return math.exp(self.nats_words)

    @property
    def perplexity_bytes(self) -> float:
        """exp of its nats a byte."""
        return math.exp(self.nats_bytes)

    @property
    def kilobytes_words(self) -> float:
        """A megabyte (10⁶ bytes) coded with the model of word pieces, in 10³ bytes."""
        return 1000 * self.bits_words / 8

    @property
    def kilobytes_bytes(self) -> float:
        """A megabyte (10⁶ bytes) coded with the model of bytes, in 10³ bytes."""
        return 1000 * self.bits_bytes / 8


CHOICES: dict[str, tuple[object, ...]] = {
    "vocab_size": (16_000, 24_000, 32_000, 40_000, 48_000),
    "context": (256, 512, 768, 1024),
    "d_model": (384, 512, 640, 768, 896),
    "n_layers": (6, 8, 10, 14, 16),
    # The model of word pieces stays the better one, as its answer says.
    "nats_words": (3.0, 3.1, 3.2, 3.3, 3.4),
    "bytes_words": (3.1, 3.2, 3.3, 3.4),
    "nats_bytes": (1.12, 1.15, 1.18, 1.21),
    "window": (2, 3, 4, 5, 6),
    "slope": (0.25, 0.5, 0.75, 1.0),
    "prefix": ("transformer.", "decoder.", "model.", "gpt2.", "backbone."),
    "warm_up": (2, 3, 4, 5),
    "pad": (0, 1, 2, 3, 4),
}


def exercises(parameters: Parameters) -> list[Exercise]:
    """The five code exercises with these numbers."""
    return [
        mask_exercise(parameters.window),
        attention_exercise(parameters.slope),
        loading_exercise(parameters.prefix),
        bits_exercise(parameters.warm_up),
        loss_exercise(parameters.pad),
    ]
