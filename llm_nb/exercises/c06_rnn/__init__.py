"""The code exercises of chapter 06, recurrent networks, and the numbers that its exercises use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_nb.exercises.c06_rnn.stepping import cut_exercise, leaky_exercise
from llm_nb.exercises.c06_rnn.training import clip_exercise, loss_exercise
from llm_nb.exercises.exercise import Exercise

NAME = "06_rnn"


@dataclass(frozen=True)
class Parameters:
    """The numbers in the text and checks of chapter 06's exercises; the book's own as defaults.

    What the model answers state is computed from them here.
    """

    # 06.1, parameters and work
    d_x: int = 64
    d_h: int = 256
    vocab_size: int = 8000
    # 06.3, one unit
    u: float = 0.9
    h: float = 0.6
    u_large: float = 1.25
    # the code exercises
    leak: float = 0.25
    cut: int = 4
    max_norm: float = 1.0
    pad: int = 0

    @property
    def n_input(self) -> int:
        """Numbers in W."""
        return self.d_h * self.d_x

    @property
    def n_recurrent(self) -> int:
        """Numbers in U."""
        return self.d_h**2

    @property
    def n_output(self) -> int:
        """Numbers in V."""
        return self.vocab_size * self.d_h

    @property
    def n_step(self) -> int:
        """Multiplications for one word without the output."""
        return self.n_input + self.n_recurrent

    @property
    def n_all(self) -> int:
        """All parameters."""
        return self.n_step + self.d_h + self.n_output + self.vocab_size

    @property
    def output_percent(self) -> float:
        """The share of V and c, in percent."""
        return 100 * (self.n_output + self.vocab_size) / self.n_all

    @property
    def n_work(self) -> int:
        """Multiplications for one word."""
        return self.n_step + self.n_output

    @property
    def n_wide(self) -> int:
        """All parameters at twice the width of the state."""
        wide = 2 * self.d_h
        return wide * (self.d_x + wide + 1 + self.vocab_size) + self.vocab_size

    @property
    def steps_open(self) -> int:
        """Steps back until a thousandth is left, with the state near 0."""
        return _steps_to_a_thousandth(self.u)

    @property
    def factor(self) -> float:
        """What a step back multiplies by where the state is h."""
        return self.u * (1 - self.h**2)

    @property
    def steps_closed(self) -> int:
        """Steps back until a thousandth is left, there."""
        return _steps_to_a_thousandth(self.factor)

    @property
    def grown(self) -> float:
        """The gradient twenty steps back with the larger weight, state at 0."""
        return self.u_large**20

    @property
    def rest(self) -> float:
        """The positive h with h = tanh(u h), for the larger weight."""
        h = 1.0
        for _ in range(10_000):
            h = math.tanh(self.u_large * h)
        return h

    @property
    def factor_at_rest(self) -> float:
        """What a step back multiplies by there."""
        return self.u_large * (1 - self.rest**2)

    @property
    def left_at_rest(self) -> float:
        """The gradient twenty steps back there."""
        return self.factor_at_rest**20


def _steps_to_a_thousandth(factor: float) -> int:
    return math.ceil(math.log(1000) / -math.log(factor))


CHOICES: dict[str, tuple[object, ...]] = {
    "d_x": (64, 96, 128, 160, 192),
    "d_h": (256, 320, 384, 448, 512),
    "vocab_size": (6000, 8000, 10_000, 12_000, 16_000),
    "u": (0.8, 0.85, 0.9, 0.95, 0.98),
    "h": (0.5, 0.6, 0.7, 0.75, 0.8),
    "u_large": (1.2, 1.25, 1.3, 1.4, 1.5),
    "leak": (0.1, 0.2, 0.25, 0.3, 0.4),
    "cut": (3, 4, 5, 6),
    "max_norm": (0.25, 0.5, 1.0, 2.0, 4.0),
    "pad": (0, 1, 2, 3),
}


def exercises(parameters: Parameters) -> list[Exercise]:
    """The four code exercises with these numbers."""
    return [
        leaky_exercise(parameters.leak),
        cut_exercise(parameters.cut),
        clip_exercise(parameters.max_norm),
        loss_exercise(parameters.pad),
    ]
