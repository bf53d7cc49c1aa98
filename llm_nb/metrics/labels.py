"""How good a classifier is: accuracy, F1, Matthews; and of numbers, Pearson and Spearman."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple


class Score(NamedTuple):
    """Precision, recall, and F1 = 2PR / (P + R); what divides by zero is 0."""

    precision: float
    recall: float
    f1: float


def accuracy(gold: Sequence[object], predicted: Sequence[object]) -> float:
    """Share of labels that are right."""
    paired(gold, predicted)
    return sum(bool(g == p) for g, p in zip(gold, predicted, strict=True)) / len(gold)


def label_scores(
    gold: Sequence[Any],
    predicted: Sequence[Any],
    average: Literal["binary", "macro", "micro"] = "binary",
    positive: Any = 1,
) -> Score:
    """Precision, recall and F1 of labels.

    Args:
        average: "binary" asks how well ``positive`` is found; "macro" is the plain mean over the
            labels that occur, "micro" counts all decisions together (here P = R = accuracy).

    Raises:
        ValueError: lengths differ, nothing is there, or ``positive`` occurs on neither side.
    """
    from sklearn.metrics import precision_recall_fscore_support

    paired(gold, predicted)
    labels = [positive] if average == "binary" else None
    if labels and positive not in gold and positive not in predicted:
        raise ValueError(f"the label {positive!r} occurs nowhere: name the one that is sought")
    p, r, f, _ = precision_recall_fscore_support(
        gold, predicted, labels=labels, zero_division=0, average="macro" if labels else average
    )
    return Score(float(p), float(r), float(f))


def matthews(gold: Sequence[Any], predicted: Sequence[Any]) -> float:
    """Matthews correlation, −1 to 1, of labels (1975; CoLA's measure in GLUE); 0 if one is constant."""
    from sklearn.metrics import matthews_corrcoef

    paired(gold, predicted)
    return float(matthews_corrcoef(gold, predicted))


def pearson(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """Correlation of two series of numbers, −1 to 1 (STS-B in GLUE)."""
    from scipy.stats import pearsonr

    _varied(gold, predicted)
    return float(pearsonr(gold, predicted).statistic)


def spearman(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """Correlation of their ranks, ties sharing the mean rank: is the *order* right?"""
    from scipy.stats import spearmanr

    _varied(gold, predicted)
    return float(spearmanr(gold, predicted).statistic)


def paired(gold: Sequence[object], predicted: Sequence[object]) -> None:
    """Raise a ValueError unless there is one prediction for each gold value, and at least one."""
    for name, values in (("gold", gold), ("predicted", predicted)):
        if isinstance(values, str):
            raise ValueError(f"{name} is one string, {values[:30]!r}: give a list, one item each")
    if len(gold) != len(predicted):
        raise ValueError(
            f"there are {len(gold)} gold values but {len(predicted)} predicted: give one for each"
        )
    if not len(gold):
        raise ValueError("nothing to score: both lists are empty")


def _varied(gold: Sequence[float], predicted: Sequence[float]) -> None:
    paired(gold, predicted)
    for name, values in (("gold", gold), ("predicted", predicted)):
        if not all(math.isfinite(value) for value in values):
            raise ValueError(f"{name} has a value that is not finite: leave that pair out")
        if min(values) == max(values):
            raise ValueError(
                f"every {name} value is {values[0]}: what does not vary correlates with nothing"
            )
