"""Guessing a word from both neighbours by counting."""

import pytest
import torch

from llm_nb.models.neighbours import Neighbours

ROWS = [[0, 2, 3, 4, 1], [0, 2, 4, 4, 1], [0, 3, 3, 4, 1]]


def test_the_formula_on_small_counts():
    model = Neighbours(6).fit(ROWS)
    # Nine words are counted: 2 twice, 3 three times, 4 four times; one more of each of six.
    assert model.word.tolist() == pytest.approx([x / 15 for x in (1, 1, 3, 4, 5, 1)])
    # After 2 stood 3 and 4, once each: two words, both different.
    after_2 = [
        (c + 2 * p) / 4 for c, p in zip([0, 0, 0, 1, 1, 0], model.word.tolist(), strict=True)
    ]
    # Between 2 and 4 stood the same two.
    between = [(c + 2 * p) / 4 for c, p in zip([0, 0, 0, 1, 1, 0], after_2, strict=True)]
    found = model.log_probs(torch.tensor([2, 2, 5]), torch.tensor([4, 5, 4])).exp()
    assert found[0].tolist() == pytest.approx(between)
    assert found[1].tolist() == pytest.approx(after_2)  # 5 was never on the right
    assert found[2].tolist() == pytest.approx(model.word.tolist())  # nor on the left


def test_every_row_is_a_distribution():
    torch.manual_seed(0)
    model = Neighbours(20).fit(torch.randint(20, (30, 12)).tolist())
    left, right = torch.randint(20, (2, 50))
    probs = model.log_probs(left, right).exp()
    torch.testing.assert_close(probs.sum(-1), torch.ones(50, dtype=torch.float64))
    assert (probs > 0).all()


def test_fit_counts_anew():
    pair = torch.tensor([2]), torch.tensor([4])
    once = Neighbours(6).fit(ROWS).log_probs(*pair)
    again = Neighbours(6).fit([[0, 5, 5, 5, 1]]).fit(ROWS).log_probs(*pair)
    assert torch.equal(once, again)


ONE = torch.tensor([1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Neighbours(301), "vocab_size is 301: it must be 1 to 300"),
        (
            lambda: Neighbours(5).fit(ROWS).fit([[0, 5, 1]]),
            "from 0 to 5, but this model knows 0 to 4",
        ),
        (lambda: Neighbours(5).fit([[0, -1, 1]]), "from -1 to 1"),
        (lambda: Neighbours(5).fit([]), "give rows of three ids or more"),
        (lambda: Neighbours(5).fit([[], [1], [1, 2]]), "give rows of three ids or more"),
        (lambda: Neighbours(5).log_probs(ONE, ONE), "call fit first"),
        (lambda: Neighbours(5).word, "call fit first"),
        (lambda: Neighbours(5).fit(ROWS).log_probs(ONE, -ONE), "from -1 to -1"),
        (lambda: Neighbours(5).fit(ROWS).log_probs(5 * ONE, ONE), "from 5 to 5"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
