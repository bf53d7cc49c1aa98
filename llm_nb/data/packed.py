"""Whole documents side by side in one row, none of which sees another.

``batches.token_stream`` joins documents and ``RandomWindows`` cuts anywhere: simple, but a window
then begins in the middle of one text and looks back into another. Here a document stays whole where
it fits, several share a row, and their numbers keep attention inside each.

BERT needs none of this: a document is a row of ``padding.LabelledEncodings`` or
``pretraining.MaskedTexts``, and the model itself packs the real tokens of a batch.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from llm_nb.data.batches import IGNORE
from llm_nb.data.feeds import fingerprint
from llm_nb.data.order import Order


class PackedBatch(NamedTuple):
    """Rows of several documents each, as ``GPT2.loss`` takes them.

    A token may see those of its own document alone, and positions count from each one's start.
    """

    ids: Tensor  # (B, T), 0 at padding
    targets: Tensor  # (B, T), −100 at padding and at the last token of a document
    documents: Tensor  # (B, T), 1, 2, … in each row, 0 at padding


class PackedDocuments:
    """Batches of packed documents, a source for ``Feed``.

    A document longer than a row is cut, each piece beginning with the last token of the one
    before, so that every token but a document's first is a target exactly once. Pieces go, the
    longest first, into the fullest row that still has room (best fit; Ding et al. 2024, "Fewer
    truncations improve language modeling", section 2.2).

    Args:
        documents: the token ids of each, its end-of-text token included where it has one.
        context: T.
        batch_size: B; the last batch of an epoch may have fewer rows.

    Raises:
        ValueError: no document has two tokens, or a size is below 1.
    """

    def __init__(
        self, documents: Sequence[Sequence[int]], context: int, batch_size: int, seed: int = 0
    ) -> None:
        if context < 1:
            raise ValueError(f"context {context} must be at least 1")
        pieces = [
            np.asarray(document[start : start + context + 1], np.int64)
            for document in documents
            for start in range(0, max(len(document) - 1, 0), context)
        ]
        if not pieces:
            raise ValueError("no document has two tokens, one to read and one to predict")
        self.rows = _best_fit(pieces, context)
        self.context = context
        self.order = Order([context] * len(self.rows), batch_size, seed)
        whole = np.concatenate([np.append(piece, -1) for row in self.rows for piece in row])
        self.fingerprint = fingerprint(whole, "packed", context, batch_size, seed)

    def __getitem__(self, n: int) -> PackedBatch:
        rows = self.order[n]
        ids = torch.zeros(len(rows), self.context, dtype=torch.long)
        targets, numbers = torch.full_like(ids, IGNORE), torch.zeros_like(ids)
        for b, row in enumerate(rows):
            start = 0
            for number, piece in enumerate(self.rows[row], 1):
                end = start + len(piece) - 1
                tokens = torch.from_numpy(piece)
                ids[b, start:end], targets[b, start:end] = tokens[:-1], tokens[1:]
                numbers[b, start:end] = number
                start = end
        return PackedBatch(ids, targets, numbers)

    def padding_share(self) -> float:
        """The share of places that no document fills."""
        used = sum(len(piece) - 1 for row in self.rows for piece in row)
        return 1 - used / (len(self.rows) * self.context)


def _best_fit(pieces: list[np.ndarray], context: int) -> list[list[np.ndarray]]:
    """Pieces of n + 1 tokens, which take n places, in rows of ``context`` places."""
    rows: list[list[np.ndarray]] = []
    free: list[tuple[int, int]] = []  # (places left, row), sorted
    for piece in sorted(pieces, key=len, reverse=True):  # stable: equal ones keep their order
        need = len(piece) - 1
        at = bisect_left(free, (need, -1))
        left, row = free.pop(at) if at < len(free) else (context, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(piece)
        if left > need:
            insort(free, (left - need, row))
    return rows
