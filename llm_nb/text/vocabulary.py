"""A vocabulary of whole words, for models that do not cut words into pieces.

Words come by count, the most frequent first, so that keeping the first so many keeps as much of
the text as can be; what is left out becomes ``<unk>``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from llm_nb.files import write_whole

PAD, UNK = "<pad>", "<unk>"
BEGIN, END = "<s>", "</s>"  # marks of a text, for those who want them as special tokens


class Vocabulary:
    """Words and their ids: ``<pad>`` 0, ``<unk>`` 1, further special tokens, then the words.

    Args:
        counts: the words in the order of their ids, and how often each occurs.
        special_tokens: those after ``<pad>`` and ``<unk>``.
        unknown_count: how many tokens of the text that was counted are none of the words.

    Raises:
        ValueError: a word is empty, is also a special token, or has a count below 0.

    >>> vocabulary = Vocabulary.build("the cat and the dog and the end".split(), max_size=4)
    >>> vocabulary.tokens
    ['<pad>', '<unk>', 'the', 'and']
    >>> vocabulary.encode(["the", "cat"]), vocabulary.decode([2, 1])
    ([2, 1], ['the', '<unk>'])
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        special_tokens: Sequence[str] = (),
        unknown_count: int = 0,
    ) -> None:
        special = [PAD, UNK, *special_tokens]
        self.tokens = [*special, *counts]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if "" in self.ids or len(self.ids) != len(self.tokens):
            wrong = [t for i, t in enumerate(self.tokens) if self.ids[t] != i or not t]
            raise ValueError(
                f"token {wrong[0]!r} is empty or stands twice: "
                "each word and each special token must be another one"
            )
        if low := {t: n for t, n in {**counts, UNK: unknown_count}.items() if n < 0}:
            raise ValueError(f"counts must not be below 0, got {low}")
        self.special_tokens = {token: i for i, token in enumerate(special)}
        self.pad_id, self.unk_id = 0, 1
        self.counts = np.array([0] * len(special) + list(counts.values()), np.int64)  # (V,)
        self.counts[self.unk_id] = unknown_count

    @classmethod
    def build(
        cls,
        tokens: Iterable[str],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        special_tokens: Sequence[str] = (),
    ) -> Vocabulary:
        """Count ``tokens`` and keep the most frequent; equal counts go by the alphabet.

        A token that is written like a special token is that one; only ``<unk>`` is counted.

        Args:
            min_count: rarer words are left out.
            max_size: of the whole vocabulary, special tokens included.

        Raises:
            ValueError: there is no word, or ``max_size`` has no room for one.
        """
        special = [PAD, UNK, *special_tokens]
        if min_count < 1:
            raise ValueError(f"min_count is {min_count}: it must be at least 1")
        if max_size is not None and max_size <= len(special):
            raise ValueError(
                f"max_size {max_size} has no room for a word after the {len(special)} special "
                f"tokens: it must be at least {len(special) + 1}"
            )
        if isinstance(tokens, str):
            raise ValueError("tokens is one string: split it into words first")
        counts = Counter(tokens)
        unknown = counts.pop(UNK, 0)
        for token in special:
            counts.pop(token, None)
        if not counts:
            raise ValueError("cannot build a vocabulary of no words: the text is empty")
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        room = None if max_size is None else max_size - len(special)
        kept = {word: n for word, n in ranked[:room] if n >= min_count}
        unknown += sum(counts.values()) - sum(kept.values())
        return cls(kept, special_tokens, unknown)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.ids

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The ids of ``tokens``; a word that is not in the vocabulary has that of ``<unk>``."""
        if isinstance(tokens, str):
            raise ValueError("tokens is one string: split it into words first")
        return [self.ids.get(token, self.unk_id) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The tokens of ``ids``.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        chosen = list(map(int, ids))
        if wrong := [i for i in chosen if not 0 <= i < len(self.tokens)]:
            raise ValueError(
                f"id {wrong[0]} is outside the vocabulary: ids run from 0 to {len(self.tokens) - 1}"
            )
        return [self.tokens[i] for i in chosen]

    def unknown_rate(self, tokens: Iterable[str]) -> float:
        """The share of ``tokens`` that the vocabulary lacks, from 0 to 1; 1 minus its coverage.

        Raises:
            ValueError: there are no tokens.
        """
        ids = self.encode(tokens)
        if not ids:
            raise ValueError("no tokens to rate: the text is empty")
        return ids.count(self.unk_id) / len(ids)

    def save(self, path: str | Path) -> None:
        """Write one JSON file, whole or not at all."""
        special = list(self.special_tokens)
        data = {
            "special_tokens": special[2:],
            "unknown_count": int(self.counts[self.unk_id]),
            "counts": dict(
                zip(self.tokens[len(special) :], self.counts[len(special) :].tolist(), strict=True)
            ),
        }
        write_whole(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read what ``save`` wrote.

        Raises:
            ValueError: the file is cut short, or is no vocabulary.
        """
        try:
            data = json.loads(Path(path).read_text("utf-8"), object_pairs_hook=_distinct)
            counts = {str(token): int(n) for token, n in data["counts"].items()}
            special, unknown = list(map(str, data["special_tokens"])), int(data["unknown_count"])
            return cls(counts, special, unknown)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is not a whole vocabulary file ({type(error).__name__}: {error}): "
                "save it again"
            ) from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of a JSON file; a word written twice is damage, which ``json`` passes over."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{twice!r} stands twice")
    return found
