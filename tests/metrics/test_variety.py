"""Repetition within texts and from text to text, on texts made by hand and against sacrebleu."""

import random

import pytest

from llm_nb.metrics import distinct, loop, repeated, self_bleu

sacrebleu = pytest.importorskip("sacrebleu")


def test_distinct_on_texts_that_can_be_counted():
    texts = [["the", "cat", "sat"], ["the", "cat", "ran"]]
    assert distinct(texts, 1) == 4 / 6
    assert distinct(texts, 2) == 3 / 4
    assert distinct(texts, 3) == 1
    assert distinct([[1, 1, 1, 1]], 2) == 1 / 3
    assert distinct([[1], [2, 3]], 2) == 1  # a text that is too short has none


def test_repeated_on_texts_that_can_be_counted():
    assert repeated(list(range(30))) == 0
    assert repeated([7] * 23, 4) == 1 - 1 / 20
    assert repeated("abcdabcd", 4) == pytest.approx(1 / 5)  # abcd bcda cdab dabc abcd
    assert repeated([1, 2, 3, 1, 2, 3], 4) == 0


@pytest.mark.parametrize(
    ("text", "times", "length"),
    [
        ("aaa", 3, 1),
        ("xyaaa", 3, 1),
        ("aa", 3, 0),
        ("aa", 2, 1),
        ("ababab", 3, 2),
        ("xababa", 3, 0),
        ("xabcabcabca", 3, 3),
        ("abcabcabcx", 3, 0),  # not at its end
        ("aabaabaab", 3, 3),  # the whole thrice, though "aa" is in it
        ("aaaaaa", 3, 1),  # "aa" too: the shortest counts
        ("", 3, 0),
    ],
)
def test_loops(text, times, length):
    assert loop(text, times) == length


def random_texts(seed):
    draw = random.Random(seed)
    words = "the a cat dog sat ran on mat .".split()
    return [draw.choices(words, k=draw.randint(1, 12)) for _ in range(draw.randint(2, 12))]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("n", [2, 4])
def test_self_bleu_is_sacrebleus_of_each_text_against_the_others(seed, n):
    texts = random_texts(seed)
    if seed % 3 == 0:
        texts.append(texts[0])  # the same twice
    joined = [" ".join(text) for text in texts]
    bleu = sacrebleu.BLEU(tokenize="none", effective_order=True, max_ngram_order=n)
    scores = [
        bleu.sentence_score(text, joined[:i] + joined[i + 1 :]).score
        for i, text in enumerate(joined)
    ]
    assert self_bleu(texts, n) == pytest.approx(sum(scores) / len(scores), rel=1e-9)


def test_self_bleu_at_its_ends():
    assert self_bleu([[1, 2, 3, 4, 5]] * 4) == pytest.approx(100)
    apart = self_bleu([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]])
    near = self_bleu([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 11, 12]])
    assert apart < near < 100
    assert apart == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distinct([[1], [2]], 2), "no text has 2 tokens"),
        (lambda: distinct([], 1), "no text has 1 tokens"),
        (lambda: distinct([[1]], 0), "n is 0"),
        (lambda: repeated([1, 2, 3]), "no text has 4 tokens"),
        (lambda: loop([1], 1), "times is 1"),
        (lambda: self_bleu([[1]]), "1 text has no others"),
        (lambda: self_bleu([[1], []]), "a text is empty"),
        (lambda: self_bleu([[1], [2]], 0), "n is 0"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
