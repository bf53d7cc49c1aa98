"""The arithmetic coder: what went in comes out, and the length is what the model says."""

import math

import numpy as np
import pytest

from llm_nb.models.ngram import KneserNey
from llm_nb.text.arithmetic_coding import decode, encode

TEXT = "she sells sea shells on the sea shore, and the shells she sells are sea shells. " * 6


def always(probs):
    return lambda before: probs


def test_a_text_comes_back_and_costs_what_the_model_says():
    ids = list(TEXT.encode())
    model = KneserNey(4, 256).fit(ids)
    data = encode(ids, model.next_probs)
    assert bytes(decode(data, len(ids), model.next_probs)).decode() == TEXT
    bits = -model.log2_probs(ids).sum()
    assert bits / 8 <= len(data) + 1
    assert len(data) <= bits / 8 + 2
    assert len(data) < len(ids) / 4


@pytest.mark.parametrize("seed", range(5))
def test_any_model_and_any_text(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        V, n = int(rng.integers(1, 300)), int(rng.integers(0, 60))
        table = rng.dirichlet(np.full(V, 10.0 ** rng.integers(-3, 2)), size=n + 1)
        likely = rng.random(n) < 0.7
        ids = [int(table[t].argmax() if likely[t] else rng.integers(V)) for t in range(n)]
        assert (
            decode(encode(ids, lambda b, p=table: p[len(b)]), n, lambda b, p=table: p[len(b)])
            == ids
        )


def test_an_impossible_symbol_costs_much_but_comes_back():
    probs = [1.0, 0.0, 0.0]
    ids = [0] * 500 + [1] + [0] * 500
    data = encode(ids, always(probs))
    assert decode(data, len(ids), always(probs)) == ids
    assert len(data) <= 8  # a share of 2^-24 is kept for it


def test_the_middle_can_stay_undecided_for_long():
    """Symbols that keep the interval around one half: all bits wait for the last symbol."""
    probs = [0.25, 0.5, 0.25]
    for last in (0, 2):
        ids = [1] * 200 + [last]
        data = encode(ids, always(probs))
        assert decode(data, len(ids), always(probs)) == ids
        assert len(data) == math.ceil((200 + 2 + 1) / 8)


def test_another_model_decodes_something_else():
    ids = list(TEXT.encode())
    data = encode(ids, KneserNey(3, 256).fit(ids).next_probs)
    assert decode(data, len(ids), KneserNey(2, 256).fit(ids).next_probs) != ids


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: encode([2], always([0.5, 0.5])), "id 2 is unknown to a model of 2 symbols"),
        (lambda: encode([0], always([0.5, 0.6])), "sum to 1.1: they must sum to 1"),
        (lambda: encode([0], always([1.5, -0.5])), "probability of symbol 1 is -0.5: it must be"),
        (lambda: decode(b"", 1, always([math.nan, 1])), "probability of symbol 0 is nan"),
        (lambda: encode([0], always([0, 0, math.inf])), "probability of symbol 2 is inf"),
        (lambda: encode([0], always([[0.5, 0.5]])), r"have shape \(1, 2\): give \(V,\)"),
        (lambda: encode([0], always([])), r"have shape \(0,\)"),
        (lambda: decode(b"", -1, always([1.0])), "n is -1"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
