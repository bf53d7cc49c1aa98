"""The live n-gram figure counts, and pays, what the package's models do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from llm_nb.display import live
from llm_nb.display.live.ngrams import character_bits, ngrams_data
from llm_nb.models.ngram import AbsoluteDiscount, AddK, KneserNey
from tests.display.node import in_node

WORDS = ["the", "sea", "shells", "she", "sells", "é", "海", "and", "\n", "ssss"]
MODELS = {
    "kneser": lambda n: KneserNey(n, 256),
    "interpolated": lambda n: AbsoluteDiscount(n, 256),
    "add": lambda n: AddK(n, 256, k=0.01),
}


def a_text(seed: int, n_words: int) -> str:
    rng = np.random.default_rng(seed)
    return " ".join(WORDS[i] for i in rng.integers(0, len(WORDS), n_words))


@pytest.mark.parametrize("smoothing", MODELS)
def test_costs_and_distributions_are_the_packages(smoothing: str) -> None:
    cases, expected = [], []
    for order in range(1, 7):
        train, told = a_text(order, 400), a_text(100 + order, 25) + " new wörds"
        cases.append({"train": train, "text": told, "order": order, "smoothing": smoothing})
        model = MODELS[smoothing](order).fit(list(train.encode()))
        ids = list(told.encode())
        expected.append((-model.log2_probs(ids), model.next_probs(ids), model.next_probs([])))
    found = in_node(
        "ngrams",
        "((model, bytes) => [m.costs(model, bytes), m.nextProbs(model, bytes), m.nextProbs(model, '')])"
        "(m.train(m.bytesOf(x.train), x.order, x.smoothing, 0.01), m.bytesOf(x.text))",
        *cases,
    )
    for theirs, ours in zip(found, expected, strict=True):
        for one, other in zip(theirs, ours, strict=True):
            assert_allclose(one, other, atol=1e-10, rtol=0)


def test_order_0_is_an_even_guess() -> None:
    [found] = in_node(
        "ngrams", "m.costs(m.train(m.bytesOf(x), 0, 'kneser'), m.bytesOf('a海'))", "ab"
    )
    assert found == [8.0] * 4


def test_a_character_costs_what_its_bytes_cost() -> None:
    train, text = a_text(1, 300), "she sells 海 é?"
    model = KneserNey(3, 256).fit(list(train.encode()))
    [found] = in_node(
        "ngrams",
        "m.characterCosts(m.train(m.bytesOf(x.train), 3, 'kneser'), x.text)",
        {"train": train, "text": text},
    )
    assert "".join(cell["character"] for cell in found) == text
    assert_allclose([cell["cost"] for cell in found], character_bits(model, text), atol=1e-10)


def test_bytes_have_names() -> None:
    names = in_node("ngrams", "m.nameOf(x)", 97, 32, 10, 9, 228)
    assert names == ["a", "␣ space", "↵ line", "⇥ tab", "byte 228"]


def test_empty_texts_are_refused() -> None:
    data = ngrams_data("abc" * 9, "ab", "a", {"gzip": 1.0})
    assert data["references"] == {"gzip": 1.0}
    assert "27 bytes" in data["note"]
    with pytest.raises(ValueError, match="held_out is empty"):
        live.ngrams("abc" * 9, "", "a", {})
