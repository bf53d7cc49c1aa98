"""Cleaning, words with places, stop words, stems as published, taggers without a download."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_nb.text import normalise
from llm_nb.text.normalise import clean, split_words, stems, stop_words, strip_html, to_half_width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301te\u0301", "été"),
        ("a\u00a0b\u3000c\t\r\nd", "a b c d"),
        ("\ufeffzero\u200bwidth soft\u00adhyphen bell\x07", "zerowidth softhyphen bell"),
        ("\u202eright to left\u202c", "right to left"),
        ("👩‍👩‍👧 می‌خواهم", "👩‍👩‍👧 می‌خواهم"),  # joiners stay
        ("", ""),
    ],
)
def test_cleaning(text, expected):
    assert clean(text) == expected


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text):
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not any(unicodedata.category(c) == "Cc" for c in once)


def test_half_width_is_what_nfkc_does_to_ascii():
    wide = "".join(map(chr, range(0xFF01, 0xFF5F))) + "\u3000"
    assert to_half_width(wide) == unicodedata.normalize("NFKC", wide)
    assert to_half_width("①ﬁ。") == "①ﬁ。"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>A</h1>text<br/>next", "A\ntext\nnext"),
        ("one <b>bo</b>ld\nline", "one bold line"),
        ("<!-- no --><style>p{}</style>&lt;b&gt;&nbsp;&#20013;&eacute;", "<b> 中é"),
        ("<script>if (a < b) x('<p>')</script>kept", "kept"),
        ("<ul><li>1<li>2</ul>", "1\n2"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("", ""),
    ],
)
def test_html(html, expected):
    assert strip_html(html) == expected


def test_accents():
    assert normalise.strip_accents("Ünïcödé 한국 が") == "Unicode 한국 か"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's state-of-the-art.", ["It's", "state-of-the-art", "."]),
        ("3.14 1,000 v2 a,b", ["3.14", "1,000", "v2", "a", ",", "b"]),
        ("我爱NLP。👍🏽ok", ["我", "爱", "NLP", "。", "👍🏽", "ok"]),
        ("cafe\u0301 naïve", ["cafe\u0301", "naïve"]),
        ("'quoted' -dash-", ["'", "quoted", "'", "-", "dash", "-"]),
        (" \n", []),
    ],
)
def test_words(text, words):
    assert [token.text for token in split_words(text)] == words


@given(st.text())
def test_words_lead_back_into_the_text(text):
    at = 0
    for token in split_words(text):
        assert text[token.start : token.end] == token.text != ""
        assert not text[at : token.start].strip(), "only white space is left out"
        at = token.end
    assert not text[at:].strip()


def test_stop_words():
    assert {"the", "and", "not"} <= stop_words("en")
    assert "cat" not in stop_words("en")
    assert {"的", "了", "和"} <= stop_words("zh")
    with pytest.raises(ValueError, match=r"no stop words for 'xx': choose one of .* en "):
        stop_words("xx")


def test_stems_of_porters_paper():
    """Porter 1980: the examples of his steps, run through all of them."""
    pairs = {
        "caresses": "caress",
        "ponies": "poni",
        "feed": "feed",
        "plastered": "plaster",
        "motoring": "motor",
        "hopping": "hop",
        "happy": "happi",
        "relational": "relat",
        "electricity": "electr",
        "adjustment": "adjust",
        "controlling": "control",
        "generalizations": "gener",
        "oscillators": "oscil",
    }
    assert stems(pairs, "porter") == list(pairs.values())


def test_snowball_mends_porter():
    """Snowball's page on its English stemmer."""
    assert stems(["generously", "dying", "skies", "news"]) == ["generous", "die", "sky", "news"]
    assert stems(["dying", "news"], "porter") == ["dy", "new"]
    assert stems(["aufeinanderfolgenden"], "german") == ["aufeinanderfolg"]
    with pytest.raises(ValueError, match=r"no stemmer 'klingon'.*english"):
        stems(["a"], "klingon")


TAGGED = [
    [("the", "DT"), ("cat", "NN"), ("sleeps", "VB")],
    [("a", "DT"), ("dog", "NN"), ("sees", "VB"), ("the", "DT"), ("cat", "NN")],
    [("she", "PR"), ("likes", "VB"), ("a", "DT"), ("bird", "NN")],
    [("he", "PR"), ("walks", "VB")],
] * 5


def test_a_tagger_learns_without_a_download(monkeypatch):
    monkeypatch.setattr("nltk.data.path", [])
    tagger = normalise.train_tagger(TAGGED)
    assert tagger.accuracy(TAGGED) == 1.0
    found = tagger.tag("a fox sees the bird".split())  # "fox" is new
    assert [tag for _, tag in found] == ["DT", "NN", "VB", "DT", "NN"]


def test_a_tagger_depends_on_its_seed_alone():
    rng = random.Random(0)
    noisy = [[(w, rng.choice([t, "NN"])) for w, t in sentence] for sentence in TAGGED]
    random.seed(5)
    before = random.getstate()
    first = normalise.train_tagger(noisy, seed=1).model.weights
    assert random.getstate() == before
    random.seed(6)
    assert normalise.train_tagger(iter(noisy), seed=1).model.weights == first
    assert normalise.train_tagger(noisy, seed=2).model.weights != first


def test_what_a_tagger_cannot_learn_from():
    with pytest.raises(ValueError, match="no sentences"):
        normalise.train_tagger([])
    with pytest.raises(ValueError, match="sentence 1 is empty"):
        normalise.train_tagger([[("a", "DT")], []])


def test_absent_data_is_one_clear_error(monkeypatch):
    monkeypatch.setattr("nltk.data.path", [])
    with pytest.raises(LookupError, match=r"not on this computer.*train_tagger") as caught:
        normalise.tag_english(["a", "cat"])
    assert len(str(caught.value)) < 200
