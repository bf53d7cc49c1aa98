"""The numbers of chapter 6's paper exercises, from their definitions, for every class."""

from itertools import product

import pytest
import torch
from torch import nn

from llm_nb.exercises.c06_rnn import CHOICES, Parameters


def test_the_parameters_are_those_of_a_network() -> None:
    for d_x, d_h, V in product(*(CHOICES[name] for name in ("d_x", "d_h", "vocab_size"))):
        p = Parameters(d_x=d_x, d_h=d_h, vocab_size=V)
        with torch.device("meta"):
            for width, said in ((d_h, p.n_all), (2 * d_h, p.n_wide)):
                network = nn.ModuleList([nn.RNNCell(d_x, width), nn.Linear(width, V)])
                second_bias = width  # PyTorch has two, equation (1) one
                count = sum(w.numel() for w in network.parameters()) - second_bias
                assert said == count
        assert p.n_work == d_x * d_h + d_h * d_h + d_h * V
        assert 80 < p.output_percent < 100


@pytest.mark.parametrize("u", CHOICES["u"])
@pytest.mark.parametrize("h", CHOICES["h"])
def test_steps_to_a_thousandth(u: float, h: float) -> None:
    p = Parameters(u=u, h=h)
    for factor, steps in ((u, p.steps_open), (u * (1 - h * h), p.steps_closed)):
        assert factor**steps < 1e-3 <= factor ** (steps - 1)


@pytest.mark.parametrize("u", CHOICES["u_large"])
def test_the_rest_and_its_gradient(u: float) -> None:
    p = Parameters(u_large=u)
    for start, gradient in ((p.rest, p.left_at_rest), (0.0, p.grown)):
        h = torch.tensor(start, dtype=torch.double, requires_grad=True)
        last = h
        for _ in range(20):
            last = torch.tanh(u * last)
        assert last.item() == pytest.approx(start, abs=1e-9)
        last.backward()
        assert h.grad is not None
        assert h.grad.item() == pytest.approx(gradient, rel=1e-6)
    assert p.left_at_rest < 1 < p.grown
