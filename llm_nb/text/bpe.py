"""Byte-level byte-pair encoding, as GPT-2 uses it.

Text is split by a pattern into pre-tokens, each pre-token into its UTF-8 bytes, and the
pairs of neighbours that training found most often are merged, earliest-learned first
(Sennrich et al. 2016, section 3.2; Radford et al. 2019, section 2.2). Every byte is in the
base vocabulary, so any text can be encoded and nothing is ever unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from pathlib import Path

import regex

from llm_nb.text.bpe_files import (
    BYTE_TO_CHAR,
    byte_ids,
    read_gpt2_files,
    read_tokenizer_json,
    utf8,
    write_gpt2_files,
    write_tokenizer_json,
)
from llm_nb.text.bpe_training import Pair, apply_merges, learn_merges, merge_pair
from llm_nb.text.specials import split_at_specials

# The split of GPT-2's encoder.py; contractions are case-sensitive, as released.
# What a letter or a digit is follows the Unicode version of ``regex``; a library with older
# tables splits characters assigned since then otherwise.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END_OF_TEXT = "<|endoftext|>"

# The same matches: what branches share is tried once for all of them. Measured on English, Chinese
# and Python text it takes five sixths of the time.
_GPT2_FACTORED = r"'(?:s|t|re|ve|m|ll|d)| ?(?:\p{L}+|\p{N}+|[^\s\p{L}\p{N}]+)|\s+(?!\S)|\s+"
_NEVER = 1 << 60  # an id after every learned one
# Links were the faster way from 32 bytes (Chinese) to 50 (English without spaces) on; runs of one
# character, as lines of dashes, are faster without them at any length.
_LONG = 64
_REMEMBERED = 1 << 18  # words: 49 MB measured, for words of English, Chinese and Python


class ByteLevelBPE:
    """A byte-level BPE tokenizer: 256 bytes, then one token a merge, then special tokens.

    >>> tokenizer = ByteLevelBPE.train(["low lower lowest"], vocab_size=259)
    >>> [tokenizer.decode([i]) for i in tokenizer.encode("low slow")]
    ['low', ' ', 's', 'low']
    """

    def __init__(
        self,
        merges: Sequence[Pair],
        special_tokens: Sequence[str] = (),
        pattern: str = GPT2_PATTERN,
    ) -> None:
        self.pattern = pattern
        self._split = _splitter(pattern)
        self._pairs = list(merges)
        self._merged: dict[Pair, int] = {}
        self._bytes: list[bytes] = [bytes([b]) for b in BYTE_TO_CHAR]
        seen = set(self._bytes)
        for new, (left, right) in enumerate(merges, start=256):
            if not (0 <= left < new and 0 <= right < new):
                raise ValueError(
                    f"merge {new - 256} joins ids {left} and {right}, but only ids below {new} exist yet"
                )
            token = self._bytes[left] + self._bytes[right]
            if token in seen:
                raise ValueError(
                    f"merge {new - 256}, of ids {left} and {right}, repeats: {token!r} is a token "
                    "already; the merges are damaged"
                )
            seen.add(token)
            self._merged[left, right] = new
            self._bytes.append(token)
        if len(set(special_tokens)) != len(special_tokens) or "" in special_tokens:
            raise ValueError(
                f"special tokens must be distinct and not empty, got {list(special_tokens)}"
            )
        self.special_tokens = {t: len(self._bytes) + i for i, t in enumerate(special_tokens)}
        self._bytes.extend(map(utf8, special_tokens))
        if ordinary := [t for t in special_tokens if utf8(t) in seen]:
            raise ValueError(
                f"special tokens {ordinary} are ordinary tokens already: name them as no text would, "
                "like <|end|>"
            )
        self._ids_of = _Remembering(self._encode_word)

    @property
    def vocab_size(self) -> int:
        """Number of ids: 256 + merges + special tokens."""
        return len(self._bytes)

    @property
    def merges(self) -> list[Pair]:
        """The learned pairs of ids, in the order they were learned."""
        return list(self._pairs)

    @property
    def byte_lengths(self) -> list[int]:
        """How many bytes of text each id stands for: what bits per byte divides by.

        Special tokens are no text: 0.
        """
        lengths = [len(token) for token in self._bytes]
        return lengths[: 256 + len(self._pairs)] + [0] * len(self.special_tokens)

    # -- encoding ---------------------------------------------------------------------------

    def encode(self, text: str, *, allowed_special: Iterable[str] = ()) -> list[int]:
        """The ids of ``text``.

        A special token's string inside ``text`` is ordinary text unless it is named in
        ``allowed_special``: what a user types can then never end a document. (tiktoken raises
        instead, Hugging Face always reads it as the special token.)

        Raises:
            ValueError: ``text`` holds a lone surrogate, or an allowed special is unknown.
        """
        ids: list[int] = []
        for i, part in enumerate(split_at_specials(text, allowed_special, self.special_tokens)):
            ids += [self.special_tokens[part]] if i % 2 else self._encode_ordinary(part)
        return ids

    def _encode_ordinary(self, text: str) -> list[int]:
        words = self._split(text)
        _check_nothing_lost(self.pattern, sum(map(len, words)), len(text))
        return list(chain.from_iterable(map(self._ids_of.__getitem__, words)))

    def _encode_word(self, word: str) -> list[int]:
        ids: Sequence[int] = byte_ids(word)
        if len(ids) >= _LONG:
            return apply_merges(ids, self._pairs, self._merged)
        while len(ids) > 1:
            # The pair that was learned first, so made the smallest id, is merged first.
            new = min(map(self._merged.get, zip(ids, ids[1:], strict=False), repeat(_NEVER)))
            if new == _NEVER:
                break
            ids = merge_pair(ids, self._pairs[new - 256], new)
        return list(ids)

    # -- decoding ---------------------------------------------------------------------------

    def token_bytes(self, token: int) -> bytes:
        """The bytes that id ``token`` stands for (a special token: its string's bytes)."""
        if not 0 <= token < len(self._bytes):
            raise ValueError(
                f"id {token} is outside the vocabulary: ids run from 0 to {len(self._bytes) - 1}"
            )
        return self._bytes[token]

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of ``ids``, joined: exact, also where a character is cut in two."""
        numbers = [int(i) for i in ids]
        for extreme in (min(numbers, default=0), max(numbers, default=0)):
            self.token_bytes(extreme)  # one clear error where an id is outside the vocabulary
        return b"".join(map(self._bytes.__getitem__, numbers))

    def decode(self, ids: Iterable[int], errors: str = "replace") -> str:
        """The text of ``ids``; bytes that are no valid UTF-8 become U+FFFD by default."""
        return self.decode_bytes(ids).decode(errors=errors)

    # -- training ---------------------------------------------------------------------------

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        special_tokens: Sequence[str] = (),
        pattern: str = GPT2_PATTERN,
    ) -> ByteLevelBPE:
        """Learn merges from ``texts`` until the vocabulary has ``vocab_size`` ids.

        Equal counts are broken by the smaller pair of ids, so the result does not depend on
        the order of the texts. Fewer merges are learned where no pair is left.

        Raises:
            ValueError: the texts are empty, or ``vocab_size`` has no room for the 256 bytes
                and the special tokens.
        """
        if vocab_size < 256 + len(special_tokens):
            raise ValueError(
                f"vocab_size {vocab_size} is too small: 256 bytes and {len(special_tokens)} "
                f"special token(s) need at least {256 + len(special_tokens)}"
            )
        if isinstance(texts, str):
            raise ValueError("texts is one string, whose letters would be the texts: give [text]")
        counts: Counter[str] = Counter()
        split, length = _splitter(pattern), 0
        for text in texts:
            counts.update(split(text))
            length += len(text)
        _check_nothing_lost(pattern, sum(len(word) * n for word, n in counts.items()), length)
        if not counts:
            raise ValueError("cannot train on empty text: give at least one character")
        merges = learn_merges(
            {byte_ids(word): n for word, n in counts.items()},
            vocab_size - 256 - len(special_tokens),
        )
        return cls(merges, special_tokens, pattern)

    # -- files ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write one ``tokenizer.json`` in the format of Hugging Face's ``tokenizers``."""
        tokens = self._bytes[: 256 + len(self._pairs)]
        write_tokenizer_json(path, tokens, self._pairs, self.special_tokens, self.pattern)

    @classmethod
    def load(cls, path: str | Path) -> ByteLevelBPE:
        """Read a ``tokenizer.json``: one that ``save`` wrote, or the released GPT-2's.

        What belongs to a use of the ids, such as truncation or a template of special tokens
        around a text, is not read.

        Raises:
            ValueError: the file is cut short, is no byte-level BPE in GPT-2's byte order, or
                asks for something that would give other ids than this class.
        """
        merges, special_tokens, pattern = read_tokenizer_json(path)
        return cls(merges, special_tokens, pattern or GPT2_PATTERN)

    def save_gpt2_files(self, encoder_json: str | Path, vocab_bpe: str | Path) -> None:
        """Write the two files of OpenAI's format, ``encoder.json`` and ``vocab.bpe``.

        Raises:
            ValueError: the format cannot hold this tokenizer: it has GPT-2's pattern built in,
                and one special token.
        """
        if self.pattern != GPT2_PATTERN or len(self.special_tokens) != 1:
            raise ValueError(
                f"GPT-2's two files hold its own pattern and one special token, not {self.pattern!r} "
                f"and {list(self.special_tokens)}: use save"
            )
        tokens = self._bytes[: 256 + len(self._pairs)]
        write_gpt2_files(encoder_json, vocab_bpe, tokens, self._pairs, self.special_tokens)

    @classmethod
    def from_gpt2_files(cls, encoder_json: str | Path, vocab_bpe: str | Path) -> ByteLevelBPE:
        """Read the two files that OpenAI released with GPT-2 (50,257 tokens).

        Raises:
            ValueError: a file is cut short, or the two do not belong together.
        """
        return cls(*read_gpt2_files(encoder_json, vocab_bpe))


class _Remembering(dict[str, list[int]]):
    """The ids of words, worked out when a word is first looked up."""

    def __init__(self, encode_word: Callable[[str], list[int]]) -> None:
        self._encode_word = encode_word

    def __missing__(self, word: str) -> list[int]:
        ids = self._encode_word(word)
        # Bounds memory on endless streams.
        if len(word) < _LONG and len(self) < _REMEMBERED:
            self[word] = ids
        return ids


def _splitter(pattern: str) -> Callable[[str], list[str]]:
    """A function from a text to its pre-tokens."""
    try:
        compiled = regex.compile(_GPT2_FACTORED if pattern == GPT2_PATTERN else pattern)
    except regex.error as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from None
    if compiled.groups:  # findall would give the groups, not the matches
        raise ValueError(f"the pattern {pattern!r} captures a group: write (?:…) for each (…)")
    return compiled.findall


def _check_nothing_lost(pattern: str, n_split: int, n_text: int) -> None:
    if n_split != n_text:
        raise ValueError(
            f"the pattern {pattern!r} leaves out characters of the text: "
            "add a branch that matches them, or they would be lost"
        )
