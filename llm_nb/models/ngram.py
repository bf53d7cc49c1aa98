"""n-gram models: counting, and three ways of giving what was never seen its share.

``KneserNey`` is counting done well (Kneser & Ney 1995; the interpolated form and its discount
follow Chen & Goodman 1999, section 2.7). ``AbsoluteDiscount`` (Ney, Essen & Kneser 1994) differs
from it in one thing, what the shorter contexts count; ``AddK``, which adds to every count, is the
oldest and the weakest. An n-gram of ids is packed into one 64-bit integer, so that counting is
sorting and looking up is binary search, in NumPy, for millions of symbols in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Level:
    """Counts of one order k: of the k-grams, and summed over each (k-1)-symbol history."""

    grams: Keys  # (G,) sorted
    counts: Floats  # (G,)
    histories: Keys  # (H,) sorted
    totals: Floats  # (H,) sum of counts over the next symbol
    kinds: Floats  # (H,) number of different next symbols
    discount: float

    def look_up(self, keys: Keys, histories: Keys) -> tuple[Floats, Floats, Floats]:
        """c(hw), c(h·) and N(h·) of each k-gram hw and its history h; 0 where never seen."""
        at = np.minimum(np.searchsorted(self.histories, histories), len(self.histories) - 1)
        seen = self.histories[at] == histories
        totals = np.where(seen, self.totals[at], 0.0)
        kinds = np.where(seen, self.kinds[at], 0.0)
        at = np.minimum(np.searchsorted(self.grams, keys), len(self.grams) - 1)
        return np.where(self.grams[at] == keys, self.counts[at], 0.0), totals, kinds


class NGram:
    """What the three models below share: packing, scoring and drawing; not a model by itself."""

    def __init__(self, order: int, vocab_size: int) -> None:
        bits = max(1, (vocab_size - 1).bit_length())
        if order < 1 or order * bits > 64:
            raise ValueError(
                f"order {order} over {vocab_size} symbols needs {order * bits} bits a gram: "
                f"use an order from 1 to {64 // bits}"
            )
        self.order, self.vocab_size = order, vocab_size
        self._bits = np.uint64(bits)
        self._levels: list[_Level] = []

    def log2_probs(self, ids: ArrayLike) -> Floats:
        """log2 P(symbol | the order-1 symbols before it), shape (N,); the first have less context.

        −∞ where P is 0, as it can be with a discount of 0.
        """
        stream = self._checked(ids)
        probs = np.full(len(stream), 1.0 / self.vocab_size)
        for k in range(1, self.order + 1):
            keys = self._packed(stream, k)[k - 1 :]
            probs[k - 1 :] = self._step(k, keys, probs[k - 1 :])
        with np.errstate(divide="ignore"):
            return np.log2(probs)

    def next_probs(self, context: ArrayLike) -> Floats:
        """P(next symbol | context), shape (vocab_size,); summing to 1."""
        history = self._checked(context)
        symbols = np.arange(self.vocab_size, dtype=np.uint64)
        probs = np.full(self.vocab_size, 1.0 / self.vocab_size)
        for k in range(1, min(self.order, len(history) + 1) + 1):
            key = np.uint64(0)
            for symbol in history[len(history) - (k - 1) :]:
                key = key << self._bits | symbol
            probs = self._step(k, key << self._bits | symbols, probs)
        return probs

    def sample(self, context: ArrayLike, n_new: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """``context`` and ``n_new`` symbols drawn after it, shape (T + n_new,)."""
        ids = [int(i) for i in np.asarray(context)]
        for _ in range(n_new):
            probs = self.next_probs(ids[-self.order :])
            ids.append(int(rng.choice(self.vocab_size, p=probs / probs.sum())))
        return np.asarray(ids)

    def _step(self, k: int, keys: Keys, lower: Floats) -> Floats:
        """P_k of the k-grams ``keys``, given P_{k-1} of the same symbols."""
        if not self._levels:
            raise ValueError("this model has counted nothing yet: call fit first")
        level = self._levels[k - 1]
        return self._share(level, *level.look_up(keys, keys >> self._bits), lower)

    def _share(
        self, level: _Level, counts: Floats, totals: Floats, kinds: Floats, lower: Floats
    ) -> Floats:
        """What is left of each count, and what was taken away shared out as the lower order says."""
        seen = totals > 0
        safe = np.where(seen, totals, 1.0)
        spread = np.where(seen, level.discount * kinds / safe, 1.0)
        return np.maximum(counts - level.discount, 0.0) / safe + spread * lower

    def _long_enough(self, ids: ArrayLike) -> Keys:
        stream = self._checked(ids)
        if len(stream) <= self.order:
            raise ValueError(
                f"{len(stream)} symbols are too few for order {self.order}: give a longer text"
            )
        return stream

    def _occurrences(self, stream: Keys, k: int) -> tuple[Keys, NDArray[np.int64]]:
        """The different k-grams of a stream, sorted, and how often each occurs."""
        return np.unique(self._packed(stream, k)[k - 1 :], return_counts=True)

    def _plain(self, ids: ArrayLike) -> list[_Level]:
        """The levels where a k-gram of every order counts how often it occurs."""
        stream = self._long_enough(ids)
        return [self._level(*self._occurrences(stream, k)) for k in range(1, self.order + 1)]

    def _level(self, grams: Keys, counts: NDArray[np.int64]) -> _Level:
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        discount = once / (once + 2 * twice) if once and twice else 0.5
        of_gram = grams >> self._bits  # sorted, since grams are
        histories, starts, kinds = np.unique(of_gram, return_index=True, return_counts=True)
        weights = counts.astype(np.float64)
        totals = np.add.reduceat(weights, starts)
        return _Level(grams, weights, histories, totals, kinds.astype(np.float64), discount)

    def _packed(self, stream: Keys, k: int) -> Keys:
        """The k-gram that ends at each position; the first k-1 entries are incomplete."""
        keys = stream.copy()
        for back in range(1, k):
            keys[back:] |= stream[:-back] << np.uint64(back * int(self._bits))
        return keys

    def _checked(self, ids: ArrayLike) -> Keys:
        stream = np.asarray(ids)
        if stream.size and (stream.min() < 0 or stream.max() >= self.vocab_size):
            raise ValueError(
                f"ids run from {stream.min()} to {stream.max()}, but this model knows 0 to {self.vocab_size - 1}"
            )
        return stream.astype(np.uint64)


class Discounting(NGram):
    """Every count pays a discount; the two models below count differently."""

    def __init__(
        self, order: int, vocab_size: int, discounts: Sequence[float] | None = None
    ) -> None:
        super().__init__(order, vocab_size)
        if discounts is not None and (
            len(discounts) != order or not all(0 <= d <= 1 for d in discounts)
        ):
            raise ValueError(
                f"discounts are {list(discounts)}: "
                f"give {order} numbers from 0 to 1, that of order 1 first"
            )
        self._discounts = discounts

    def _paying(self, levels: list[_Level]) -> list[_Level]:
        """The levels with the discounts that were given, if any were."""
        if self._discounts is None:
            return levels
        pairs = zip(levels, self._discounts, strict=True)
        return [replace(level, discount=d) for level, d in pairs]


class KneserNey(Discounting):
    """An n-gram language model over ids ``0 … vocab_size - 1``.

    P_k(w | h) = max(c(hw) - D_k, 0) / c(h·)  +  D_k N(h·) / c(h·) · P_{k-1}(w | h')

    where h' is h without its first symbol, N(h·) counts the different symbols seen after h,
    and below the highest order c(hw) is the number of different symbols seen *before* hw.
    Under P_1 lies the uniform distribution. Every distribution sums to one, and no symbol has
    probability zero unless a discount is 0 and nothing is handed out.

    Args:
        discounts: D_1 to D_order, each from 0 to 1; left out, each is n₁ / (n₁ + 2 n₂), from the
            numbers of k-grams that count 1 and 2.
    """

    def fit(self, ids: ArrayLike) -> KneserNey:
        """Count the stream ``ids`` of shape (N,); N must exceed the order."""
        stream = self._long_enough(ids)
        grams, counts = self._occurrences(stream, self.order)
        levels = [self._level(grams, counts)]
        for k in range(self.order - 1, 0, -1):
            # The different (k+1)-grams, each without its first symbol: how often a k-gram
            # appears here is the number of different symbols that precede it.
            shorter = grams & np.uint64((1 << (k * int(self._bits))) - 1)
            grams, counts = np.unique(shorter, return_counts=True)
            levels.append(self._level(grams, counts))
        self._levels = self._paying(levels[::-1])
        return self


class AbsoluteDiscount(Discounting):
    """The same recursion over plain counts.

    P_k(w | h) = max(c(hw) - D_k, 0) / c(h·)  +  D_k N(h·) / c(h·) · P_{k-1}(w | h')

    with c(hw), in every order, how often hw occurs. ``discounts`` as for ``KneserNey``.
    """

    def fit(self, ids: ArrayLike) -> AbsoluteDiscount:
        """Count the stream ``ids`` of shape (N,); N must exceed the order."""
        self._levels = self._paying(self._plain(ids))
        return self


class AddK(NGram):
    """P(w | h) = (c(hw) + k) / (c(h·) + k V), h being the order-1 symbols before w.

    No shorter context helps: after a history that was never seen every symbol is equally likely.
    Only where a text begins is the history shorter.

    Args:
        k: added to every count, over 0. k = 1 is Laplace's rule; towards 0 it becomes the
            maximum-likelihood estimate.
    """

    def __init__(self, order: int, vocab_size: int, k: float = 1.0) -> None:
        super().__init__(order, vocab_size)
        if not k > 0:
            raise ValueError(f"k is {k}: it must be over 0, or unseen n-grams have no probability")
        self.k = k

    def fit(self, ids: ArrayLike) -> AddK:
        """Count the stream ``ids`` of shape (N,); N must exceed the order."""
        self._levels = self._plain(ids)
        return self

    def _share(
        self, level: _Level, counts: Floats, totals: Floats, kinds: Floats, lower: Floats
    ) -> Floats:
        return (counts + self.k) / (totals + self.k * self.vocab_size)
