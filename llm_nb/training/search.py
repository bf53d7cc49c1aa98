"""Choosing hyperparameters, and estimating an error, by training more than once.

``search`` tries settings: all of a grid, or random draws, which find good ones sooner where only
a few of the settings matter (Bergstra & Bengio 2012). ``cross_validate`` lets every example be
held out once. Every run starts from the same seed, so that two runs differ by their settings
only; afterwards the global generators are as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ParameterGrid,
    ParameterSampler,
    StratifiedKFold,
)

from llm_nb.runtime import find_device, seed_everything
from llm_nb.training import rng
from llm_nb.training.history import History

Settings = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One run of a search."""

    settings: Settings
    value: float  # lower is better; infinite where the run diverged
    seconds: float
    reason: str | None = None  # why it diverged


def best_value(history: History) -> float:
    """The lowest evaluation of a run, for ``train`` to return.

    Raises:
        KeyboardInterrupt: the run was interrupted. ``Trainer.fit`` keeps a first Ctrl-C to
            itself; this passes it on, so that it ends the search and not only one trial of it.
        ValueError: nothing was evaluated.
    """
    if history.interrupted:
        raise KeyboardInterrupt
    if not history.val:
        raise ValueError("the run has no evaluation to compare: give the Trainer evaluate")
    return history.best[1] if history.best else math.nan


def search(
    train: Callable[[Settings], float],
    space: Mapping[str, Any],
    n_trials: int | None = None,
    seed: int = 0,
) -> list[Trial]:
    """Train once for each setting of the space; the trials, best first.

    Args:
        train: given settings, trains and returns a value, lower is better, such as
            ``best_value(Trainer(…).fit())``. A run that raises FloatingPointError, or returns
            NaN, diverged: its value is infinite, and the search goes on.
        space: the values to try of each setting: lists, or for random draws also distributions,
            ``{"lr": scipy.stats.loguniform(1e-4, 1e-1), "n_layers": [1, 2]}``.
        n_trials: how many random draws; None: every combination of the lists.
        seed: of the draws, and of each run.

    Ctrl-C ends the search and returns the trials that are done.

    Raises:
        ValueError: the space is empty, or a setting has nothing to try.
        Exception: whatever else ``train`` raises, with a note that names the settings.
    """
    candidates = _candidates(space, n_trials, seed)
    trials: list[Trial] = []
    try:
        for settings in candidates:
            trials.append(_try(train, settings, seed))
    except KeyboardInterrupt:
        print(f"interrupted: {len(trials)} of {len(candidates)} trials are done")
    return sorted(trials, key=lambda trial: trial.value)


def _candidates(space: Mapping[str, Any], n_trials: int | None, seed: int) -> list[Settings]:
    if not space:
        raise ValueError(
            "the space is empty: name settings and what to try, as {'lr': [0.1, 0.01]}"
        )
    lists = {name: _values(name, choice) for name, choice in space.items() if not _drawn(choice)}
    drawn = {name: choice for name, choice in space.items() if _drawn(choice)}
    if n_trials is None:
        if drawn:
            raise ValueError(
                f"{next(iter(drawn))!r} is a distribution: say how many draws, n_trials=…"
            )
        return list(ParameterGrid(lists))
    if n_trials < 1:
        raise ValueError(f"n_trials is {n_trials}: it must be at least 1")
    if not drawn:  # drawn without repeats: there are no more than the grid has
        n_trials = min(n_trials, len(ParameterGrid(lists)))
    draws = ParameterSampler(lists | drawn, n_trials, random_state=seed)
    return [{name: _plain(value) for name, value in draw.items()} for draw in draws]


def _drawn(choice: Any) -> bool:
    return hasattr(choice, "rvs")  # scipy.stats' name for drawing


def _values(name: str, choice: Any) -> list[Any]:
    if isinstance(choice, str) or not isinstance(choice, (Sequence, np.ndarray)) or not len(choice):
        raise ValueError(
            f"{name!r} is {choice!r}: give a list of values to try, or a scipy.stats distribution"
        )
    return [_plain(value) for value in choice]


def _plain(value: Any) -> Any:
    """Python's number for NumPy's: settings go into JSON and into checks of their type."""
    return value.item() if isinstance(value, np.generic) else value


def _try(train: Callable[[Settings], float], settings: Settings, seed: int) -> Trial:
    started, reason = time.perf_counter(), None
    try:
        with _same_start(seed):
            value = _number(train(dict(settings)))
    except FloatingPointError as error:
        value, reason = math.inf, str(error)
    except Exception as error:
        error.add_note(f"the settings were {settings}")
        raise
    return Trial(settings, value, time.perf_counter() - started, reason)


@contextmanager
def _same_start(seed: int) -> Iterator[None]:
    with rng.untouched(find_device()):
        seed_everything(seed)
        yield


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"train returned {value!r}: return a number, lower is better") from None
    if math.isnan(number):
        raise FloatingPointError("train returned nan")
    return number


@dataclass(frozen=True)
class CrossValidation:
    """The value of each fold, and what they say together."""

    values: list[float]

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float:
        """Of the mean: the folds' standard deviation (over k − 1) by √k.

        It is too small rather than too large: the folds share most of their training examples,
        and no unbiased estimate exists (Bengio & Grandvalet 2004).
        """
        return float(np.std(self.values, ddof=1) / math.sqrt(len(self.values)))


def folds(
    n: int,
    k: int = 5,
    seed: int = 0,
    *,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The numbers 0 … n − 1 shuffled and cut into k parts: k pairs (training, held out).

    Args:
        labels: of the n examples; every part then holds each label in its share of the whole.
        groups: of the n examples, such as the document of a paragraph; no group is then cut in
            two, which would let a model look up what it is tested on. Not shuffled: parts are
            made as equal as the sizes of the groups allow.

    Raises:
        ValueError: there are not k examples, groups, or examples of each label.
    """
    if labels is not None and groups is not None:
        raise ValueError("labels and groups are both given: choose one of them")
    kinds, of = (
        groups if groups is not None else labels,
        "groups" if groups is not None else "labels",
    )
    if kinds is not None and len(kinds) != n:
        raise ValueError(f"there are {len(kinds)} {of} for {n} examples: give one for each")
    if not 2 <= k <= n:
        raise ValueError(f"k is {k}: it must be between 2 and the {n} examples there are")
    splitter: Any = KFold(k, shuffle=True, random_state=seed)
    if kinds is not None:
        names, counts = np.unique(np.asarray(kinds), return_counts=True)
        if groups is not None and len(names) < k:
            raise ValueError(f"there are {len(names)} groups for {k} folds: choose a smaller k")
        if labels is not None and counts.min() < k:
            raise ValueError(
                f"label {names[counts.argmin()]} has {counts.min()} examples for {k} folds: "
                "choose a smaller k, or leave that label out"
            )
        stratified = StratifiedKFold(k, shuffle=True, random_state=seed)
        splitter = GroupKFold(k) if groups is not None else stratified
    return list(splitter.split(np.zeros(n), labels, groups))


def cross_validate(
    train: Callable[[np.ndarray, np.ndarray], float],
    n: int,
    k: int = 5,
    seed: int = 0,
    *,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
) -> CrossValidation:
    """Train k times, each time on all but one of k parts, and evaluate on that one (Stone 1974).

    Args:
        train: given the indices to train on and those held out, returns a value.
        n: how many examples there are; with ``k``, ``labels`` and ``groups`` as in ``folds``.
        seed: of the shuffle, and of each run.

    Raises:
        ValueError: as ``folds`` does.
        Exception: whatever ``train`` raises, with a note that names the fold; a fold whose value
            is NaN is a FloatingPointError. There is no mean over some of the folds.
    """
    values = []
    for i, (training, held_out) in enumerate(folds(n, k, seed, labels=labels, groups=groups)):
        try:
            with _same_start(seed):
                values.append(_number(train(training, held_out)))
        except Exception as error:
            error.add_note(f"in fold {i + 1} of {k}")
            raise
    return CrossValidation(values)
