"""The code exercises of chapter 07, LSTM and GRU, and the numbers that its exercises use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llm_nb.exercises.c07_lstm.gates import step_exercise, writers_exercise
from llm_nb.exercises.c07_lstm.sequences import gru_exercise, last_states_exercise
from llm_nb.exercises.exercise import Exercise

NAME = "07_lstm"


@dataclass(frozen=True)
class Parameters:
    """The numbers in the text and checks of chapter 07's exercises; the book's own as defaults.

    What the model answers state is computed from them here.
    """

    # 07.1, a cell left alone
    forget: float = 0.9
    n_hold: int = 50
    write: float = 0.3
    # 07.3, what it costs
    d_in: int = 128
    d_hidden: int = 128
    vocab_size: int = 10_000
    n_words: int = 100
    # the code exercises
    lstm_order: str = "ifgo"
    gru_order: str = "rzn"
    n_marks: int = 1
    start: float = 0.5

    @property
    def half_life(self) -> float:
        """Steps until half is left."""
        return math.log(0.5) / math.log(self.forget)

    @property
    def steps_to_half(self) -> int:
        """The first whole step at which less than half is left."""
        return math.ceil(self.half_life)

    @property
    def hold_gate(self) -> float:
        """The forget gate that leaves half after ``n_hold`` steps."""
        return 0.5 ** (1 / self.n_hold)

    @property
    def hold_bias(self) -> float:
        """Its bias: σ of it is the gate."""
        return math.log(self.hold_gate / (1 - self.hold_gate))

    @property
    def level(self) -> float:
        """Where a cell ends that is written 1 at every step."""
        return self.write / (1 - self.forget)

    @property
    def level_shown(self) -> float:
        """tanh of it."""
        return math.tanh(self.level)

    @property
    def slope_shown(self) -> float:
        """The slope of tanh there."""
        return 1 - self.level_shown**2

    @property
    def direct(self) -> float:
        """Equation (6) over ``n_hold`` steps at the gate ``forget``."""
        return self.forget**self.n_hold

    @property
    def per_gate(self) -> int:
        """Parameters of one gate: two matrices and two biases."""
        return self.d_hidden * (self.d_in + self.d_hidden + 2)

    @property
    def n_gru(self) -> int:
        """Parameters of a GRU."""
        return 3 * self.per_gate

    @property
    def n_lstm(self) -> int:
        """Parameters of an LSTM."""
        return 4 * self.per_gate

    @property
    def products(self) -> int:
        """Multiplications in the matrices of one LSTM step."""
        return 4 * self.d_hidden * (self.d_in + self.d_hidden)

    @property
    def rnn_width(self) -> float:
        """The width at which a plain network has as many parameters as the LSTM."""
        b = self.d_in + 2
        return (math.sqrt(b * b + 4 * self.n_lstm) - b) / 2

    @property
    def n_tables(self) -> int:
        """Parameters of the embedding and of the output layer with its bias."""
        return self.vocab_size * (self.d_in + self.d_hidden + 1)

    @property
    def recurrent_percent(self) -> float:
        """The LSTM's share of all parameters, in percent."""
        return 100 * self.n_lstm / (self.n_lstm + self.n_tables)

    @property
    def n_state(self) -> int:
        """Numbers that an LSTM carries from step to step."""
        return 2 * self.d_hidden

    @property
    def n_kept(self) -> int:
        """Numbers of all hidden states so far."""
        return self.n_words * self.d_hidden


CHOICES: dict[str, tuple[object, ...]] = {
    "forget": (0.88, 0.9, 0.92, 0.94, 0.95),
    "n_hold": (30, 40, 50, 60, 80),
    "write": (0.3, 0.32, 0.35, 0.4, 0.45),
    "d_in": (96, 128, 160, 192, 256),
    "d_hidden": (96, 128, 192, 256, 320),
    "vocab_size": (5000, 8000, 10_000, 20_000, 30_000),
    "n_words": (80, 100, 150, 200, 250),
    "lstm_order": ("ifgo", "ifog", "fiog", "gifo", "ofig"),
    "gru_order": ("rzn", "zrn", "nrz", "znr"),
    "n_marks": (1, 2, 3),
    "start": (0.5, 0.75, 1.25, 1.5),
}


def exercises(parameters: Parameters) -> list[Exercise]:
    """The four code exercises with these numbers."""
    return [
        step_exercise(parameters.lstm_order),
        gru_exercise(parameters.gru_order),
        last_states_exercise(parameters.n_marks),
        writers_exercise(parameters.start),
    ]
