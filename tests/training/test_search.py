"""Search and cross-validation: what is tried, in which order, from which seed, and what it says."""

import itertools
import math
import os
import random
import signal
import statistics

import numpy as np
import pytest
import torch
from scipy.stats import loguniform, randint
from torch import nn

from llm_nb.training import History, TrainConfig, Trainer
from llm_nb.training.search import best_value, cross_validate, folds, search


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("LLM_NB_QUIET", "1")


class Bigram(nn.Module):
    """A table of logits, begun at random."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 5)

    def loss(self, batch):
        return nn.functional.cross_entropy(self.table(batch[0]).flatten(0, 1), batch[1].flatten())


IDS = torch.arange(20).view(2, 10) % 5
BATCH = IDS, (IDS + 1) % 5


def trainer(settings, evaluations=None, batches=None):
    model = Bigram()
    config = TrainConfig(steps=10, warmup=1, eval_every=5, **settings)

    def evaluate():
        if evaluations is not None:
            evaluations.append(settings)
        return model.loss(BATCH)

    return Trainer(model, batches or itertools.repeat(BATCH), config, evaluate)


def test_a_grid_tries_everything_once_and_sorts():
    tried = []

    def train(settings):
        tried.append(dict(settings))
        settings["a"] = None  # what is done to the settings stays with the trial
        return abs(tried[-1]["a"] - 2) + abs(tried[-1]["b"])

    trials = search(train, {"b": [0, 5], "a": (1, 2, 3)})
    assert {(t["a"], t["b"]) for t in tried} == set(itertools.product((1, 2, 3), (0, 5)))
    assert len(tried) == 6
    assert trials[0].settings == {"a": 2, "b": 0}
    assert [trial.value for trial in trials] == [0, 1, 1, 5, 6, 6]
    assert all(trial.seconds >= 0 and trial.reason is None for trial in trials)


def test_random_draws_come_from_lists_and_distributions_and_repeat():
    space = {"lr": loguniform(1e-4, 1e-1), "layers": randint(1, 4), "tied": [True, False]}
    one, same, other = (search(lambda s: s["lr"], space, 40, seed) for seed in (3, 3, 4))
    assert [t.settings for t in one] == [t.settings for t in same]
    assert [t.settings for t in one] != [t.settings for t in other]
    assert len(one) == 40
    assert all(1e-4 <= t.settings["lr"] <= 1e-1 for t in one)
    assert {t.settings["layers"] for t in one} == {1, 2, 3}
    assert {t.settings["tied"] for t in one} == {True, False}
    # As many draws under the geometric middle as over it, where a uniform draw has 1 in 30.
    assert 10 <= sum(t.settings["lr"] < 10**-2.5 for t in one) <= 30
    kinds = {type(value) for t in one for value in t.settings.values()}
    assert kinds == {float, int, bool}  # no NumPy numbers


def test_lists_alone_are_drawn_without_repeats(recwarn):
    trials = search(lambda s: s["a"], {"a": np.array([3, 1, 2])}, n_trials=9)
    assert [t.settings for t in trials] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert type(trials[0].settings["a"]) is int
    assert len(search(lambda s: s["a"], {"a": range(9)}, n_trials=4)) == 4
    assert not recwarn.list


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_every_run_starts_from_the_same_seed_and_the_callers_draws_go_on():
    torch.manual_seed(9), random.seed(9), np.random.seed(9)
    expected = draw()
    torch.manual_seed(9), random.seed(9), np.random.seed(9)
    seen = []

    def train(*_):
        seen.append(draw())
        return 1.0

    search(train, {"a": [1, 2]}, seed=5)
    cross_validate(train, 6, k=3, seed=5)
    assert len(set(seen)) == 1
    search(train, {"a": [1]}, seed=6)
    assert len(set(seen)) == 2
    assert draw() == expected


def test_a_run_that_diverges_is_recorded_and_the_search_goes_on():
    def train(settings):
        if settings["lr"] == 9:
            raise FloatingPointError("the loss is inf at step 3")
        return math.nan if settings["lr"] == 8 else settings["lr"]

    trials = search(train, {"lr": [9, 8, 1]})
    assert [t.value for t in trials] == [1, math.inf, math.inf]
    assert {t.settings["lr"]: t.reason for t in trials} == {
        1: None,
        8: "train returned nan",
        9: "the loss is inf at step 3",
    }


def test_another_error_stops_the_search_and_names_the_settings():
    with pytest.raises(ZeroDivisionError) as caught:
        search(lambda s: 1 / s["a"], {"a": [1, 0, 2]})
    assert caught.value.__notes__ == ["the settings were {'a': 0}"]
    with pytest.raises(TypeError, match="train returned None: return a number, lower is better"):
        search(lambda s: None, {"a": [1]})


@pytest.mark.parametrize(
    ("space", "n_trials", "message"),
    [
        ({}, None, "the space is empty"),
        ({}, 3, "the space is empty"),
        ({"a": []}, None, "'a' is []: give a list of values"),
        ({"a": 0.1}, None, "'a' is 0.1: give a list of values"),
        ({"a": "adamw"}, 2, "'a' is 'adamw': give a list of values"),
        ({"a": loguniform(1, 2)}, None, "'a' is a distribution: say how many draws, n_trials="),
        ({"a": [1]}, 0, "n_trials is 0: it must be at least 1"),
    ],
)
def test_a_space_that_cannot_be_searched(space, n_trials, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared)
        search(lambda s: pytest.fail("work was begun"), space, n_trials)
    assert message in str(caught.value)


def test_a_search_over_real_runs():
    trials = search(lambda s: best_value(trainer(s).fit()), {"lr": [1e-4, 0.3]})
    assert [t.settings["lr"] for t in trials] == [0.3, 1e-4]
    assert trials[0].value < 0.5 * trials[1].value
    again = search(lambda s: best_value(trainer(s).fit()), {"lr": [0.3]})
    assert again[0].value == trials[0].value  # the model, too, began the same


def test_a_real_run_that_diverges():
    def train(settings):
        run = trainer(settings)
        if settings["lr"] > 1:
            with torch.no_grad():
                run.model.table.weight.fill_(math.inf)
        return best_value(run.fit())

    trials = search(train, {"lr": [2.0, 0.1]})
    assert trials[1].value == math.inf
    assert "the loss is nan at step 0" in trials[1].reason


def test_ctrl_c_returns_the_trials_that_are_done(capsys):
    """The first Ctrl-C goes to ``fit``, which returns as if all were well."""
    evaluated = []

    def train(settings):
        def batches():
            for i in itertools.count():
                if settings["lr"] == 0.2 and i == 3:
                    os.kill(os.getpid(), signal.SIGINT)
                yield BATCH

        return best_value(trainer(settings, evaluated, batches()).fit())

    before = torch.get_rng_state()
    trials = search(train, {"lr": [0.1, 0.2, 0.3]})
    assert [t.settings for t in trials] == [{"lr": 0.1}]
    assert {s["lr"] for s in evaluated} == {0.1}
    assert capsys.readouterr().out == "interrupted: 1 of 3 trials are done\n"
    assert torch.equal(torch.get_rng_state(), before)


def test_ctrl_c_outside_of_fit():
    def train(settings):
        if settings["a"] == 2:
            raise KeyboardInterrupt
        return 0.0

    assert [t.settings["a"] for t in search(train, {"a": [1, 2, 3]})] == [1]


def test_best_value():
    history = History(val=[(5, 0.1, 3.0), (10, 0.2, 2.0), (15, 0.3, math.nan)])
    assert best_value(history) == 2.0
    assert math.isnan(best_value(History(val=[(5, 0.1, math.nan)])))
    with pytest.raises(ValueError, match="give the Trainer evaluate"):
        best_value(History())
    history.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        best_value(history)


def test_every_example_is_held_out_once():
    parts = folds(11, k=4, seed=1)
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(11))
    assert {len(held) for _, held in parts} == {2, 3}
    for training, held in parts:
        assert sorted([*training, *held]) == list(range(11))
    flat = [[list(held) for _, held in folds(11, 4, seed)] for seed in (1, 1, 2)]
    assert flat[0] == flat[1] != flat[2]
    assert flat[0][0] != sorted(range(3))  # shuffled


def test_labels_keep_their_shares_and_groups_stay_whole():
    labels = ["rare"] * 4 + ["common"] * 12
    for training, held in folds(16, k=4, labels=labels):
        assert [labels[i] for i in held].count("rare") == 1
        assert [labels[i] for i in training].count("rare") == 3
    groups = [0, 0, 0, 1, 1, 2, 3, 3, 4]
    for training, held in folds(9, k=3, groups=groups):
        assert not {groups[i] for i in held} & {groups[i] for i in training}
        assert len(held) == 3


@pytest.mark.parametrize(
    ("n", "k", "more", "message"),
    [
        (5, 1, {}, "k is 1: it must be between 2 and the 5 examples there are"),
        (5, 6, {}, "k is 6: it must be between 2 and the 5 examples there are"),
        (0, 5, {}, "k is 5: it must be between 2 and the 0 examples"),
        (3, 2, {"labels": [1, 2]}, "there are 2 labels for 3 examples: give one for each"),
        (3, 2, {"groups": [1, 2, 3, 4]}, "there are 4 groups for 3 examples"),
        (4, 3, {"groups": [1, 1, 2, 2]}, "there are 2 groups for 3 folds"),
        (5, 2, {"labels": list("aabbc")}, "label c has 1 examples for 2 folds"),
        (2, 2, {"labels": [1, 2], "groups": [1, 2]}, "labels and groups are both given"),
    ],
)
def test_folds_that_cannot_be_made(n, k, more, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is compared)
        cross_validate(lambda *_: pytest.fail("work was begun"), n, k, **more)
    assert message in str(caught.value)


def test_mean_and_standard_error():
    values = iter([1.0, 2.0, 4.0, 5.0])
    found = cross_validate(lambda *_: next(values), 8, k=4)
    assert found.values == [1, 2, 4, 5]
    assert found.mean == 3
    assert found.standard_error == pytest.approx(statistics.stdev([1, 2, 4, 5]) / 2)


def test_cross_validation_estimates_the_error_of_a_mean():
    """Predicting the training mean errs by σ²(1 + 1/m) on examples that it has not seen."""
    data = np.random.default_rng(0).normal(5, 2, size=400)

    def train(training, held_out):
        return np.mean((data[held_out] - data[training].mean()) ** 2)

    found = cross_validate(train, len(data), k=10)
    assert abs(found.mean - data.var() * (1 + 1 / 360)) < found.standard_error


def test_a_fold_that_fails_is_named():
    with pytest.raises(FloatingPointError) as caught:
        cross_validate(lambda training, held: math.nan if 0 in held else 1.0, 6, k=6, seed=0)
    place = [0 in held for _, held in folds(6, 6, 0)].index(True)
    assert caught.value.__notes__ == [f"in fold {place + 1} of 6"]


def test_cross_validation_inside_a_search():
    def train(settings):
        return cross_validate(lambda a, b: settings["x"] / settings["y"], 6, k=3).mean

    best, worst = search(train, {"x": [4, 2], "y": [2]})
    assert (best.settings, best.value, worst.value) == ({"x": 2, "y": 2}, 1.0, 2.0)
