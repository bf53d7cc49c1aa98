"""The numbers of chapter 3's paper exercises, from their definitions, for every class."""

from itertools import product
from math import log2

import numpy as np
import pytest

from llm_nb.exercises.c03_language_modelling import CHOICES, Parameters
from llm_nb.models.ngram import AbsoluteDiscount, AddK


def test_every_choice_keeps_what_the_answers_say() -> None:
    names = ("n_history", "n_pair", "n_kinds", "vocab_size")
    for values in product(*(CHOICES[name] for name in names)):
        p = Parameters(**dict(zip(names, values, strict=True)))
        assert p.n_pair < p.n_history - p.n_kinds  # the other words followed at least once each
        assert p.unseen_percent > 80  # "most probably"
        assert p.bits_added > p.bits_counted
        assert p.saved_percent < 100
        # Word 0 and what follows it: word 1, the pair of the exercise, and all other kinds.
        after = [1] * p.n_pair + [2 + i % (p.n_kinds - 1) for i in range(p.n_history - p.n_pair)]
        text = [word for follower in after for word in (0, follower)]
        counted = AbsoluteDiscount(2, p.vocab_size, (0.0, 0.0)).fit(text)
        assert p.p_counted == pytest.approx(counted.next_probs([0])[1])
        assert p.bits_counted == pytest.approx(-counted.log2_probs([0, 1])[1])
        added = AddK(2, p.vocab_size, 1).fit(text)
        shares = added.next_probs([0])
        assert p.p_added == pytest.approx(shares[1])
        assert p.bits_added == pytest.approx(-added.log2_probs([0, 1])[1])
        unseen = np.delete(shares, after)
        assert p.n_unseen == len(unseen)
        assert p.p_unseen == pytest.approx(unseen[0])
        assert p.unseen_percent == pytest.approx(100 * unseen.sum())
        discounted = AbsoluteDiscount(2, p.vocab_size, (0.0, 0.75)).fit(text)
        shares, lower = discounted.next_probs([0]), discounted.next_probs([])
        saved = shares[0] / lower[0]  # word 0 never followed itself: it gets from what was saved
        assert p.saved_percent == pytest.approx(100 * saved)
        assert p.p_discounted == pytest.approx(shares[1] - saved * lower[1])
        assert p.n_left == pytest.approx((shares[1] - saved * lower[1]) * p.n_history)


def test_the_two_codes() -> None:
    q = [1 / 2, 1 / 4, 1 / 8, 1 / 8]
    entropy = -sum(a * log2(a) for a in q)
    cross = -sum(a * log2(b) for a, b in zip(q, reversed(q), strict=True))
    for n in CHOICES["n_symbols"]:
        p = Parameters(n_symbols=n)
        assert (p.bits_right, p.bits_wrong) == (entropy * n, cross * n)
        assert p.bits_lost == (cross - entropy) * n == 0.875 * n
        assert (8 * p.bytes_right, 8 * p.bytes_wrong) == (p.bits_right, p.bits_wrong)
