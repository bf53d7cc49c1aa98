"""Kneser–Ney against a direct transcription of its definition."""

from collections import Counter

import numpy as np
import pytest

from llm_nb.models.ngram import KneserNey


def direct(stream, order, V):
    """P(w | history) by dictionaries and recursion, as the formula is printed."""
    counts = {order: Counter(zip(*(stream[i:] for i in range(order)), strict=False))}
    for k in range(order - 1, 0, -1):
        counts[k] = Counter(gram[1:] for gram in counts[k + 1])
    discounts = {}
    for k, table in counts.items():
        once, twice = (sum(c == n for c in table.values()) for n in (1, 2))
        discounts[k] = once / (once + 2 * twice) if once and twice else 0.5

    def probability(word, history):
        k = len(history) + 1
        lower = probability(word, history[1:]) if history else 1 / V
        after = {g: c for g, c in counts[k].items() if g[:-1] == history}
        if not after:
            return lower
        total, D = sum(after.values()), discounts[k]
        own = max(counts[k].get((*history, word), 0) - D, 0) / total
        return own + D * len(after) / total * lower

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equals_the_definition(order):
    rng = np.random.default_rng(order)
    train, held_out = rng.integers(0, 6, 300) % rng.integers(1, 7, 300), rng.integers(0, 6, 40)
    model = KneserNey(order, 6).fit(train)
    expected = direct(tuple(train.tolist()), order, 6)
    ours = 2 ** model.log2_probs(held_out)
    for t, word in enumerate(held_out.tolist()):
        history = tuple(held_out[max(0, t - order + 1) : t].tolist())
        assert ours[t] == pytest.approx(expected(word, history), rel=1e-9)


def test_distributions_sum_to_one_and_agree_with_the_scores():
    stream = np.random.default_rng(0).integers(0, 50, 5000) ** 2 % 50
    model = KneserNey(3, 50).fit(stream)
    for context in ([], [3], [1, 2], stream[:9], [49, 49, 49]):
        probs = model.next_probs(np.asarray(context, dtype=int))
        assert probs.sum() == pytest.approx(1, abs=1e-12)
        assert probs.min() > 0
    assert model.log2_probs(stream[:9])[-1] == pytest.approx(
        np.log2(model.next_probs(stream[:8])[stream[8]])
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KneserNey(8, 257), "use an order from 1 to 7"),
        (lambda: KneserNey(0, 4), "order 0"),
        (lambda: KneserNey(3, 4).fit([1, 2]), "too few for order 3"),
        (lambda: KneserNey(2, 4).fit([1, 2, 4]), "knows 0 to 3"),
        (lambda: KneserNey(2, 4).log2_probs([1]), "call fit first"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
