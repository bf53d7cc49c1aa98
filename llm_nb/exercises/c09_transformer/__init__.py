"""The code exercises of chapter 09, the Transformer, and the numbers that its exercises use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_nb.exercises.c09_transformer.layers import mend_exercise
from llm_nb.exercises.c09_transformer.training import (
    rate_exercise,
    shift_exercise,
    smooth_exercise,
)
from llm_nb.exercises.exercise import Exercise

NAME = "09_transformer"


@dataclass(frozen=True)
class Parameters:
    """The numbers in the text and checks of chapter 09's exercises; the book's own as defaults.

    What the model answers state is computed from them here.
    """

    # 09.1, counting
    d_model: int = 256
    d_ff: int = 1024
    n_layers: int = 4
    vocab_size: int = 16_000
    # 09.4, a label that is not sure
    n_words: int = 1000
    doubt: float = 0.1
    sure: float = 0.99
    # the code exercises
    begin: int = 1
    power: float = 0.5
    branch: float = 0.5
    eps: float = 0.1

    @property
    def n_attention(self) -> int:
        """Parameters of one attention: four matrices and their biases."""
        return 4 * self.d_model * (self.d_model + 1)

    @property
    def n_ff(self) -> int:
        """Parameters of one feed-forward layer."""
        return 2 * self.d_model * self.d_ff + self.d_ff + self.d_model

    @property
    def n_encoder_layer(self) -> int:
        """One attention, one feed-forward layer, two norms."""
        return self.n_attention + self.n_ff + 4 * self.d_model

    @property
    def n_decoder_layer(self) -> int:
        """Two attentions, one feed-forward layer, three norms."""
        return 2 * self.n_attention + self.n_ff + 6 * self.d_model

    @property
    def n_table(self) -> int:
        """The one table of token vectors."""
        return self.vocab_size * self.d_model

    @property
    def n_whole(self) -> int:
        """Both stacks, their last norms, and the table."""
        layers = self.n_layers * (self.n_encoder_layer + self.n_decoder_layer)
        return layers + 4 * self.d_model + self.n_table

    @property
    def attention_percent(self) -> float:
        """What part of all parameters belongs to attention, in percent."""
        return 300 * self.n_layers * self.n_attention / self.n_whole

    @property
    def even_length(self) -> int:
        """The length at which scores and mixtures cost what the matrices of a layer cost."""
        return 2 * self.d_model + self.d_ff

    @property
    def q_right(self) -> float:
        """The smoothed label of the right word."""
        return 1 - self.doubt + self.q_other

    @property
    def q_other(self) -> float:
        """The smoothed label of any other word."""
        return self.doubt / self.n_words

    @property
    def gap(self) -> float:
        """How far the best logit of the right word stands above the others."""
        return math.log(self.q_right / self.q_other)

    @property
    def lowest(self) -> float:
        """The entropy of the smoothed label, in nats."""
        others = (self.n_words - 1) * self.q_other * math.log(self.q_other)
        return -self.q_right * math.log(self.q_right) - others

    @property
    def exp_lowest(self) -> float:
        """Its exponential."""
        return math.exp(self.lowest)

    @property
    def sure_loss(self) -> float:
        """The smoothed loss of a model that gives the right word the probability ``sure``."""
        other = (1 - self.sure) / (self.n_words - 1)
        doubt = (self.n_words - 1) * self.q_other * math.log(other)
        return -self.q_right * math.log(self.sure) - doubt

    @property
    def sure_plain(self) -> float:
        """Its loss without smoothing."""
        return -math.log(self.sure)


CHOICES: dict[str, tuple[object, ...]] = {
    "d_model": (128, 192, 256, 320, 384),
    "d_ff": (640, 768, 1024, 1280, 1536),
    "n_layers": (2, 3, 4, 5, 8),
    "vocab_size": (8000, 12_000, 16_000, 24_000, 32_000),
    "n_words": (200, 500, 1000, 2000, 5000),
    "doubt": (0.05, 0.08, 0.1, 0.15, 0.2),
    "sure": (0.98, 0.985, 0.99, 0.995, 0.999),
    "begin": (1, 3, 4, 5),
    "power": (0.4, 0.5, 0.6, 0.75),
    "branch": (0.25, 0.4, 0.5, 0.7),
    "eps": (0.05, 0.1, 0.15, 0.2),
}


def exercises(parameters: Parameters) -> list[Exercise]:
    """The four code exercises with these numbers."""
    return [
        shift_exercise(parameters.begin),
        rate_exercise(parameters.power),
        mend_exercise(parameters.branch),
        smooth_exercise(parameters.eps),
    ]
