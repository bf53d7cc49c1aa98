"""Cleaning text, splitting it into words, stop words, stems and part-of-speech tags.

What Python has is used as it is: ``unicodedata.normalize`` (NFC composes é; NFKC also turns ﬁ
into fi and ① into 1), ``str.lower``, ``str.casefold`` (ß → ss) and ``html.unescape``. Stop words,
stems and taggers come from stopwordsiso and NLTK, loaded only when they are asked for.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from typing import Any, NamedTuple

import regex

from llm_nb.extras import library

# Controls other than tab and line ends, and characters that are not seen: soft hyphen, zero-width
# space, marks of writing direction, word joiner, byte-order mark. The joiners U+200C and U+200D
# stay: emoji and several scripts are spelt with them.
_UNSEEN = regex.compile(
    r"[\p{Cc}\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff--[\t\n\r]]",
    flags=regex.V1,
)
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_BLOCKS = "address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5"
_BLOCKS += " h6 header hr li main nav ol option p pre section table tbody td th thead title tr ul"
_WORD = r"[\p{L}\p{M}\p{N}_--\p{Han}]+"
_WORDS = regex.compile(
    rf"\p{{Nd}}+(?:[.,]\p{{Nd}}+)+|{_WORD}(?:['’-]{_WORD})*|(?!\s)\X", flags=regex.V1
)


# -- cleaning -------------------------------------------------------------------------------


def clean(text: str) -> str:
    """``text`` composed (NFC), without unseen characters, one space for each run of white space.

    >>> clean("  cafe\\u0301\\u200b \\n is\\x00 open ")
    'café is open'
    """
    return " ".join(_UNSEEN.sub("", unicodedata.normalize("NFC", text)).split())


def strip_accents(text: str) -> str:
    """``text`` without accents and other non-spacing marks.

    >>> strip_accents("Crème brûlée, Ångström")
    'Creme brulee, Angstrom'
    """
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFC", "".join(c for c in apart if unicodedata.category(c) != "Mn")
    )


def to_half_width(text: str) -> str:
    """Full-width ASCII, as Chinese and Japanese keyboards give it, to plain ASCII.

    NFKC does so too, but changes much else. Chinese marks such as 。 and 、 stay.

    >>> to_half_width("ＡＢＣ，１２３。")
    'ABC,123。'
    """
    return text.translate(_HALF_WIDTH)


def strip_html(text: str) -> str:
    """The text of an HTML page or fragment: no tags, scripts, styles or comments.

    Entities become their characters; what begins or ends a block becomes a line end.

    >>> strip_html("<p>R&amp;D</p><script>x()</script><p>a &lt; b</p>")
    'R&D\\na < b'
    """
    parser = _Text()
    parser.feed(text)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = ""  # the script or style that we are in

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("script", "style"):
            self.hidden = tag
        elif tag in _BLOCKS.split():
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.hidden:
            self.hidden = ""
        elif tag in _BLOCKS.split():
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            # Line ends inside a paragraph of the source are mere spaces.
            self.parts.append(data.replace("\n", " "))


# -- words ----------------------------------------------------------------------------------


class Token(NamedTuple):
    """A word, and where it stands: ``text[start:end]``."""

    text: str
    start: int
    end: int


def split_words(text: str) -> list[Token]:
    """Words, numbers and marks, with their places.

    A word may have apostrophes and hyphens inside, a number points and commas; each Chinese
    character stands alone, and so does any other mark (an emoji with all its parts is one).

    >>> [token.text for token in split_words("Don't pay €1,299.50 for GPT-2模型!")]
    ["Don't", 'pay', '€', '1,299.50', 'for', 'GPT-2', '模', '型', '!']
    """
    return [Token(m.group(), m.start(), m.end()) for m in _WORDS.finditer(text)]


def stop_words(language: str) -> frozenset[str]:
    """The stop words of ``language`` (``"en"``, ``"zh"``, …), in lower case.

    The list is long (1,298 words for English) and has verbs such as "run" and "give", and the
    negations; for sentiment, "not" should stay.

    Raises:
        ValueError: there is no list for the language.
    """
    stopwordsiso = library("stopwordsiso", "tasks")

    if not stopwordsiso.has_lang(language):
        raise ValueError(
            f"no stop words for {language!r}: choose one of {' '.join(sorted(stopwordsiso.langs()))}"
        )
    return frozenset(stopwordsiso.stopwords(language))


def stems(words: Iterable[str], algorithm: str = "english") -> list[str]:
    """The stem of each word, in lower case; no dictionary, so a stem need not be a word.

    Args:
        algorithm: ``"porter"`` (Porter 1980, as published) or a language of Snowball, Porter's
            later work; its ``"english"`` mends much of the first one.

    Raises:
        ValueError: there is no such algorithm.

    >>> stems(["Ponies", "generously"], "porter"), stems(["Ponies", "generously"])
    (['poni', 'gener'], ['poni', 'generous'])
    """
    from nltk.stem import PorterStemmer, SnowballStemmer

    if algorithm != "porter" and algorithm not in SnowballStemmer.languages:
        raise ValueError(
            f"no stemmer {algorithm!r}: choose one of {' '.join(SnowballStemmer.languages)}"
        )
    stemmer = (
        PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
        if algorithm == "porter"
        else SnowballStemmer(algorithm)
    )
    return [stemmer.stem(word) for word in words]


# -- part-of-speech tags --------------------------------------------------------------------


def train_tagger(
    sentences: Iterable[Sequence[tuple[str, str]]], *, n_epochs: int = 5, seed: int = 0
) -> Any:
    """NLTK's averaged perceptron (Collins 2002), trained on ``sentences`` of (word, tag).

    No download; the same sentences and seed give the same tagger. ``tagger.tag(words)`` gives
    (word, tag) pairs. For Chinese see ``segmentation.Jieba.tag``.

    Raises:
        ValueError: there is no sentence, or one is empty.
    """
    from nltk.tag.perceptron import PerceptronTagger

    data = [list(sentence) for sentence in sentences]
    if not data or not all(data):
        raise ValueError(
            f"sentence {data.index([])} is empty: leave it out"
            if data
            else "cannot train a tagger on no sentences: give some, as lists of (word, tag)"
        )
    tagger = PerceptronTagger(load=False)
    state = random.getstate()  # it shuffles with the global generator
    random.seed(seed)
    try:
        tagger.train(data, nr_iter=n_epochs)
    finally:
        random.setstate(state)
    return tagger


def tag_english(words: Sequence[str]) -> list[tuple[str, str]]:
    """Penn Treebank tags by the tagger that NLTK offers trained, once it was downloaded.

    Raises:
        LookupError: its data is not on this computer.
    """
    import nltk

    try:
        return nltk.pos_tag(list(words))
    except LookupError:
        raise LookupError(
            "NLTK's English tagger is not on this computer: with a network, run "
            "nltk.download('averaged_perceptron_tagger_eng') once; without, use train_tagger"
        ) from None
