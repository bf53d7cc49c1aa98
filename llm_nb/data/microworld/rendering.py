"""From symbols to text as people write it, with the place of every symbol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol

_TIGHT = frozenset((w.STOP, w.POSSESSIVE))  # no space before these in English
_PIECES = {
    "en": [f" {f}" if f and i not in _TIGHT else f for i, f in enumerate(w.ENGLISH)],
    "zh": list(w.CHINESE),
}
_SENTENCE = re.compile(r"(?:^|\. )[a-z]")


class Rendered(NamedTuple):
    """A text, and for each symbol where its form begins and ends in it; silent ones are empty."""

    text: str
    spans: list[tuple[int, int]]


def check_language(language: str) -> None:
    """Raise ValueError unless it is one of ``lexicon.LANGUAGES``."""
    if language not in w.LANGUAGES:
        raise ValueError(f"language is {language!r}: use {' or '.join(map(repr, w.LANGUAGES))}")


def text_of(symbols: Iterable[Symbol], language: str = "en") -> str:
    """Words with spaces and capitals in English; in Chinese the words alone."""
    check_language(language)
    text = "".join(map(_PIECES[language].__getitem__, symbols))
    if language == "en":
        text = _SENTENCE.sub(lambda match: match[0].upper(), text[1:])
    return text


def render(symbols: Sequence[Symbol], language: str = "en") -> Rendered:
    """The text, with the place of every symbol in it."""
    text, pieces = text_of(symbols, language), _PIECES[language]
    ends = list(accumulate(len(pieces[symbol]) for symbol in symbols))
    shift = int(language == "en")  # the first word has no space before it
    lengths = map(len, map(w.FORMS[language].__getitem__, symbols))
    spans = [(end - n - shift, end - shift) for end, n in zip(ends, lengths, strict=True)]
    return Rendered(text, spans)
