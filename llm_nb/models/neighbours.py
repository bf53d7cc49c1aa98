"""A hidden word guessed from the two words beside it, by counting: what BERT has to beat.

Where a pair of neighbours was seldom seen, the left one alone is asked, and then neither, after
Witten and Bell (1991, method C): the more different words have stood in a place, the more likely
a new one is.

V words of the vocabulary · l, r the neighbours
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

MOST = 300  # words; fit then needs 0.44 GB


class Neighbours:
    """P(word | left, right) = (c(l, w, r) + u · P(word | left)) / (c(l, r) + u), where c are counts
    and u is how many different words stood between l and r; P(word | left) likewise.

    Every triple has its own number, so that V may be some hundreds.

    >>> model = Neighbours(5).fit([[2, 3, 4, 2, 3, 4]])
    >>> model.log_probs(torch.tensor([2]), torch.tensor([4])).argmax(-1).item()
    3
    """

    def __init__(self, vocab_size: int) -> None:
        if not 1 <= vocab_size <= MOST:
            raise ValueError(f"vocab_size is {vocab_size}: it must be 1 to {MOST}, for V³ counts")
        self.vocab_size = vocab_size
        self._tables: tuple[Tensor, Tensor, Tensor] | None = None

    def fit(self, rows: Iterable[Sequence[int]]) -> Neighbours:
        """Count the words of rows of ids; the first and last of a row are neighbours only. What was
        counted before is forgotten.

        Raises:
            ValueError: an id outside the vocabulary, or no row has three.
        """
        V = self.vocab_size
        places = [
            (left * V + right) * V + word
            for row in map(self._checked, rows)
            for left, word, right in zip(row, row[1:], row[2:], strict=False)
        ]
        if not places:
            raise ValueError("no row has a word between two others: give rows of three ids or more")
        counts = torch.bincount(torch.tensor(places), minlength=V**3).view(V, V, V)  # c(l, r, w)
        total = counts.sum((0, 1)).double()  # (V,)
        word = (total + 1) / (total.sum() + V)  # a word never seen was seen once
        after = _mixed(counts.sum(1).double(), word)  # (V, V): [l, w]
        self._tables = counts, after, word
        return self

    @property
    def word(self) -> Tensor:
        """P of each word in any place, (V,)."""
        return self._fitted()[2]

    def log_probs(self, left: Tensor, right: Tensor) -> Tensor:
        """ln P of every word between neighbours of shape (M,): (M, V).

        Raises:
            ValueError: an id outside the vocabulary, or nothing was counted yet.
        """
        counts, after, _ = self._fitted()
        for ids in (left, right):
            self._checked(ids.tolist())
        return _mixed(counts[left, right].double(), after[left]).log()

    def _fitted(self) -> tuple[Tensor, Tensor, Tensor]:
        if self._tables is None:
            raise ValueError("this model has counted nothing yet: call fit first")
        return self._tables

    def _checked(self, ids: Sequence[int]) -> Sequence[int]:
        if len(ids) and not 0 <= min(ids) <= max(ids) < self.vocab_size:
            raise ValueError(
                f"ids run from {min(ids)} to {max(ids)}, but this model knows 0 to "
                f"{self.vocab_size - 1}"
            )
        return ids


def _mixed(counts: Tensor, coarser: Tensor) -> Tensor:
    """Counts (M, V) as probabilities, the rest of each row shared out as ``coarser`` (M or 1, V)."""
    new = (counts > 0).sum(-1, keepdim=True)
    seen = counts.sum(-1, keepdim=True)
    mixed = (counts + new * coarser) / (seen + new).clamp(min=1)
    return torch.where(seen > 0, mixed, coarser)
