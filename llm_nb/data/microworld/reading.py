"""Reading a text of the microworld from left to right, a symbol at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.rendering import check_language

# The words that begin with a capital only because a sentence begins with them.
_SMALL = frozenset(word for word in w.ENGLISH if word[:1].islower())
_WORD = re.compile(r" ?([A-Za-z]+|'s|\.)")


class Reader:
    """What of a text is read already, as words or characters that are compared with symbols."""

    def __init__(self, pieces: Sequence[str], language: str) -> None:
        self.pieces, self.language, self.forms = pieces, language, w.FORMS[language]
        self.at = 0  # pieces that are read
        self.seen = 0  # symbols that are read

    def _begins(self, form: str) -> int:
        """How many pieces the form takes here; 0: it does not stand here."""
        if self.language == "en":
            return int(self.at < len(self.pieces) and self.pieces[self.at] == form)
        return len(form) if self.pieces[self.at : self.at + len(form)] == form else 0

    def expect(self, symbols: Sequence[Symbol]) -> None:
        """Read those of the symbols that were not read yet."""
        for symbol in symbols[self.seen :]:
            if form := self.forms[symbol]:
                taken = self._begins(form)
                if not taken:
                    raise self._wrong([form])
                self.at += taken
        self.seen = len(symbols)

    def which(self, options: Sequence[Symbol]) -> Symbol:
        """The one option that stands here; it is read when it is expected."""
        found = [symbol for symbol in options if self._begins(self.forms[symbol])]
        if not found:
            raise self._wrong([self.forms[symbol] for symbol in options])
        if len(found) > 1:
            both = " and ".join(self.forms[symbol] for symbol in found)
            raise AssertionError(f"the lexicon is ambiguous: {both} both stand at {self.at}")
        return found[0]

    def finish(self) -> None:
        """Raise ValueError unless all is read."""
        if self.at < len(self.pieces):
            raise self._wrong(["the end"])

    def _wrong(self, expected: list[str]) -> ValueError:
        unit = "word" if self.language == "en" else "character"
        rest = self.pieces[self.at : self.at + (1 if self.language == "en" else 6)]
        here = " ".join(rest) if self.language == "en" else "".join(rest)
        what = ", ".join(expected[:5]) + (", …" if len(expected) > 5 else "")
        return ValueError(
            f"not a story of the microworld: {unit} {self.at} is {here or 'missing'!r}, "
            f"where only {what} can stand"
        )


def reader(text: str, language: str) -> Reader:
    """A reader at the beginning of the text."""
    check_language(language)
    return Reader(_english_words(text) if language == "en" else text, language)


def _english_words(text: str) -> list[str]:
    """Words as in the lexicon, of a text with the spaces and capitals that ``render`` writes."""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        tight = match is not None and (match[1] in (".", "'s") or not at)
        if match is None or match[0].startswith(" ") == tight:
            raise ValueError(
                f"not a story of the microworld: character {at} is {text[at]!r}, where only a word, "
                "'s or a full stop can stand, words after one space"
            )
        word = match[1]
        if not found or found[-1] == ".":
            small = word[0].lower() + word[1:]
            if small in _SMALL and word[0].isupper():
                word = small
            elif word[0].islower():
                raise ValueError(
                    f"not a story of the microworld: {word!r} begins a sentence without a capital"
                )
        found.append(word)
        at = match.end()
    return found
