"""Timing a step moves nothing and measures the step."""

import time

import pytest
import torch

from llm_nb.training.speed import seconds_a_step


class Sleepy(torch.nn.Linear):
    calls = 0

    def loss(self, batch):
        self.calls += 1
        time.sleep(0.3 if self.calls == 1 else 0.05)  # the first is the slow one
        return self(batch).sum()


def test_the_fastest_step_after_the_first():
    model = Sleepy(2, 2)
    before = model.weight.clone()
    assert 0.05 <= seconds_a_step(model, torch.ones(1, 2), repeats=2) < 0.3
    assert model.calls == 3
    assert torch.equal(model.weight, before)
    assert model.weight.grad is None


def test_no_repeats_is_one_clear_sentence():
    with pytest.raises(ValueError, match="repeats is 0"):
        seconds_a_step(Sleepy(2, 2), torch.ones(1, 2), repeats=0)
