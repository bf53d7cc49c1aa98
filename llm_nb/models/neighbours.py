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


class Neighbours:
    """P(word | left, right) = (c(l, w, r) + u · P(word | left)) / (c(l, r) + u), where c are counts
    and u is how many different words stood between l and r; P(word | left) likewise.

    Every triple has its own number, so that V may be some hundreds.

    >>> model = Neighbours(5).fit([[2, 3, 4, 2, 3, 4]])
    >>> model.log_probs(torch.tensor([2]), torch.tensor([4])).argmax(-1).item()
    3
    """

    def __init__(self, vocab_size: int) -> None:
        if not 1 <= vocab_size <= 500:
            raise ValueError(f"vocab_size is {vocab_size}: it must be 1 to 500, for V³ counts")
        self.vocab_size = vocab_size
        self._counts = torch.zeros(vocab_size**3, dtype=torch.int32)  # c(l, r, w)

    def fit(self, rows: Iterable[Sequence[int]]) -> Neighbours:
        """Count the words of rows of ids; the first and last of a row are neighbours only."""
        V = self.vocab_size
        places = [
            (left * V + right) * V + word
            for row in rows
            for left, word, right in zip(row, row[1:], row[2:], strict=False)
        ]
        self._counts += torch.bincount(torch.tensor(places), minlength=V**3).int()
        counts = self._counts.view(V, V, V)
        total = counts.sum((0, 1)).double()  # (V,)
        self.word = (total + 1) / (total.sum() + V)  # (V,): a word never seen was seen once
        self._left = _mixed(counts.sum(1).double(), self.word)  # (V, V): [l, w]
        return self

    def log_probs(self, left: Tensor, right: Tensor) -> Tensor:
        """ln P of every word between neighbours of shape (M,): (M, V)."""
        counts = self._counts.view(self.vocab_size, self.vocab_size, -1)[left, right].double()
        return _mixed(counts, self._left[left]).log()


def _mixed(counts: Tensor, coarser: Tensor) -> Tensor:
    """Counts (M, V) as probabilities, the rest of each row shared out as ``coarser`` (M or 1, V)."""
    new = (counts > 0).sum(-1, keepdim=True)
    seen = counts.sum(-1, keepdim=True)
    mixed = (counts + new * coarser) / (seen + new).clamp(min=1)
    return torch.where(seen > 0, mixed, coarser)
