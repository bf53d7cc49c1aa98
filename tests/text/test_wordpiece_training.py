"""Learning WordPiece: the definition recounted, the textbook's example, Hugging Face's trainer."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.text.bpe_training import merge_pair
from llm_nb.text.wordpiece import SPECIAL_TOKENS, WordPiece
from llm_nb.text.wordpiece_training import (
    learn_pieces,
    likelihood_gain,
    likelihood_ratio,
    pair_count,
)

SCORES = [likelihood_gain, likelihood_ratio, pair_count]
# The corpus of the Hugging Face course's chapter on WordPiece.
COURSE = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}


def recount(word_counts, n_pieces, min_count, score):
    """The definition: before each merge, everything is counted anew."""
    alphabet = sorted({c for word in word_counts for c in word})
    pieces = alphabet + sorted({f"##{c}" for word in word_counts for c in word[1:]})
    words = {
        word: [pieces.index(c if i == 0 else f"##{c}") for i, c in enumerate(word)]
        for word in word_counts
    }
    while len(pieces) < n_pieces:
        singles, pairs = Counter(), Counter()
        for word, ids in words.items():
            for piece in ids:
                singles[piece] += word_counts[word]
            for pair in zip(ids, ids[1:], strict=False):
                pairs[pair] += word_counts[word]
        total = sum(singles.values())
        scored = [
            (-score(n, singles[pair[0]], singles[pair[1]], total), pair)
            for pair, n in pairs.items()
            if n >= min_count
        ]
        if not scored or min(scored)[0] >= 0:
            break
        pair = min(scored)[1]
        text = pieces[pair[0]] + pieces[pair[1]].removeprefix("##")
        if text not in pieces:
            pieces.append(text)
        new = pieces.index(text)
        words = {word: merge_pair(ids, pair, new) for word, ids in words.items()}
    return pieces


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=9), st.integers(1, 9), max_size=14),
    st.integers(1, 4),
    st.integers(6, 60),
)
def test_training_equals_recounting_everything(score, word_counts, min_count, n_pieces):
    ours = learn_pieces(word_counts, n_pieces, min_count=min_count, score=score)
    assert ours == recount(word_counts, n_pieces, min_count, score)


@pytest.mark.parametrize("score", SCORES)
def test_training_equals_recounting_longer_words(score):
    rng = random.Random(2)
    words = {"".join(rng.choices("abcdefgh", k=rng.randint(2, 9))): rng.randint(1, 30)}
    while len(words) < 150:
        stem = rng.choice(list(words))
        words[stem[: rng.randint(1, 6)] + rng.choice("abcdefgh") * 2] = rng.randint(1, 30)
    ours = learn_pieces(words, 120, score=score)
    assert ours == recount(words, 120, 2, score)
    assert len(ours) == 120


def test_the_example_of_the_course():
    """First ##gs with 1/20; then all pairs with ##u score 1/36.

    Of those the course takes "hu", the first that it meets; ours must not depend on the order.
    """
    learned = learn_pieces(COURSE, 15, min_count=1, score=likelihood_ratio)
    assert learned[:11] == [*"bghnpsu", "##g", "##n", "##s", "##u"]
    assert learned[11:] == ["##gs", "bu", "bun", "hu"]
    assert likelihood_ratio(5, 20, 5, 0) == 1 / 20
    assert likelihood_ratio(15, 15, 36, 0) == likelihood_ratio(4, 4, 36, 0) == 1 / 36


def test_what_the_scores_prefer():
    counts = {"the": 1000, "qx": 2, "tan": 500}
    n = len(learn_pieces(counts, 99, min_count=9999))  # the characters
    first = {score: learn_pieces(counts, n + 1, score=score)[n] for score in SCORES}
    assert first[likelihood_ratio] == "qx"  # rare, but always together
    assert first[pair_count] == "th"  # as often as ##he, and its pieces are older
    assert first[likelihood_gain] == "##he"  # t begins other words too, ##h and ##e are only here
    assert "qx" not in learn_pieces(counts, 99, min_count=3, score=likelihood_ratio)


def test_the_gain_is_that_of_the_likelihood():
    """To first order: joining a rare pair changes the log-likelihood by pair · log ratio."""
    score = likelihood_gain(pair=20, left=200, right=400, total=10_000)
    ratio = likelihood_ratio(pair=20, left=200, right=400, total=10_000)
    assert score == pytest.approx(20 * 0.916, abs=0.01)  # log 2.5
    assert ratio * 10_000 == pytest.approx(2.5)
    assert likelihood_gain(pair=1, left=10, right=10, total=100) == 0  # independent: no gain


def test_counting_learns_hugging_faces_vocabulary():
    """With ``pair_count`` as theirs, up to ties: here no two pairs that matter tie."""
    tokenizers = pytest.importorskip("tokenizers")
    rng = random.Random(0)
    words = "the cat sat on a mat and ate fat rats 12 once".split()
    text = " ".join(rng.choices(words, weights=range(1, 13), k=4000))
    reference = tokenizers.BertWordPieceTokenizer()
    reference.train_from_iterator([text], vocab_size=60, show_progress=False)
    ours = WordPiece.train([text], 60, score=pair_count)
    theirs = json.loads(reference.to_str())["model"]["vocab"]
    assert set(ours.tokens) == set(theirs)


def test_training_does_not_depend_on_the_order_of_texts():
    texts = ["the cat sat on the mat", "a hat, a bat, a cat", "那只猫 那只狗 the hats"]
    first = WordPiece.train(texts, 60)
    assert first.tokens == WordPiece.train(texts[::-1], 60).tokens
    assert first.tokens[:5] == list(SPECIAL_TOKENS)
    assert first.vocab_size < 60  # no pair is left that occurs twice and gains anything
    assert first.unk_id not in first.encode("the cat, the hat")


def test_special_tokens_of_ones_own():
    tokenizer = WordPiece.train(["aa ab"], 20, special_tokens=["[E1]", "[/E1]"])
    assert tokenizer.tokens[:7] == [*SPECIAL_TOKENS, "[E1]", "[/E1]"]
    assert tokenizer.tokenize("a[E1]a", allowed_special=["[E1]"]) == ["a", "[E1]", "a"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WordPiece.train([], 100), "empty text"),
        (lambda: WordPiece.train([" \t"], 100), "empty text"),
        (lambda: WordPiece.train(["abc"], 9), "5 characters.*do not fit into 4"),
        (lambda: WordPiece.train(["abc"], 99, min_count=0), "min_count is 0"),
        (lambda: WordPiece.train(["a\ud800b"], 99), "lone surrogate"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
