"""BERT's basic tokenizer: the release's own examples, options, sources, errors."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.text.wordpiece_basic import BasicTokenizer, is_ideograph, is_punctuation


@pytest.mark.parametrize(
    ("basic", "text", "words"),
    [  # tokenization_test.py of the release
        (BasicTokenizer(), "ah\u535a\u63a8zz", ["ah", "\u535a", "\u63a8", "zz"]),
        (
            BasicTokenizer(),
            " \tHeLLo!how  \n Are yoU?  ",
            ["hello", "!", "how", "are", "you", "?"],
        ),
        (BasicTokenizer(), "H\u00e9llo", ["hello"]),
        (
            BasicTokenizer(lowercase=False),
            " \tHeLLo!how  \n Are yoU?  ",
            ["HeLLo", "!", "how", "Are", "yoU", "?"],
        ),
        # and what is easily got wrong
        (BasicTokenizer(), "a\u0000b\ufffdc\u200dd\x0be", ["abcde"]),
        (BasicTokenizer(), "a\u00a0b\u3000c\u2028d", ["a", "b", "c", "d"]),
        (BasicTokenizer(), "ΟΔΟΣ İ", ["οδοσ", "i"]),
        (BasicTokenizer(strip_accents=False), "ÉT\u00c9", ["été"]),
        (BasicTokenizer(lowercase=False, strip_accents=True), "ÉTÉ", ["ETE"]),
        (BasicTokenizer(handle_chinese_chars=False), "中文 ok", ["中文", "ok"]),
        (
            BasicTokenizer(),
            "かな カナ 한국",
            ["かな", "カナ", unicodedata.normalize("NFD", "한국")],
        ),
        (BasicTokenizer(), "", []),
    ],
)
def test_worked_examples(basic, text, words):
    assert basic.split(text) == words
    assert [word.text for word in basic.words(text)] == words


def test_classes_of_the_release():
    assert [is_punctuation(c) for c in "-$`.A "] == [True] * 4 + [False] * 2
    ascii_punctuation = [*range(33, 48), *range(58, 65), *range(91, 97), *range(123, 127)]
    assert [c for c in range(128) if is_punctuation(chr(c))] == ascii_punctuation
    assert [is_ideograph(c) for c in "中㐀豈あ가ㄅa"] == [True] * 3 + [False] * 4


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.one_of(
            st.characters(codec="utf-8"),
            st.sampled_from("aÉz ß\u0301\u0323\u302e\U0001d165中豈한Σİ!。\t\u200d\x00\U0001f642"),
        )
    ),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.booleans(),
)
def test_words_with_sources_are_the_same_words(text, lowercase, strip_accents, chinese):
    basic = BasicTokenizer(lowercase, strip_accents, chinese)
    words = basic.words(text)
    assert [word.text for word in words] == basic.split(text)
    sources = [source for word in words for source in word.sources]
    assert all(len(word.sources) == len(word.text) for word in words)
    assert sources == sorted(sources)
    assert all(0 <= source < len(text) for source in sources)


def test_a_lone_surrogate_is_named():
    for call in (BasicTokenizer().split, BasicTokenizer().words):
        with pytest.raises(ValueError, match=r"lone surrogate, '\\ud800'"):
            call("a\ud800b")
