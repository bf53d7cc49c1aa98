"""Rows of unequal length as padded batches with masks and labels: sources for ``Feed``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from llm_nb.data.batches import IGNORE
from llm_nb.data.feeds import fingerprint
from llm_nb.data.order import Order
from llm_nb.text.wordpiece_encoding import Encoding, padded

# A class, a label for each token, or the places where a span starts and ends.
Label = int | Sequence[int]


class TextBatch(NamedTuple):
    """What the heads of ``models.bert_heads`` take."""

    ids: Tensor  # (B, T)
    labels: Tensor  # (B,) classes, (B, T) of tokens with −100 at padding, or (B, 2) spans
    attention_mask: Tensor  # (B, T), 1 at real tokens
    segments: Tensor  # (B, T)


class LabelledEncodings:
    """Batches of encoded texts with their labels.

    Args:
        encodings: of each row, as a tokenizer gives them.
        labels: of each row: a class; or, with ``per_token``, a label a token (``align_tags``); or
            two places (``Window.answer``).
        per_token: the labels are padded like the ids.
        pool: batches that are sorted by length at a time; 1: none (see ``Order``).

    Raises:
        ValueError: the numbers of encodings and labels differ, or labels have the wrong length.
    """

    def __init__(
        self,
        encodings: Sequence[Encoding],
        labels: Sequence[Label],
        pad_id: int,
        batch_size: int,
        seed: int = 0,
        *,
        per_token: bool = False,
        pool: int = 1,
    ) -> None:
        if len(encodings) != len(labels):
            raise ValueError(f"there are {len(encodings)} encodings and {len(labels)} labels")
        lengths = [len(encoding.ids) for encoding in encodings]
        for row, label in enumerate(labels):
            wanted = lengths[row] if per_token else 2
            if (per_token or not isinstance(label, int)) and (
                isinstance(label, int) or len(label) != wanted
            ):
                raise ValueError(
                    f"the label of row {row} is {str(label)[:60]}: give "
                    + ("one a token" if per_token else "a class, or the two places of a span")
                )
        self.encodings, self.labels = encodings, labels
        self.pad_id, self.per_token = pad_id, per_token
        self.order = Order(lengths, batch_size, seed, pool)
        whole = np.concatenate(
            [
                np.append(e.ids, np.append(-1, label))
                for e, label in zip(encodings, labels, strict=True)
            ]
        )
        settings = ("labelled", pad_id, batch_size, seed, per_token, pool)
        self.fingerprint = fingerprint(whole, *settings)

    def __getitem__(self, n: int) -> TextBatch:
        rows = self.order[n]
        batch = padded([self.encodings[row] for row in rows], self.pad_id)
        ids, mask, segments = (torch.from_numpy(part) for part in batch)
        if self.per_token:
            labels = torch.full_like(ids, IGNORE)
            for b, row in enumerate(rows):
                found = torch.as_tensor(self.labels[row])
                labels[b, : len(found)] = found
        else:
            labels = torch.tensor([self.labels[row] for row in rows])
        return TextBatch(ids, labels, mask, segments)


class SequencePairs:
    """Batches (source (B, S), target (B, T + 1)) for ``Transformer.loss``, padded with one id.

    Args:
        sources, targets: ids of each row; a target holds its begin and end tokens.
        pool: as in ``LabelledEncodings``; lengths are those of source and target together.

    Raises:
        ValueError: the numbers differ, or a row is empty or has the id of padding in it.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        pad_id: int,
        batch_size: int,
        seed: int = 0,
        *,
        pool: int = 1,
    ) -> None:
        if len(sources) != len(targets):
            raise ValueError(f"there are {len(sources)} sources and {len(targets)} targets")
        for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
            if len(source) < 1 or len(target) < 2:
                raise ValueError(
                    f"row {row} has {len(source)} source and {len(target)} target ids: a target "
                    "needs its begin token and one more"
                )
            if pad_id in source or pad_id in target:
                raise ValueError(f"row {row} holds {pad_id}, the id of padding: choose another")
        self.sources, self.targets, self.pad_id = sources, targets, pad_id
        lengths = [len(s) + len(t) for s, t in zip(sources, targets, strict=True)]
        self.order = Order(lengths, batch_size, seed, pool)
        pairs = zip(sources, targets, strict=True)
        whole = np.concatenate([np.concatenate([s, [-1], t, [-1]]) for s, t in pairs]).astype(
            np.int32
        )
        self.fingerprint = fingerprint(whole, "pairs", pad_id, batch_size, seed, pool)

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        rows = self.order[n]
        source, target = (
            pad([side[row] for row in rows], self.pad_id) for side in (self.sources, self.targets)
        )
        return source, target


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """Rows of ids as one (B, T), padded on the right.

    >>> pad([[5, 6], [7]], 0).tolist()
    [[5, 6], [7, 0]]
    """
    padded_rows = torch.full((len(rows), max(map(len, rows))), pad_id)
    for b, row in enumerate(rows):
        padded_rows[b, : len(row)] = torch.as_tensor(row)
    return padded_rows
