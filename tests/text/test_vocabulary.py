"""The word vocabulary: order, unknowns, counts, files, errors."""

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_nb.text.vocabulary import Vocabulary

WORDS = "the cat and the dog and the end".split()


def test_order_is_by_count_then_alphabet():
    vocabulary = Vocabulary.build(WORDS)
    assert vocabulary.tokens == ["<pad>", "<unk>", "the", "and", "cat", "dog", "end"]
    assert vocabulary.counts.tolist() == [0, 0, 3, 2, 1, 1, 1]
    assert (vocabulary.pad_id, vocabulary.unk_id, len(vocabulary)) == (0, 1, 7)
    assert "cat" in vocabulary
    assert "cow" not in vocabulary


def test_rare_words_are_counted_as_unknown():
    for vocabulary in (Vocabulary.build(WORDS, min_count=2), Vocabulary.build(WORDS, max_size=4)):
        assert vocabulary.tokens == ["<pad>", "<unk>", "the", "and"]
        assert vocabulary.counts.tolist() == [0, 3, 3, 2]
        assert vocabulary.encode(["the", "cat", "and"]) == [2, 1, 3]
        assert vocabulary.unknown_rate(WORDS) == 3 / 8


def test_special_tokens_come_before_the_words():
    vocabulary = Vocabulary.build(
        ["a", "<eos>", "<unk>", "<pad>"], special_tokens=["<bos>", "<eos>"]
    )
    assert vocabulary.tokens == ["<pad>", "<unk>", "<bos>", "<eos>", "a"]
    assert vocabulary.special_tokens == {"<pad>": 0, "<unk>": 1, "<bos>": 2, "<eos>": 3}
    assert vocabulary.counts.tolist() == [0, 1, 0, 0, 1]
    assert vocabulary.encode(["<bos>", "a", "b", "<eos>"]) == [2, 4, 1, 3]


def test_counts_serve_negative_sampling():
    """Mikolov et al. 2013: noise words are drawn with p ∝ count^(3/4); special tokens never are."""
    vocabulary = Vocabulary.build(["a"] * 16 + ["b"])
    noise = vocabulary.counts**0.75
    np.testing.assert_allclose(noise / noise.sum(), [0, 0, 8 / 9, 1 / 9])
    assert vocabulary.counts.dtype == np.int64


@given(st.lists(st.text("abc", min_size=1, max_size=2), min_size=1), st.randoms())
def test_the_order_of_the_text_does_not_matter(tokens, rng):
    shuffled = random.Random(rng.random()).sample(tokens, len(tokens))
    vocabulary = Vocabulary.build(tokens)
    assert vocabulary.tokens == Vocabulary.build(shuffled).tokens
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens
    assert vocabulary.counts.sum() == len(tokens)


def test_save_and_load_keep_everything(tmp_path):
    before = Vocabulary.build([*WORDS, "北京", '"', "\u2028"], max_size=9, special_tokens=["<eos>"])
    before.save(tmp_path / "v.json")
    after = Vocabulary.load(tmp_path / "v.json")
    assert (after.tokens, after.special_tokens) == (before.tokens, before.special_tokens)
    assert after.counts.tolist() == before.counts.tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Vocabulary.build([]), "no words"),
        (lambda: Vocabulary.build(["<unk>", "<pad>"]), "no words"),
        (lambda: Vocabulary.build("a string"), "one string"),
        (lambda: Vocabulary.build(["a"]).encode("a string"), "one string"),
        (lambda: Vocabulary.build(["a", ""]), "'' is empty or stands twice"),
        (lambda: Vocabulary.build(["a"], special_tokens=["<pad>"]), "'<pad>' is empty or stands"),
        (lambda: Vocabulary({"a": 1}, special_tokens=["a"]), "'a' is empty or stands twice"),
        (lambda: Vocabulary({"a": -1}), "below 0.*'a': -1"),
        (lambda: Vocabulary.build(["a"], min_count=0), "min_count is 0"),
        (lambda: Vocabulary.build(["a"], max_size=2), "max_size 2 has no room.*at least 3"),
        (lambda: Vocabulary.build(["a"]).decode([3]), "id 3 is outside.*0 to 2"),
        (lambda: Vocabulary.build(["a"]).decode([-1]), "id -1 is outside"),
        (lambda: Vocabulary.build(["a"]).unknown_rate([]), "no tokens to rate"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "v.json"
    Vocabulary.build(WORDS).save(path)
    whole = path.read_text("utf-8")
    data = json.loads(whole)
    damaged = [
        *(whole[: len(whole) // 2], "[]", "{}"),
        *(whole.replace('"cat"', '"dog"'), whole.replace('"cat"', '"<pad>"')),
        *(json.dumps({**data, "counts": {"a": "many"}}), json.dumps({**data, "counts": ["a"]})),
    ]
    for text in damaged:
        assert text != whole
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError, match="not a whole vocabulary file"):
            Vocabulary.load(path)
