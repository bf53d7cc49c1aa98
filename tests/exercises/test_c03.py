"""The numbers of chapter 3's paper exercises, from their definitions, for every class."""

from itertools import product
from math import log2

import pytest

from llm_nb.exercises.c03_language_modelling import CHOICES, Parameters


def test_every_choice_keeps_what_the_answers_say() -> None:
    names = ("n_history", "n_pair", "n_kinds", "vocab_size")
    for values in product(*(CHOICES[name] for name in names)):
        p = Parameters(**dict(zip(names, values, strict=True)))
        assert p.n_pair < p.n_history - p.n_kinds  # the other words followed at least once each
        assert p.unseen_percent > 80  # "most probably"
        seen = (p.n_history + p.n_kinds) / (p.n_history + p.vocab_size)
        assert p.unseen_percent == pytest.approx(100 * (1 - seen))
        assert p.bits_added > p.bits_counted
        assert p.saved_percent < 100


def test_the_two_codes() -> None:
    q = [1 / 2, 1 / 4, 1 / 8, 1 / 8]
    entropy = -sum(a * log2(a) for a in q)
    cross = -sum(a * log2(b) for a, b in zip(q, reversed(q), strict=True))
    for n in CHOICES["n_symbols"]:
        p = Parameters(n_symbols=n)
        assert (p.bits_right, p.bits_wrong) == (entropy * n, cross * n)
        assert p.bits_lost == (cross - entropy) * n == 0.875 * n
        assert (8 * p.bytes_right, 8 * p.bytes_wrong) == (p.bits_right, p.bits_wrong)
