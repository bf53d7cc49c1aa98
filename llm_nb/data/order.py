"""In which order rows of unequal length are read, and how much padding that costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Order:
    """The rows of batch n, from 0 on, epoch after epoch; each epoch reads every row once.

    The order is a function of the seed and of n alone. With a ``pool`` over 1, so many batches of
    the shuffled epoch are sorted by length before they are cut, and then shuffled: the rows of a
    batch are then of nearly one length, and little of it is padding, while the batches still come
    in random order (the buckets of Vaswani et al. 2017, section 5.1, without fixed borders).

    Args:
        lengths: (N,) of each row, in tokens.
        batch_size: rows of a batch; the last of an epoch may have fewer.

    Raises:
        ValueError: there is no row, or a size is below 1.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int = 0, pool: int = 1):
        if not len(lengths):
            raise ValueError("there are no rows to batch: give at least one")
        if batch_size < 1 or pool < 1:
            raise ValueError(f"batch_size {batch_size} and pool {pool} must be at least 1")
        self.lengths = np.asarray(lengths, np.int64)
        self.batch_size, self.seed, self.pool = batch_size, seed, pool
        self.per_epoch = -(-len(self.lengths) // batch_size)  # batches
        self._epoch: tuple[int, list[Indices]] = (-1, [])

    def __getitem__(self, n: int) -> Indices:
        """The numbers of the rows of batch n, (B,)."""
        epoch, at = divmod(n, self.per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._batches(epoch))
        return self._epoch[1][at]

    def _batches(self, epoch: int) -> list[Indices]:
        generator = np.random.default_rng((self.seed, epoch))
        order = generator.permutation(len(self.lengths))
        if self.pool > 1:
            size = self.pool * self.batch_size
            pools = [order[start : start + size] for start in range(0, len(order), size)]
            order = np.concatenate([p[np.argsort(self.lengths[p], kind="stable")] for p in pools])
        starts = range(0, len(order), self.batch_size)
        batches = [order[start : start + self.batch_size] for start in starts]
        if self.pool > 1:
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches

    def padding_share(self) -> float:
        """The share of padding among all places of the first epoch's batches."""
        places = sum(
            len(rows) * int(self.lengths[rows].max())
            for rows in (self[n] for n in range(self.per_epoch))
        )
        return 1 - int(self.lengths.sum()) / places if places else 0.0
