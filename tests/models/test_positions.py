"""Sinusoids against their formula, number by number; learned vectors; no position beyond the last."""

import math

import pytest
import torch
from torch.testing import assert_close

from llm_nb.models.positions import LearnedPositions, SinusoidalPositions, sinusoids


@pytest.mark.parametrize(("n_positions", "d_model"), [(1, 2), (50, 16), (7, 512)])
def test_sinusoids_are_the_formula(n_positions, d_model):
    slow = torch.empty(n_positions, d_model, dtype=torch.float64)
    for position in range(n_positions):
        for i in range(d_model // 2):
            angle = position / 10000 ** (2 * i / d_model)
            slow[position, 2 * i] = math.sin(angle)
            slow[position, 2 * i + 1] = math.cos(angle)
    assert_close(sinusoids(n_positions, d_model), slow.float(), atol=1e-7, rtol=0)


def test_far_positions_are_exact_too():
    table = sinusoids(20_001, 4)
    angle = 20_000 / 10000 ** (2 / 4)
    expected = [math.sin(20_000), math.cos(20_000), math.sin(angle), math.cos(angle)]
    assert table[-1].tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("shift", [1, 5, 40])
def test_a_shift_is_one_linear_map_wherever_it_starts(shift):
    d_model = 12
    table = sinusoids(100, d_model).double()
    rotation = torch.zeros(d_model, d_model, dtype=torch.float64)
    for i in range(0, d_model, 2):
        angle = shift / 10000 ** (i / d_model)
        rotation[i : i + 2, i : i + 2] = torch.tensor(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        )
    assert_close(table[:-shift] @ rotation.T, table[shift:], atol=1e-6, rtol=0)


def test_sinusoids_are_looked_up_and_not_saved():
    module = SinusoidalPositions(10, 6)
    positions = torch.tensor([[0, 3], [9, 3]])
    assert_close(module(positions), sinusoids(10, 6)[positions])
    assert module.state_dict() == {}
    assert list(module.parameters()) == []


def test_learned_positions_are_looked_up_and_learn():
    torch.manual_seed(0)
    module = LearnedPositions(1000, 60)
    assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
    module(torch.tensor([[1, 3, 3]])).sum().backward()
    assert module.weight.grad[:5, 0].tolist() == [0, 1, 0, 2, 0]
    assert torch.equal(module(torch.arange(4)), module.weight[:4])


@pytest.mark.parametrize("module", [SinusoidalPositions(8, 4), LearnedPositions(8, 4)])
def test_a_position_beyond_the_last_is_named(module):
    assert module(torch.arange(8)).shape == (8, 4)
    with pytest.raises(ValueError, match="position 8 is outside 0 … 7: shorten"):
        module(torch.arange(9))
    with pytest.raises(ValueError, match="position -1 is outside"):
        module(torch.tensor([[-1, 2]]))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sinusoids(4, 5), "d_model is 5: sines and cosines come in pairs"),
        (lambda: sinusoids(4, 0), "d_model is 0"),
        (lambda: SinusoidalPositions(0, 4), "n_positions is 0"),
        (lambda: LearnedPositions(0, 4), "n_positions is 0"),
    ],
)
def test_impossible_sizes_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
