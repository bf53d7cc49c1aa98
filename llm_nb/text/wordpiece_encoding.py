"""What a WordPiece tokenizer hands to BERT: encodings, cut to a length and padded to batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Encoding(NamedTuple):
    """One text, or a pair, ready for BERT; four lists of one length T."""

    ids: list[int]
    segments: list[int]  # 0 up to the first [SEP], 1 after it
    offsets: list[tuple[int, int]]  # characters [start, end) of its text; (0, 0) for [CLS], [SEP]
    word_ids: list[int | None]  # which word of its text; None for [CLS] and [SEP]


class Batch(NamedTuple):
    """Encodings padded to one length; each (B, T), int64, in the order ``Bert.forward`` has."""

    ids: np.ndarray
    attention_mask: np.ndarray  # 1 at real tokens, 0 at padding
    segments: np.ndarray


# The id of a piece, the characters [start, end) that it stands for, and the index of its word.
LocatedPiece = tuple[int, tuple[int, int], int]


def joined(
    parts: Sequence[Sequence[LocatedPiece]], cls_id: int, sep_id: int, max_length: int | None
) -> Encoding:
    """[CLS] text [SEP], or [CLS] text [SEP] text [SEP], cut to ``max_length``."""
    encoding = Encoding([cls_id], [0], [(0, 0)], [None])
    lengths = lengths_that_fit([len(p) for p in parts], max_length)
    for segment, (part, keep) in enumerate(zip(parts, lengths, strict=True)):
        for token, span, word_id in part[:keep]:
            encoding.ids.append(token)
            encoding.offsets.append(span)
            encoding.word_ids.append(word_id)
        encoding.ids.append(sep_id)
        encoding.offsets.append((0, 0))
        encoding.word_ids.append(None)
        encoding.segments.extend([segment] * (len(encoding.ids) - len(encoding.segments)))
    return encoding


def lengths_that_fit(lengths: Sequence[int], max_length: int | None) -> list[int]:
    """How much to keep of one text, or of a pair: the longer one is cut first, then both.

    ``max_length`` counts [CLS] and the [SEP] after each text too. Of a pair that is cut on both
    sides, the longer text keeps the odd token.

    >>> lengths_that_fit([10, 3], max_length=12)
    [6, 3]
    >>> lengths_that_fit([10, 30], max_length=12)
    [4, 5]

    Raises:
        ValueError: there is no room for [CLS] and [SEP].
    """
    if max_length is None:
        return list(lengths)
    room = max_length - 1 - len(lengths)
    if room < 0:
        raise ValueError(
            f"max_length {max_length} has no room for [CLS] and [SEP]: "
            f"it must be at least {1 + len(lengths)}"
        )
    if len(lengths) == 1:
        return [min(lengths[0], room)]
    short, long = sorted(lengths)
    if short + long > room:
        short = min(short, room // 2)
        long = room - short
    return [short, long] if lengths[0] <= lengths[1] else [long, short]


def padded(encodings: Sequence[Encoding], pad_id: int, length: int | None = None) -> Batch:
    """Encodings as one batch (B, T), padded on the right to ``length`` or to the longest.

    Raises:
        ValueError: there is no encoding, or one is longer than ``length``.
    """
    if not encodings:
        raise ValueError("cannot pad an empty batch: give at least one encoding")
    longest = max(len(e.ids) for e in encodings)
    if length is not None and longest > length:
        raise ValueError(
            f"an encoding has {longest} ids, more than {length}: encode with max_length={length}"
        )
    shape = (len(encodings), length or longest)
    ids = np.full(shape, pad_id, np.int64)
    attention_mask, segments = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, encoding in enumerate(encodings):
        end = len(encoding.ids)
        ids[row, :end] = encoding.ids
        attention_mask[row, :end] = 1
        segments[row, :end] = encoding.segments
    return Batch(ids, attention_mask, segments)


def readable(tokens: Iterable[str]) -> str:
    """The pieces as text, with no space before ``. , ! ?``.

    >>> readable(["un", "##able", "to", "go", "."])
    'unable to go.'
    """
    text: list[str] = []
    for token in tokens:
        if not text:
            text.append(token)
        elif token.startswith("##"):
            text.append(token.removeprefix("##"))
        else:
            text.append(token if token[0] in ".,!?" else f" {token}")
    return "".join(text)
