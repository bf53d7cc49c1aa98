"""The loop, its schedule and its optimiser."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llm_nb.training import TrainConfig, Trainer
from llm_nb.training.optim import adamw, warmup_cosine


class Bigram(nn.Module):
    """The smallest model with a loss: a table of logits."""

    def __init__(self, vocab_size=5):
        super().__init__()
        self.table = nn.Embedding(vocab_size, vocab_size)
        nn.init.zeros_(self.table.weight)

    def forward(self, ids):
        return self.table(ids)

    def loss(self, batch):
        ids, targets = batch
        return nn.functional.cross_entropy(
            self(ids).flatten(0, 1), targets.flatten(), ignore_index=-100
        )


def cycle():
    """0 1 2 3 4 0 1 …: fully predictable."""
    x = torch.arange(20).view(2, 10) % 5
    return itertools.repeat((x, (x + 1) % 5))


def test_learns_what_can_be_learned_and_keeps_the_history(monkeypatch, capsys):
    monkeypatch.setenv("LLM_NB_QUIET", "1")
    model = Bigram()
    values = iter(range(100))
    config = TrainConfig(steps=25, lr=0.5, warmup=2, weight_decay=0.0, eval_every=10)
    history = Trainer(model, cycle(), config, evaluate=lambda: float(next(values))).fit()
    assert history.loss[0] == pytest.approx(math.log(5))
    assert history.loss[-1] < 0.02
    assert [(step, value) for step, _, value in history.val] == [(10, 0), (20, 1), (25, 2)]
    assert (history.tokens, len(history.lr), len(history.grad_norm)) == (25 * 20, 25, 25)
    assert history.tokens_per_second > 0
    assert not model.training
    assert capsys.readouterr() == ("", "")  # no bar where output is stored


def test_accumulation_weighs_every_target_the_same():
    """Two uneven micro-batches make the same step as one batch of all their targets."""
    x = torch.tensor([[0, 1, 2, 3]])
    full = (x, torch.tensor([[1, 2, 3, 4]]))
    short = (x, torch.tensor([[2, -100, -100, -100]]))
    both = (torch.cat([full[0], short[0]]), torch.cat([full[1], short[1]]))
    results = []
    for batches, accumulate in ((itertools.cycle([full, short]), 2), (itertools.repeat(both), 1)):
        model = Bigram()
        trainer = Trainer(model, batches, TrainConfig(1, lr=0.1, warmup=1, accumulate=accumulate))
        results.append((model.table.weight.clone(), trainer.fit().loss, trainer.history.grad_norm))
    assert_close(results[0], results[1])


def test_a_nan_loss_stops_before_it_touches_the_weights():
    model = Bigram()
    bad = iter([next(cycle()), next(cycle())])
    trainer = Trainer(model, bad, TrainConfig(2, lr=0.1))
    trainer._step(0)
    before = model.table.weight.clone()
    model.loss = lambda batch: model.table.weight.sum() * math.nan
    with pytest.raises(FloatingPointError, match="nan at step 1"):
        trainer._step(1)
    assert torch.equal(model.table.weight, before)


def test_an_interrupt_returns_the_history():
    def batches():
        yield from itertools.islice(cycle(), 3)
        raise KeyboardInterrupt

    history = Trainer(Bigram(), batches(), TrainConfig(10, lr=0.1)).fit()
    assert history.interrupted
    assert len(history.loss) == 3


def test_gradients_are_clipped():
    model = Bigram()
    trainer = Trainer(model, cycle(), TrainConfig(1, lr=0.1, warmup=1, clip=1e-12))
    trainer.fit()
    assert trainer.history.grad_norm[0] > 0.1  # reported before clipping
    assert trainer.optimizer.state[model.table.weight]["exp_avg"].norm() <= 1.01e-13


def test_only_matrices_decay():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    decayed, kept = adamw(model, 1e-3, weight_decay=0.3).param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3)]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.3, 0.0)
    assert len(kept["params"]) == 3


def test_the_schedule_climbs_then_falls_to_its_floor():
    factors = [warmup_cosine(s, 100, 10, floor=0.1) for s in range(100)]
    assert factors[0] == 0.1
    assert factors[9] == factors[10] == 1.0
    assert factors == sorted(factors[:10]) + sorted(factors[10:], reverse=True)
    assert 0.1 <= factors[-1] < 0.11


@pytest.mark.parametrize("field", ["steps", "accumulate", "eval_every"])
def test_counts_must_be_positive(field):
    with pytest.raises(ValueError, match=f"{field} is 0"):
        TrainConfig(**({"steps": 1} | {field: 0}))


def test_a_step_without_targets_is_refused():
    x = torch.zeros(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="no target"):
        Trainer(Bigram(), itertools.repeat((x, x - 100)), TrainConfig(1)).fit()
