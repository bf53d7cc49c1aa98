"""The loop: learning, accumulation, clipping, errors, early stopping."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llm_nb.training import TrainConfig, Trainer
from llm_nb.training.optim import adamw, sgd
from llm_nb.training.schedules import factor


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
    assert history.best == (10, 0)
    assert not model.training
    assert capsys.readouterr() == ("", "")  # no bar where output is stored


def test_accumulation_weighs_every_target_the_same():
    """Uneven micro-batches, one with no target, make the same step as one batch of all."""
    x = torch.tensor([[0, 1, 2, 3]])
    full = (x, torch.tensor([[1, 2, 3, 4]]))
    short = (x, torch.tensor([[2, -100, -100, -100]]))
    empty = (x, torch.full((1, 4), -100))
    both = (torch.cat([full[0], short[0]]), torch.cat([full[1], short[1]]))
    results = []
    for batches, accumulate in (([full, short, empty], 3), ([both], 1)):
        model = Bigram()
        config = TrainConfig(1, lr=0.1, warmup=1, accumulate=accumulate)
        history = Trainer(model, itertools.cycle(batches), config).fit()
        results.append((model.table.weight.detach().clone(), history.loss, history.grad_norm))
    assert_close(results[0], results[1])


def test_a_model_may_count_its_targets_itself():
    model = Bigram()
    model.n_targets = lambda batch: 7
    assert Trainer(model, cycle(), TrainConfig(2, lr=0.1)).fit().tokens == 14


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_names_the_batch_and_moves_no_weight(value):
    model = Bigram()
    trainer = Trainer(model, cycle(), TrainConfig(2, lr=0.1, accumulate=2))
    trainer.train_step(0)
    before = model.table.weight.clone()
    right = model.loss(next(cycle()))
    losses = iter([right, model.table.weight.sum() * 0 + value])
    trainer.train_step.loss = lambda batch: next(losses)
    with pytest.raises(FloatingPointError, match=f"{value} at step 1, in batch 3 of the data"):
        trainer.train_step(1)
    assert torch.equal(model.table.weight, before)
    assert model.table.weight.grad is None


def test_a_gradient_that_is_no_number_moves_no_weight():
    model = Bigram()
    trainer = Trainer(model, cycle(), TrainConfig(1, lr=0.1))
    trainer.train_step.loss = lambda batch: model.table.weight.sum().mul(0).sqrt()
    before = model.table.weight.clone()
    with pytest.raises(FloatingPointError, match="the gradient is nan at step 0"):
        trainer.fit()
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


def test_evaluation_leaves_the_random_generators_alone():
    def losses(evaluate):
        torch.manual_seed(0)
        model = nn.Sequential(Bigram(), nn.Dropout(0.5))
        model.loss = lambda batch: nn.functional.cross_entropy(
            model(batch[0]).flatten(0, 1), batch[1].flatten()
        )
        config = TrainConfig(8, lr=0.1, eval_every=2)
        return Trainer(model, cycle(), config, evaluate).fit().loss

    assert losses(lambda: float(torch.rand(()))) == losses(None)


def test_early_stopping():
    values = iter([3.0, 2.0, 2.5, 2.1, 0.0])
    config = TrainConfig(50, lr=0.1, eval_every=1, patience=2)
    history = Trainer(Bigram(), cycle(), config, lambda: next(values)).fit()
    assert history.stopped_early
    assert (len(history.loss), history.best) == (4, (2, 2.0))


def test_half_precision_skips_steps_that_overflow():
    model = Bigram()
    config = TrainConfig(4, lr=0.1, warmup=1, precision="fp16")
    trainer = Trainer(model, cycle(), config)
    before = model.table.weight.detach().clone()
    plain, calls = trainer.train_step.loss, itertools.count()
    trainer.train_step.loss = lambda batch: plain(batch) * (1e38 if next(calls) == 0 else 1)
    result = trainer.train_step(0)
    assert result.skipped
    assert torch.equal(model.table.weight, before)
    assert not trainer.train_step(1).skipped
    assert not torch.equal(model.table.weight, before)


def test_a_gradient_that_no_scale_can_save_is_an_error():
    model = Bigram()
    trainer = Trainer(model, cycle(), TrainConfig(99, lr=0.1, precision="fp16"))
    weight = model.table.weight
    trainer.train_step.loss = lambda batch: weight.sum().mul(0).sqrt()  # its slope is infinite
    with pytest.raises(FloatingPointError, match=r"overflows fp16 at step \d+ even unscaled"):
        trainer.fit()
    assert trainer.history.skipped == len(trainer.history.loss) > 10  # the scale fell meanwhile
    assert not weight.any()


def test_bfloat16_is_near_single_precision():
    losses = [
        Trainer(Bigram(), cycle(), TrainConfig(5, lr=0.1, warmup=1, precision=p)).fit().loss
        for p in ("fp32", "bf16")
    ]
    assert_close(losses[0], losses[1], rtol=0, atol=2e-2)


@pytest.mark.parametrize("make", [adamw, sgd])
def test_only_matrices_decay(make):
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    decayed, kept = make(model, 1e-3, weight_decay=0.3).param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3)]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.3, 0.0)
    assert len(kept["params"]) == 3


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_schedule_climbs_then_falls_to_its_end(schedule):
    factors = [factor(schedule, s, 100, 10, final=0.1) for s in range(100)]
    assert factors[0] == 0.1
    assert factors[9] == factors[10] == 1.0
    assert factors == sorted(factors[:10]) + sorted(factors[10:], reverse=True)
    assert 0.1 <= factors[-1] < 0.12


def test_a_constant_schedule_stays():
    assert [factor("constant", s, 4, 2) for s in range(4)] == [0.5, 1, 1, 1]
    # Vaswani et al. 2017, equation 3, over its peak, which is at the last step of the warm-up
    rates = [512**-0.5 * min(n**-0.5, n * 40**-1.5) for n in range(1, 200)]
    falling = [max(rates) * factor("inverse_sqrt", n - 1, 99, 40) for n in range(1, 200)]
    assert falling == pytest.approx(rates)
    assert [factor("inverse_sqrt", s, 9) for s in (0, 3)] == [1, 0.5]  # no warm-up


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("steps", 0), ("accumulate", 0), ("eval_every", 0), ("lr", 0), ("warmup", -1)],
        *[("final", 2), ("betas", (1, 0)), ("schedule", "square"), ("optimizer", "adam")],
        ("precision", "fp8"),
    ],
)
def test_wrong_settings_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} (is|are) "):
        TrainConfig(**({"steps": 1} | {name: value}))


def test_a_step_without_targets_is_refused():
    x = torch.zeros(1, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="no target"):
        Trainer(Bigram(), itertools.repeat((x, x - 100)), TrainConfig(1)).fit()


def test_checkpoints_need_batches_that_know_their_place(tmp_path):
    with pytest.raises(ValueError, match="give a Feed"):
        Trainer(Bigram(), cycle(), TrainConfig(1), folder=tmp_path)
