"""Near repetitions: the same pairs as comparing everything with everything."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.data.corpora import _paragraphs, language_reference, standard_library
from llm_nb.data.duplicates import SHINGLE, THRESHOLD, near_duplicates


def shingles(text):
    tokens = text.split()
    width = min(SHINGLE, len(tokens))
    return {tuple(tokens[i : i + width]) for i in range(len(tokens) - width + 1)} if width else ()


def similarity(one, other):
    a, b = set(shingles(one)), set(shingles(other))
    return len(a & b) / len(a | b) if a | b else 0.0


WORDS = st.lists(st.sampled_from("abc"), max_size=14).map(" ".join)


@settings(deadline=None)
@given(
    st.lists(WORDS, max_size=6),
    st.lists(WORDS, max_size=6),
    st.sampled_from([0.1, 1 / 3, 0.5, 0.7, 0.9, 1.0]),
)
def test_it_finds_exactly_the_pairs_that_a_full_comparison_finds(texts, known, threshold):
    for text, match in zip(texts, near_duplicates(texts, known, threshold), strict=True):
        scores = [similarity(text, other) for other in known]
        best = max(scores, default=0.0)
        assert (match is not None) == (best >= threshold)
        if match is not None:
            assert match.similarity == pytest.approx(best)
            assert scores[match.known] == pytest.approx(best)


def test_a_changed_word_in_a_hundred_is_found_among_thousands():
    draw = random.Random(0)
    known = [" ".join(str(draw.randrange(1000)) for _ in range(100)) for _ in range(2000)]
    words = known[1234].split()
    words[50] = "changed"
    [match, other] = near_duplicates([" ".join(words), "一个 全新的 句子 ， 谁也没有见过"], known)
    assert match == (1234, 91 / 101)  # 5 of 96 shingles hold the word, on either side
    assert other is None


def test_chinese_is_compared_by_characters():
    [match] = near_duplicates(
        ["我今天在北京的公园里看见一只猫"], ["我今天在北京的公园里看见一只狗"]
    )
    assert match is not None
    assert match.similarity == pytest.approx(10 / 12)


@pytest.mark.parametrize("threshold", [0, 1.5, -1])
def test_a_threshold_that_is_no_share_is_refused(threshold):
    with pytest.raises(ValueError, match=f"threshold is {threshold}"):
        near_duplicates(["a"], ["a"], threshold)


def test_no_validation_paragraph_nearly_repeats_training():
    corpus = language_reference()
    train, validation = (
        [p for text in part for p in _paragraphs(text)]
        for part in (corpus.train, corpus.validation)
    )
    assert not any(near_duplicates(validation, train, THRESHOLD))
    assert corpus.n_near + standard_library().n_near > 0
