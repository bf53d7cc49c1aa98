"""Labels and numbers, against hand-worked examples."""

import math

import numpy as np
import pytest

from llm_nb.metrics import Score, accuracy, label_scores, matthews, pearson, spearman

# Right and wrong of a detector: TP 3, FN 1, FP 2, TN 4.
GOLD = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
SAID = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]


def test_binary_by_hand():
    assert accuracy(GOLD, SAID) == 0.7
    assert label_scores(GOLD, SAID) == pytest.approx((3 / 5, 3 / 4, 2 / 3))
    assert label_scores(GOLD, SAID, positive=0) == pytest.approx((4 / 5, 4 / 6, 8 / 11))
    names = ["spam" if g else "ham" for g in GOLD], ["spam" if s else "ham" for s in SAID]
    assert label_scores(*names, positive="spam") == label_scores(GOLD, SAID)
    # (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))
    assert matthews(GOLD, SAID) == pytest.approx((3 * 4 - 2 * 1) / math.sqrt(5 * 4 * 6 * 5))


def test_three_classes_by_hand():
    gold, said = list("aaabbc"), list("aabbca")
    # a: TP 2 of 3 said, 3 true; b: 1 of 2, 2; c: 0 of 1, 1
    macro = label_scores(gold, said, "macro")
    assert macro == pytest.approx(((2 / 3 + 1 / 2) / 3, (2 / 3 + 1 / 2) / 3, (2 / 3 + 1 / 2) / 3))
    assert label_scores(gold, said, "micro") == pytest.approx((0.5, 0.5, 0.5))
    assert accuracy(gold, said) == 0.5
    assert accuracy(np.array(GOLD), np.array(SAID)) == 0.7


def test_a_class_that_is_never_said_scores_zero():
    assert label_scores([1, 1, 0], [0, 0, 0]) == Score(0, 0, 0)
    assert matthews([1, 1, 0], [0, 0, 0]) == 0
    assert matthews([1, 0], [0, 1]) == -1


def test_correlations_by_hand():
    # Deviations (−2 −1 0 1 2) and (−2 0 −1 2 1): Σ products 8, Σ squares 10 each.
    assert pearson([1, 2, 3, 4, 5], [10, 30, 20, 50, 40]) == pytest.approx(0.8)
    assert spearman([1, 2, 3, 4, 5], [10, 30, 20, 50, 40]) == pytest.approx(0.8)
    curved = [math.exp(v) for v in range(6)]
    assert spearman(range(6), curved) == pytest.approx(1)
    assert pearson(range(6), curved) < 0.9
    # Ties share a rank: 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    assert spearman([1, 2, 3, 4], [5, 7, 7, 9]) == pytest.approx(4.5 / math.sqrt(5 * 4.5))


@pytest.mark.parametrize("metric", [accuracy, label_scores, matthews, pearson, spearman])
def test_lists_that_do_not_match(metric):
    with pytest.raises(ValueError, match="there are 2 gold values but 3 predicted"):
        metric([1, 0], [1, 0, 1])
    with pytest.raises(ValueError, match="both lists are empty"):
        metric([], [])
    with pytest.raises(ValueError, match="gold is one string"):
        metric("ab", "ab")


def test_other_bad_input():
    with pytest.raises(ValueError, match="'yes' occurs nowhere"):
        label_scores([0, 1], [0, 1], positive="yes")
    for metric in (pearson, spearman):
        with pytest.raises(ValueError, match=r"every predicted value is 0\.5"):
            metric([1, 2], [0.5, 0.5])
        with pytest.raises(ValueError, match="gold has a value that is not finite"):
            metric([1, math.nan], [1, 2])
