"""Learning merges: the definition, Hugging Face's trainer, order, ends, and clear errors."""

import itertools
import json
import random
from collections import Counter

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.text.bpe import GPT2_PATTERN, ByteLevelBPE
from llm_nb.text.bpe_files import BYTE_TO_CHAR, byte_ids
from llm_nb.text.bpe_training import TokenChain, apply_merges, learn_merges, merge_pair

TEXTS = [
    "low lower lowest\nThe cat's hat isn't here; we'll see 12345 cats.",
    "北京 is 首都。 naïve café — 🙂🙂   \t\n  trailing ",
    "for i in range(10):\n    print(i, end='')\n" * 3,
]
WORDS = st.dictionaries(st.binary(min_size=1, max_size=9), st.integers(1, 9), max_size=30)
FEW_LETTERS = st.dictionaries(
    st.lists(st.integers(0, 2), max_size=12).map(bytes), st.integers(1, 4), max_size=30
)


def recounted(words, pairs):
    """All pairs counted anew before each of ``pairs`` is merged, and after the last."""
    words = [(list(word), n) for word, n in words.items()]
    for new, pair in enumerate([*pairs, None], start=256):
        counts = Counter()
        for ids, n in words:
            for neighbours in itertools.pairwise(ids):
                counts[neighbours] += n
        yield counts
        if pair:
            words = [(merge_pair(ids, pair, new), n) for ids, n in words]


@settings(max_examples=300, deadline=None)
@given(st.one_of(WORDS, FEW_LETTERS), st.integers(0, 40))
def test_every_merge_is_the_most_frequent_pair_then_the_smallest(words, n_merges):
    merges = learn_merges(words, n_merges)
    *before, after = recounted(words, merges)
    for pair, counts in zip(merges, before, strict=True):
        assert pair == min(counts, key=lambda pair: (-counts[pair], pair))
    assert len(merges) == n_merges or not after


@settings(max_examples=300, deadline=None)
@given(FEW_LETTERS, st.lists(st.integers(0, 2), max_size=200).map(bytes))
def test_merging_by_links_equals_passing_over_the_word(words, word):
    merges = learn_merges(words, 30)
    ids = list(word)
    for new, pair in enumerate(merges, start=256):
        ids = merge_pair(ids, pair, new)
    made_by = {pair: 256 + i for i, pair in enumerate(merges)}
    assert apply_merges(word, merges, made_by) == ids


def test_a_chain_knows_the_places_of_its_pairs():
    chain = TokenChain([b"\1\1\1\2", b"\2"])
    assert chain.ids == [-1, 1, 1, 1, 2, -1, 2, -1]
    assert chain.pairs() == {(1, 1): [1, 2], (1, 2): [3]}
    lefts, rights = chain.merge([1, 2], (1, 1), 256)
    assert chain.ids == [-1, 256, -1, 1, 2, -1, 2, -1]
    assert (lefts, rights) == ({}, {1: [1]})


def hugging_faces_merges(texts, vocab_size):
    tokenizers = pytest.importorskip("tokenizers")
    pre = tokenizers.pre_tokenizers
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False
    )
    reference.train_from_iterator(texts, trainer)
    ids = {char: i for i, char in enumerate(BYTE_TO_CHAR.values())}
    merges = []
    for new, (left, right) in enumerate(json.loads(reference.to_str())["model"]["merges"], 256):
        merges.append((ids[left], ids[right]))
        ids[left + right] = new
    return merges


def check_equal_up_to_ties(texts, vocab_size):
    """Merge by merge; where the two differ, a slow recount must show that they tie."""
    ours = ByteLevelBPE.train(texts, vocab_size)
    theirs = hugging_faces_merges(texts, vocab_size)
    assert len(theirs) == len(ours.merges) == vocab_size - 256
    words = Counter()
    for text in texts:
        words.update(map(byte_ids, regex.findall(GPT2_PATTERN, text)))
    along_ours, along_theirs = recounted(words, ours.merges), recounted(words, theirs)
    both = zip(ours.merges, theirs, along_ours, along_theirs, strict=False)  # they yield one more
    for pair, reference, our_counts, their_counts in both:
        best = max(our_counts.values())
        assert our_counts[pair] == best
        assert their_counts[reference] == max(their_counts.values()) == best


def test_hugging_faces_merges_on_random_words():
    rng = random.Random(0)
    words = ["".join(rng.choices("etaoin shrdlu'é", k=rng.randint(1, 9))) for _ in range(300)]
    weights = [1 / (rank + 1) for rank in range(300)]
    check_equal_up_to_ties([" ".join(rng.choices(words, weights, k=4000))], 256 + 300)


def test_hugging_faces_merges_on_english(real_data):
    rows = (real_data / "tatoeba-cmn-eng" / "cmn.txt").read_text("utf-8").splitlines()
    check_equal_up_to_ties([row.split("\t")[0] for row in rows[:2000]], 256 + 250)


def test_hugging_faces_merges_on_chinese(real_data):
    rows = (real_data / "tatoeba-cmn-eng" / "cmn.txt").read_text("utf-8").splitlines()
    check_equal_up_to_ties([row.split("\t")[1] for row in rows[:1000]], 256 + 200)


@given(st.permutations([*TEXTS, "another low text", "the lowest of texts"]))
@settings(max_examples=50, deadline=None)
def test_training_does_not_depend_on_the_order_of_texts(texts):
    first = ByteLevelBPE.train(sorted(texts), 330)
    assert ByteLevelBPE.train(texts, 330).merges == first.merges


@pytest.mark.parametrize("vocab_size", [258, 259, 1000])
def test_training_stops_when_no_pair_is_left(vocab_size):
    tokenizer = ByteLevelBPE.train(["ab ab"], vocab_size, ["<|x|>"])  # "ab", " ab"
    assert tokenizer.vocab_size == min(vocab_size, 256 + 2 + 1)
    assert tokenizer.special_tokens == {"<|x|>": tokenizer.vocab_size - 1}


def test_texts_may_be_a_generator_and_some_may_be_empty():
    tokenizer = ByteLevelBPE.train((text for text in ["", *TEXTS, ""]), 300)
    assert tokenizer.merges == ByteLevelBPE.train(TEXTS, 300).merges


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 300), "empty text"),
        (([""], 300), "empty text"),
        (("a b", 300), r"give \[text\]"),
        ((["a"], 255), "vocab_size 255 is too small"),
        ((["a"], 256, ["<|x|>"]), "need at least 257"),
        ((["a\ud800b"], 300), "lone surrogate"),
        ((["a b"], 300, (), "[a-z]+"), "leaves out characters"),
        ((["a b"], 300, (), "(a|b| )"), "captures a group"),
        ((["a b"], 300, (), "[a-z"), "no regular expression"),
    ],
)
def test_bad_input_is_one_clear_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        ByteLevelBPE.train(*arguments)


def test_the_pattern_given_is_the_pattern_used():
    words = ByteLevelBPE.train(["aa bb" * 9], 400, pattern=r"\S+|\s+")
    assert all(b" " not in words.token_bytes(i)[1:] for i in range(256, words.vocab_size))
    whole = ByteLevelBPE.train(["aa bb" * 9], 400, pattern=r"(?s:.+)")
    assert whole.encode("aa bb" * 9) == [whole.vocab_size - 1]
    assert words.pattern != whole.pattern != GPT2_PATTERN
