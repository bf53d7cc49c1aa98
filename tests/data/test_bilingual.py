"""Pairs with one tokenizer for both languages."""

import pytest

from llm_nb.data.bilingual import encoded_pairs, shared_tokenizer
from llm_nb.data.examples import Translated
from llm_nb.data.padding import SequencePairs
from llm_nb.text.vocabulary import BEGIN, END, PAD

PAIRS = [
    Translated("The cat sat.", "猫坐下了。"),
    Translated("The cat ran. " * 9, "猫跑了。" * 9),
    Translated("A dog ran.", "狗跑了。"),
]


def test_ids_read_back_as_the_sentences():
    tokenizer = shared_tokenizer(PAIRS, 300)
    begin, end = (tokenizer.special_tokens[mark] for mark in (BEGIN, END))
    sources, targets = encoded_pairs(PAIRS, tokenizer, longest=200)
    for pair, source, target in zip(PAIRS, sources, targets, strict=True):
        assert source[-1] == end
        assert (target[0], target[-1]) == (begin, end)
        assert tokenizer.decode(source[:-1]) == pair.source
        assert tokenizer.decode(target[1:-1]) == pair.target
    assert SequencePairs(sources, targets, tokenizer.special_tokens[PAD], 2)[0][0].shape[0] == 2
    # one tokenizer: both languages have merges of their own
    assert len(tokenizer.encode("The cat")) < 7
    assert len(tokenizer.encode("跑了。")) < 9


def test_long_pairs_are_left_out():
    tokenizer = shared_tokenizer(PAIRS, 280)
    lengths = [len(s) for s in encoded_pairs(PAIRS, tokenizer, longest=200)[0]]
    sources, targets = encoded_pairs(PAIRS, tokenizer, longest=max(lengths) - 1)
    assert len(sources) == len(targets) == 2
    with pytest.raises(ValueError, match="none of 3 pairs has at most 3 ids a side"):
        encoded_pairs(PAIRS, tokenizer, longest=3)
