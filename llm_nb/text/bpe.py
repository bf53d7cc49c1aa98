"""Byte-level byte-pair encoding, as GPT-2 uses it.

Text is split by a pattern into pre-tokens, each pre-token into its UTF-8 bytes, and the
pairs of neighbours that training found most often are merged, earliest-learned first
(Sennrich et al. 2016, section 3.2; Radford et al. 2019, section 2.2). Every byte is in the
base vocabulary, so any text can be encoded and nothing is ever unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import regex

from llm_nb.text.bpe_files import (
    BYTE_TO_CHAR,
    read_gpt2_files,
    read_tokenizer_json,
    write_tokenizer_json,
)
from llm_nb.text.bpe_training import Pair, learn_merges, merge_pair

# The split of GPT-2's encoder.py; contractions are case-sensitive, as released.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END_OF_TEXT = "<|endoftext|>"

_NEVER = 1 << 60  # a rank after every learned one
_BYTE_TO_ID = {byte: i for i, byte in enumerate(BYTE_TO_CHAR)}


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
        self._split = regex.compile(pattern).findall
        self._bytes: list[bytes] = [bytes([b]) for b in BYTE_TO_CHAR]
        self._merged: dict[Pair, int] = {}
        for left, right in merges:
            new = len(self._bytes)
            if not (0 <= left < new and 0 <= right < new):
                raise ValueError(
                    f"merge {new - 256} joins ids {left} and {right}, but only ids below {new} exist yet"
                )
            if (left, right) in self._merged:
                raise ValueError(
                    f"merge {new - 256} repeats the pair {left}, {right}: the merges file is damaged"
                )
            self._merged[left, right] = new
            self._bytes.append(self._bytes[left] + self._bytes[right])
        if len(set(special_tokens)) != len(special_tokens) or "" in special_tokens:
            raise ValueError(
                f"special tokens must be distinct and not empty, got {list(special_tokens)}"
            )
        self.special_tokens = {t: len(self._bytes) + i for i, t in enumerate(special_tokens)}
        self._bytes.extend(t.encode() for t in special_tokens)
        # Longest first, so that "<|a|><|b|>" can itself be a special token.
        longest_first = sorted(special_tokens, key=len, reverse=True)
        self._split_special = regex.compile(
            "(" + "|".join(map(regex.escape, longest_first)) + ")"
        ).split
        self._cache: dict[str, list[int]] = {}

    @property
    def vocab_size(self) -> int:
        """Number of ids: 256 + merges + special tokens."""
        return len(self._bytes)

    @property
    def merges(self) -> list[Pair]:
        """The learned pairs of ids, in the order they were learned."""
        return list(self._merged)

    @property
    def byte_lengths(self) -> list[int]:
        """How many bytes of text each id stands for: what bits per byte divides by.

        Special tokens are no text: 0.
        """
        lengths = [len(token) for token in self._bytes]
        return lengths[: 256 + len(self._merged)] + [0] * len(self.special_tokens)

    # -- encoding ---------------------------------------------------------------------------

    def encode(self, text: str, *, allowed_special: Iterable[str] = ()) -> list[int]:
        """The ids of ``text``.

        A special token's string inside ``text`` is ordinary text unless it is named in
        ``allowed_special``: what a user types can then never end a document. (tiktoken raises
        instead, Hugging Face always reads it as the special token.)

        Raises:
            ValueError: ``text`` holds a lone surrogate, or an allowed special is unknown.
        """
        allowed = set(allowed_special)
        if unknown := allowed - self.special_tokens.keys():
            raise ValueError(
                f"unknown special token(s) {sorted(unknown)}: this tokenizer has {list(self.special_tokens)}"
            )
        if not allowed:
            return self._encode_ordinary(text)
        ids: list[int] = []
        for part in self._split_special(text):
            if part in allowed:
                ids.append(self.special_tokens[part])
            else:
                ids.extend(self._encode_ordinary(part))
        return ids

    def _encode_ordinary(self, text: str) -> list[int]:
        ids: list[int] = []
        cache = self._cache
        words = self._split(text)
        if sum(map(len, words)) != len(text):
            raise ValueError(
                f"the pattern {self.pattern!r} leaves out characters of the text: "
                "add a branch that matches them, or they would be lost"
            )
        for word in words:
            known = cache.get(word)
            if known is None:
                known = self._encode_word(word)
                if len(cache) < 1 << 20:  # bounds memory on endless streams
                    cache[word] = known
            ids += known
        return ids

    def _encode_word(self, word: str) -> list[int]:
        ids = _byte_ids(word)
        while len(ids) > 1:
            # The pair that was learned first is merged first, wherever it stands.
            pair = min(zip(ids, ids[1:], strict=False), key=lambda p: self._merged.get(p, _NEVER))
            if pair not in self._merged:
                break
            ids = merge_pair(ids, pair, self._merged[pair])
        return ids

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
        return b"".join(self.token_bytes(int(i)) for i in ids)

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
        counts: Counter[str] = Counter()
        split = regex.compile(pattern).findall
        for text in texts:
            counts.update(split(text))
        if not counts:
            raise ValueError("cannot train on empty text: give at least one character")
        merges = learn_merges(
            {tuple(_byte_ids(word)): n for word, n in counts.items()},
            vocab_size - 256 - len(special_tokens),
        )
        return cls(merges, special_tokens, pattern)

    # -- files ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write one ``tokenizer.json`` in the format of Hugging Face's ``tokenizers``."""
        n_ordinary = 256 + len(self._merged)
        write_tokenizer_json(
            path, self._bytes[:n_ordinary], self.merges, self.special_tokens, self.pattern
        )

    @classmethod
    def load(cls, path: str | Path) -> ByteLevelBPE:
        """Read a ``tokenizer.json``: one that ``save`` wrote, or the released GPT-2's.

        Raises:
            ValueError: the file is cut short or is no byte-level BPE in GPT-2's byte order.
        """
        merges, special_tokens, pattern = read_tokenizer_json(path)
        return cls(merges, special_tokens, pattern or GPT2_PATTERN)

    @classmethod
    def from_gpt2_files(cls, encoder_json: str | Path, vocab_bpe: str | Path) -> ByteLevelBPE:
        """Read the two files that OpenAI released with GPT-2 (50,257 tokens).

        Raises:
            ValueError: a file is cut short, or the two do not belong together.
        """
        return cls(*read_gpt2_files(encoder_json, vocab_bpe))


def _byte_ids(word: str) -> list[int]:
    try:
        return [_BYTE_TO_ID[b] for b in word.encode()]
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text holds a lone surrogate, {word[error.start]!r}, which is no character: "
            "decode its source with errors='replace'"
        ) from None
