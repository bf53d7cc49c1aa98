"""The dictionary of Model 1: against the equations written out, and on pairs whose words are known."""

from collections import defaultdict

import pytest
import torch
from torch.testing import assert_close

from llm_nb.models.word_by_word import WordByWord

# das Haus, das Buch, ein Buch ↔ the house, the book, a book (the usual first example of Model 1)
DAS, HAUS, BUCH, EIN = 1, 2, 3, 4
THE, HOUSE, BOOK, A = 1, 2, 3, 4
SOURCES = [[DAS, HAUS], [DAS, BUCH], [EIN, BUCH]]
TARGETS = [[THE, HOUSE], [THE, BOOK], [A, BOOK]]


def written_out(sources, targets, V_e, V_f, steps):
    """Expectation–maximisation word by word."""
    t = defaultdict(lambda: 1 / V_f)
    for _ in range(steps):
        counts, totals = defaultdict(float), defaultdict(float)
        for source, target in zip(sources, targets, strict=True):
            for f in target:
                whole = sum(t[e, f] for e in source)
                for e in source:
                    counts[e, f] += t[e, f] / whole
                    totals[e] += t[e, f] / whole
        t = defaultdict(float, {(e, f): n / totals[e] for (e, f), n in counts.items()})
    return torch.tensor([[t[e, f] for f in range(V_f)] for e in range(V_e)])


def test_equals_the_loop_written_out():
    generator = torch.Generator().manual_seed(0)

    def rows(high):
        lengths = torch.randint(1, 8, (40,), generator=generator).tolist()
        return [torch.randint(1, high, (n,), generator=generator).tolist() for n in lengths]

    sources, targets = rows(7), rows(9)
    found = WordByWord(7, 9).fit(sources, targets, steps=4).t
    assert_close(found, written_out(sources, targets, 7, 9, 4), atol=1e-6, rtol=1e-4)


def test_words_are_told_apart_that_no_single_pair_tells_apart():
    model = WordByWord(5, 5).fit(SOURCES, TARGETS, steps=20)
    assert model.dictionary == {DAS: THE, HAUS: HOUSE, BUCH: BOOK, EIN: A}
    assert model.translate([EIN, HAUS]) == [A, HOUSE]


def test_links_are_shares_and_padding_has_none():
    model = WordByWord(5, 5).fit(SOURCES, TARGETS, steps=3)
    links = model.links(torch.tensor([[DAS, HAUS, 0]]), torch.tensor([[THE, HOUSE, 0]]))
    assert_close(links.sum(1), torch.tensor([[1.0, 1.0, 0.0]]))
    assert not links[0, 2].any()
    assert links[0, 0, 0] > links[0, 1, 0]


def test_what_renders_nothing_is_left_out():
    silent = 4
    sources = [[1, silent], [silent, 2], [3, silent], [1], [2], [3], [1, 3]]
    targets = [[5], [6], [7], [5], [6], [7], [5, 7]]
    model = WordByWord(5, 8).fit(sources, targets)
    assert model.dictionary[silent] is None
    assert model.translate([3, silent, 1]) == [7, 5]


def test_a_word_that_stands_in_every_pair_and_twice_in_some_is_no_gap():
    stop = 9  # "." and "。": nothing but the place tells which of two stands for which
    sources = [[1, stop], [2, stop], [1, stop, 2, stop], [3, stop, 1, stop, 2, stop]]
    targets = [[4, 8], [5, 8], [4, 8, 5, 8], [6, 8, 4, 8, 5, 8]]
    model = WordByWord(10, 10).fit(sources, targets)
    assert model.translate([3, stop, 2, stop]) == [6, 8, 5, 8]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WordByWord(5, 5).fit(SOURCES, TARGETS[:2]), "3 sources and 2 targets"),
        (lambda: WordByWord(5, 5).fit([], []), "0 sources and 0 targets"),
        (lambda: WordByWord(5, 5).fit([[]], [[1]]), "a source is empty"),
        (lambda: WordByWord(5, 5).fit([[1]], [[1, 0]]), "a target is empty or holds 0"),
        (lambda: WordByWord(4, 5).fit(SOURCES, TARGETS), "id 4 is outside 0 … 3"),
        (lambda: WordByWord(5, 5).fit(SOURCES, TARGETS, steps=0), "steps is 0"),
        (lambda: WordByWord(5, 5, pad=5), "pad is 5"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
