"""Hiding words: the shares of the paper, and what is never touched."""

import pytest
import torch

from llm_nb.data.masking import mask_tokens

PAD, UNK, CLS, SEP, MASK, V = 0, 100, 101, 102, 103, 1000
SPECIAL = [PAD, CLS, SEP]


@pytest.fixture(scope="module")
def masked():
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(104, V, (400, 500), generator=draw)
    ids[:, 0], ids[:, 250], ids[:, 400:] = CLS, SEP, PAD
    before = ids.clone()
    fed, labels = mask_tokens(ids, SPECIAL, MASK, V, draw)
    assert torch.equal(ids, before)
    return ids, fed, labels


def test_the_shares_are_those_of_the_paper(masked):
    ids, fed, labels = masked
    words, chosen = ~torch.isin(ids, torch.tensor(SPECIAL)), labels != -100
    n = int(chosen.sum())

    # Four standard deviations of a binomial draw of this size.
    def near(count, total, share):
        return abs(count / total - share) < 4 * (share * (1 - share) / total) ** 0.5

    assert near(n, int(words.sum()), 0.15)
    hidden, kept = (fed == MASK) & chosen, (fed == ids) & chosen
    assert near(int(hidden.sum()), n, 0.8)
    assert near(int(kept.sum()), n, 0.1 + 0.1 / (V - len(SPECIAL) - 1))
    assert near(n - int(hidden.sum()) - int(kept.sum()), n, 0.1 - 0.1 / (V - len(SPECIAL) - 1))


def test_labels_are_the_truth_where_chosen_and_nothing_else_changes(masked):
    ids, fed, labels = masked
    chosen = labels != -100
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(fed[~chosen], ids[~chosen])


def test_specials_are_never_chosen_and_never_drawn(masked):
    ids, fed, labels = masked
    special = torch.isin(ids, torch.tensor(SPECIAL))
    assert (labels[special] == -100).all()
    replaced = fed[(labels != -100) & (fed != MASK) & (fed != ids)]
    assert not torch.isin(replaced, torch.tensor([*SPECIAL, MASK])).any()
    assert len(replaced.unique()) > 900
    assert replaced.min() < 104


def test_the_same_seed_hides_the_same_words():
    ids = torch.randint(104, V, (4, 60))
    one, two, three = (
        mask_tokens(ids, SPECIAL, MASK, V, torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[1], three[1])


def test_rates_at_both_ends():
    ids = torch.randint(104, V, (4, 60))
    draw = torch.Generator().manual_seed(0)
    fed, labels = mask_tokens(ids, SPECIAL, MASK, V, draw, rate=0.0)
    assert torch.equal(fed, ids)
    assert (labels == -100).all()
    assert torch.equal(mask_tokens(ids, SPECIAL, MASK, V, draw, rate=1.0)[1], ids)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 1.5}, "rate is 1.5"),
        ({"mask_id": 1000}, "mask_id has 1000"),
        ({"special_ids": [0, -1]}, "special_ids has -1"),
        ({"ids": torch.tensor([[5, 1000]])}, "ids run from 5 to 1000"),
        ({"special_ids": list(range(1000))}, "every token is special"),
    ],
)
def test_bad_input_is_one_clear_sentence(changes, message):
    arguments = {
        "ids": torch.tensor([[101, 500, 102]]),
        "special_ids": SPECIAL,
        "mask_id": MASK,
        "vocab_size": V,
        "generator": torch.Generator(),
    }
    with pytest.raises(ValueError, match=message):
        mask_tokens(**(arguments | changes))
