"""Texts of the microworld and what is asked and said about them, cut into words."""

from __future__ import annotations

import re
from typing import NamedTuple

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.rendering import check_language

_LONGEST_FIRST = sorted({form for form in w.CHINESE if form}, key=lambda form: (-len(form), form))
_WORD = {
    "en": re.compile(r"'s|\w+|[^\w\s]"),
    "zh": re.compile("|".join([*map(re.escape, _LONGEST_FIRST), r"\S"])),
}
_KNOWN = frozenset(w.ENGLISH)


class Piece(NamedTuple):
    """A word, and the characters [start, end) of the text where it stands."""

    word: str
    start: int
    end: int


def cut(text: str, language: str = "en") -> list[Piece]:
    """The words and marks of a text, in order, spelt as in the lexicon where they are in it.

    A story's are those of ``Story.words``. Other words, as questions and summaries have them, are
    cut at spaces in English and are single characters in Chinese.

    >>> [piece.word for piece in cut("She took Mia's ball.")]
    ['she', 'took', 'Mia', "'s", 'ball', '.']

    Raises:
        ValueError: the language is neither "en" nor "zh".
    """
    check_language(language)
    found = [Piece(match[0], *match.span()) for match in _WORD[language].finditer(text)]
    if language == "zh":
        return found
    small = (piece.word[0].lower() + piece.word[1:] for piece in found)
    return [
        piece._replace(word=word) if piece.word not in _KNOWN and word in _KNOWN else piece
        for piece, word in zip(found, small, strict=True)
    ]
