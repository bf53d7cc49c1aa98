"""BERT's basic tokenizer: text → cleaned words, before WordPiece cuts them into pieces.

Controls go, every white space becomes a space, each Chinese character and each punctuation mark
stands alone, and an uncased model loses capitals and accents (Devlin et al. 2019;
``tokenization.py`` of the release).

Two references differ. This follows Hugging Face's fast one (the Rust library ``tokenizers``),
which the released models are served with today, not the slow one in Python, which is the
original's code:

- unassigned characters: the fast one keeps them, the slow one drops them, so that an emoji
  newer than its Python vanishes (transformers#14844);
- accents in cased text: today both keep them; the first fast ones did not agree
  (transformers#2917);
- Σ at the end of a word: the fast one lower-cases character by character, to σ; the slow one
  gives ς.

In one place it follows the original: ``tokenizers`` begins the ideographs of extension E at
U+2B920, 256 too late (a slip, tokenizers#2395).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

# CJK ideographs; not kana, Hangul or Bopomofo, whose words are written with spaces or run on.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_ideograph(char: str) -> bool:
    """Whether BERT takes ``char`` for a Chinese character, a word of its own."""
    return any(first <= ord(char) <= last for first, last in _IDEOGRAPHS)


def is_punctuation(char: str) -> bool:
    """ASCII that is neither letter, digit, space nor control, or Unicode's category P.

    >>> [is_punctuation(c) for c in "$-。a"]
    [True, True, True, False]
    """
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char)[0] == "P"


class Word(NamedTuple):
    """A word after cleaning, and for each of its characters the index where it comes from."""

    text: str
    sources: Sequence[int]


class _Table(dict[int, str]):
    """What each character becomes, worked out when it is first met; for ``str.translate``."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = became = self._rule(chr(code))
        return became


@dataclass(frozen=True)
class BasicTokenizer:
    """Splits text into words as BERT does.

    Args:
        lowercase: True for the uncased models.
        strip_accents: None does as ``lowercase`` does, which is what the releases do.
        handle_chinese_chars: put spaces around CJK ideographs.

    >>> BasicTokenizer().split("Crème brûlée，很好吃!")
    ['creme', 'brulee', '，', '很', '好', '吃', '!']
    >>> BasicTokenizer(lowercase=False).split("Crème brûlée")
    ['Crème', 'brûlée']
    """

    lowercase: bool = True
    strip_accents: bool | None = None
    handle_chinese_chars: bool = True

    def split(self, text: str) -> list[str]:
        """The words of ``text``.

        Raises:
            ValueError: ``text`` holds a lone surrogate.
        """
        return self._decomposed(text).translate(self._folded_apart).split()

    def normalise(self, text: str) -> str:
        """``text`` cleaned and folded, its punctuation not yet apart."""
        return self._decomposed(text).translate(self._folded)

    def words(self, text: str) -> list[Word]:
        """The words of ``text`` and the index in ``text`` of each of their characters.

        Raises:
            ValueError: ``text`` holds a lone surrogate.
        """
        normal, sources = self._with_sources(text)
        found, at = [], 0
        for word in normal.translate(self._apart).split():
            at = normal.index(word, at)  # only spaces are skipped
            found.append(Word(word, sources[at : at + len(word)]))
            at += len(word)
        return found

    def _decomposed(self, text: str) -> str:
        text = text.translate(self._cleaned)
        return unicodedata.normalize("NFD", text) if self._strips else text

    def _with_sources(self, text: str) -> tuple[str, Sequence[int]]:
        """``normalise(text)``, and where each of its characters comes from."""
        normal = self.normalise(text)
        if text.isascii() and len(normal) == len(text):
            return normal, range(len(text))
        chars, sources = _follow(text, range(len(text)), self._cleaned)
        if self._strips:
            sources = [sources[i] for i in _sources_of_nfd(chars)]
            chars = unicodedata.normalize("NFD", chars)
        return _follow(chars, sources, self._folded)

    @property
    def _strips(self) -> bool:
        return self.lowercase if self.strip_accents is None else self.strip_accents

    def _clean(self, char: str) -> str:
        category = unicodedata.category(char)
        if category == "Cs":
            raise ValueError(
                f"text holds a lone surrogate, {char!r}, which is no character: "
                "decode its source with errors='replace'"
            )
        if char in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
            return " "
        if category in ("Cc", "Cf", "Co") or char == "\ufffd":
            return ""
        return f" {char} " if self.handle_chinese_chars and is_ideograph(char) else char

    def _fold(self, char: str) -> str:
        if self._strips and unicodedata.category(char) == "Mn":
            return ""
        return char.lower() if self.lowercase else char

    def _fold_and_set_apart(self, char: str) -> str:
        return self._fold(char).translate(self._apart)

    @cached_property
    def _cleaned(self) -> _Table:
        return _Table(self._clean)

    @cached_property
    def _folded(self) -> _Table:
        return _Table(self._fold)

    @cached_property
    def _apart(self) -> _Table:
        return _Table(_set_apart)

    @cached_property
    def _folded_apart(self) -> _Table:
        return _Table(self._fold_and_set_apart)


def _set_apart(char: str) -> str:
    return f" {char} " if is_punctuation(char) else char


def _follow(text: str, sources: Sequence[int], table: _Table) -> tuple[str, list[int]]:
    """``text.translate(table)``, and the sources of its characters."""
    parts = [table[ord(char)] for char in text]
    followed = [s for part, s in zip(parts, sources, strict=True) for _ in part]
    return "".join(parts), followed


def _sources_of_nfd(text: str) -> list[int]:
    """The index in ``text`` that each character of its canonical decomposition counts as.

    Marks are put in canonical order (Unicode, section 3.11). As in ``tokenizers``, a mark that
    changed places takes the index of the place, not of the character that it came from.
    """
    parts = [unicodedata.normalize("NFD", char) for char in text]
    begins = [i == 0 for part in parts for i in range(len(part))]
    classes = [unicodedata.combining(char) for part in parts for char in part]
    start = 0
    for end in range(len(classes) + 1):
        if end == len(classes) or not classes[end]:
            if end - start > 1:
                order = sorted(range(start, end), key=classes.__getitem__)
                begins[start:end] = [begins[i] for i in order]
            start = end + 1
    sources, at = [], -1
    for begin in begins:
        at += begin
        sources.append(max(at, 0))
    return sources
