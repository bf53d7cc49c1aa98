"""The n-gram models against direct transcriptions of their definitions, and against NLTK's."""

import warnings
from collections import Counter

import numpy as np
import pytest
from nltk.lm import AbsoluteDiscountingInterpolated, KneserNeyInterpolated, Lidstone
from nltk.util import everygrams

from llm_nb.models.ngram import AbsoluteDiscount, AddK, KneserNey


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


def plain(stream, order, V):
    """Absolute discounting by dictionaries: the recursion over how often a k-gram occurs."""
    counts = {
        k: Counter(zip(*(stream[i:] for i in range(k)), strict=False)) for k in range(1, order + 1)
    }

    def probability(word, history):
        table = counts[len(history) + 1]
        lower = probability(word, history[1:]) if history else 1 / V
        after = [c for g, c in table.items() if g[:-1] == history]
        if not after:
            return lower
        once, twice = (sum(c == n for c in table.values()) for n in (1, 2))
        D = once / (once + 2 * twice) if once and twice else 0.5
        own = max(table[*history, word] - D, 0) / sum(after)
        return own + D * len(after) / sum(after) * lower

    return probability


@pytest.mark.parametrize("order", [1, 2, 4])
def test_absolute_discounting_equals_its_definition(order):
    rng = np.random.default_rng(order)
    train, held_out = rng.integers(0, 6, 300) % rng.integers(1, 7, 300), rng.integers(0, 6, 40)
    ours = 2 ** AbsoluteDiscount(order, 6).fit(train).log2_probs(held_out)
    expected = plain(tuple(train.tolist()), order, 6)
    for t, word in enumerate(held_out.tolist()):
        history = tuple(held_out[max(0, t - order + 1) : t].tolist())
        assert ours[t] == pytest.approx(expected(word, history), rel=1e-9)


def test_add_k_by_hand():
    model = AddK(2, 3, k=0.5).fit([0, 1, 0, 1, 0, 2])
    np.testing.assert_allclose(model.next_probs([0]), [0.5 / 4.5, 2.5 / 4.5, 1.5 / 4.5])
    np.testing.assert_allclose(model.next_probs([1]), [2.5 / 3.5, 0.5 / 3.5, 0.5 / 3.5])
    np.testing.assert_allclose(model.next_probs([2]), [1 / 3] * 3)  # nothing followed it
    np.testing.assert_allclose(model.next_probs([]), [3.5 / 7.5, 2.5 / 7.5, 1.5 / 7.5])
    expected = [3.5 / 7.5, 2.5 / 4.5, 0.5 / 3.5]
    np.testing.assert_allclose(2 ** model.log2_probs([0, 1, 2]), expected)


@pytest.mark.parametrize("kind", [KneserNey, AbsoluteDiscount])
def test_nothing_is_handed_out_without_a_discount(kind):
    model = kind(1, 3, discounts=[0.0]).fit([0, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.log2_probs([2]).tolist() == [-np.inf]
    assert model.next_probs([]).sum() == pytest.approx(1)


RING = [int(c) for c in "0120131022010230112"]  # and its beginning again: every gram has a past


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(KneserNey, KneserNeyInterpolated), (AbsoluteDiscount, AbsoluteDiscountingInterpolated)],
)
def test_equals_nltk(order, ours, theirs):
    """NLTK takes one discount for all orders but the first, which it does not discount."""
    stream = RING + RING[: order - 1]
    grams = list(everygrams([str(s) for s in stream], max_len=order))
    reference = theirs(order=order, discount=0.4)
    reference.fit([grams], ["0", "1", "2", "3"])
    model = ours(order, 4, discounts=(0.0, *[0.4] * (order - 1)))
    model.fit(stream)
    for history in ([], [0], [1, 2], [3, 3], [2, 3]):
        context = [str(s) for s in history[-(order - 1) :]]
        expected = [reference.score(str(w), context) for w in range(4)]
        np.testing.assert_allclose(model.next_probs(history), expected, rtol=1e-9)


def test_add_k_equals_nltk():
    reference = Lidstone(0.3, order=2)
    words = [str(s) for s in RING]
    reference.fit([list(everygrams(words, max_len=2))], ["0", "1", "2", "3"])
    model = AddK(2, 5, k=0.3).fit(RING)  # NLTK counts its mark of unknown words in V
    for context in range(4):
        expected = [reference.score(str(w), [str(context)]) for w in range(4)]
        np.testing.assert_allclose(model.next_probs([context])[:4], expected, rtol=1e-9)


@pytest.mark.parametrize("kind", [KneserNey, AbsoluteDiscount, AddK])
def test_distributions_sum_to_one_and_agree_with_the_scores(kind):
    stream = np.random.default_rng(0).integers(0, 50, 5000) ** 2 % 50
    model = kind(3, 50).fit(stream)
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
        (lambda: KneserNey(2, 4, [0.5]), "give 2 numbers from 0 to 1"),
        (lambda: AbsoluteDiscount(1, 4, [1.5]), "give 1 numbers from 0 to 1"),
        (lambda: AddK(2, 4, k=0), "k is 0: it must be over 0"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
