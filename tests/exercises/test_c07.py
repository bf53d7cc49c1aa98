"""The numbers of chapter 7's paper exercises, against cells and models, for every class."""

from itertools import product
from math import tanh

import pytest
import torch
from torch import nn

from llm_nb.exercises.c07_lstm import CHOICES, Parameters


def test_a_cell_left_alone() -> None:
    for forget, n_hold, write in product(*(CHOICES[n] for n in ("forget", "n_hold", "write"))):
        p = Parameters(forget=forget, n_hold=n_hold, write=write)
        left = [forget**n for n in range(200)]
        assert p.steps_to_half == next(n for n, share in enumerate(left) if share < 0.5)
        assert p.direct == pytest.approx(left[n_hold])
        assert torch.tensor(p.hold_bias).sigmoid().item() ** n_hold == pytest.approx(0.5, rel=1e-3)
        c = 0.0
        for _ in range(1000):
            c = forget * c + write
        assert p.level == pytest.approx(c)
        assert p.level_shown == pytest.approx(tanh(c))
        assert p.level > 1  # "how the cell could go beyond it"
        assert p.slope_shown < 0.1  # "hardly to be seen"
        assert p.slope_shown == pytest.approx((tanh(c + 1e-6) - tanh(c - 1e-6)) / 2e-6, rel=1e-3)


def size(module: nn.Module) -> int:
    return sum(w.numel() for w in module.parameters())


def test_what_it_costs() -> None:
    for d_in, d_hidden in product(CHOICES["d_in"], CHOICES["d_hidden"]):
        p = Parameters(d_in=d_in, d_hidden=d_hidden)
        with torch.device("meta"):
            assert p.per_gate == size(nn.RNN(d_in, d_hidden))
            assert p.n_gru == size(nn.GRU(d_in, d_hidden))
            assert p.n_lstm == size(lstm := nn.LSTM(d_in, d_hidden))
            below, above = (nn.RNN(d_in, int(p.rnn_width) + more) for more in (0, 1))
        assert size(below) <= p.n_lstm <= size(above)
        assert p.products == sum(w.numel() for n, w in lstm.named_parameters() if "weight" in n)


def test_words_take_most_of_the_room() -> None:
    names = ("d_in", "d_hidden", "vocab_size")
    for values in product(*(CHOICES[name] for name in names)):
        p = Parameters(**dict(zip(names, values, strict=True)))
        with torch.device("meta"):
            lstm = nn.LSTM(p.d_in, p.d_hidden)
            tables = nn.Embedding(p.vocab_size, p.d_in), nn.Linear(p.d_hidden, p.vocab_size)
        assert p.n_tables == sum(map(size, tables))
        whole = size(lstm) + sum(map(size, tables))
        assert p.recurrent_percent == pytest.approx(100 * size(lstm) / whole)
        assert p.recurrent_percent < 50


def test_what_is_carried_and_what_all_states_would_be() -> None:
    for d_hidden, n_words in product(CHOICES["d_hidden"], CHOICES["n_words"]):
        p = Parameters(d_hidden=d_hidden, n_words=n_words)
        states, carried = nn.LSTM(1, d_hidden)(torch.zeros(n_words, 1))
        assert p.n_state == sum(state.numel() for state in carried)
        assert p.n_kept == states.numel()
        assert p.n_kept > 20 * p.n_state
