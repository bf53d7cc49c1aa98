"""Arithmetic coding: any model of the next symbol turned into a compressor.

Witten, Neal & Cleary 1987, with 32-bit ends and carry-free output. The coder knows nothing of the
model: it asks for P(next | what came before) at each symbol, and the decoder asks the same
questions and gets the same answers. A text costs −Σ log2 P bits, plus a few bits at its end and
a little for rounding probabilities to whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Predict = Callable[[Sequence[int]], ArrayLike]

_TOP = (1 << 32) - 1
_HALF, _QUARTER = 1 << 31, 1 << 30
_TOTAL = 1 << 24  # what the whole-number shares of one position sum to, below the quarter


def encode(ids: Sequence[int], predict: Predict) -> bytes:
    """``ids`` as bytes, about −Σ log2 P / 8 of them.

    Args:
        predict: the symbols so far (a list, empty at first) → the probabilities of the next one,
            (V,) and summing to 1. It must answer the decoder as it answers here, bit for bit.

    Raises:
        ValueError: an id that the model does not know, or probabilities that are none.
    """
    low, high, waiting = 0, _TOP, 0
    bits: list[int] = []

    def put(bit: int) -> None:
        nonlocal waiting
        bits.append(bit)
        bits.extend([1 - bit] * waiting)
        waiting = 0

    before: list[int] = []
    for symbol in ids:
        ends = _ends(predict(before))
        if not 0 <= symbol < len(ends) - 1:
            raise ValueError(f"id {symbol} is unknown to a model of {len(ends) - 1} symbols")
        low, high = _narrow(low, high, ends, symbol)
        while True:
            if high < _HALF:
                put(0)
            elif low >= _HALF:
                put(1)
                low, high = low - _HALF, high - _HALF
            elif low >= _QUARTER and high < 3 * _QUARTER:
                # Around the middle: the next bit is not known yet, but the one after it is its
                # opposite.
                waiting += 1
                low, high = low - _QUARTER, high - _QUARTER
            else:
                break
            low, high = 2 * low, 2 * high + 1
        before.append(int(symbol))
    waiting += 1  # two more bits name a quarter that lies within the interval
    put(0 if low < _QUARTER else 1)
    return np.packbits(np.array(bits, dtype=np.uint8)).tobytes()


def decode(data: bytes, n: int, predict: Predict) -> list[int]:
    """The ``n`` symbols that ``encode`` made ``data`` of, with the same ``predict``.

    A wrong ``n``, other data or another model give other symbols, not an error: an arithmetic
    code has no gaps in which a mistake could show.
    """
    if n < 0:
        raise ValueError(f"n is {n}: a text has 0 symbols or more")
    bits = iter(np.unpackbits(np.frombuffer(data, dtype=np.uint8)).tolist())
    low, high, value = 0, _TOP, 0
    for _ in range(32):
        value = value << 1 | next(bits, 0)
    ids: list[int] = []
    for _ in range(n):
        ends = _ends(predict(ids))
        share = ((value - low + 1) * _TOTAL - 1) // (high - low + 1)
        symbol = int(np.searchsorted(ends, share, side="right")) - 1
        low, high = _narrow(low, high, ends, symbol)
        while True:
            if high < _HALF:
                shift = 0
            elif low >= _HALF:
                shift = _HALF
            elif low >= _QUARTER and high < 3 * _QUARTER:
                shift = _QUARTER
            else:
                break
            low, high, value = low - shift, high - shift, value - shift
            low, high, value = 2 * low, 2 * high + 1, value << 1 | next(bits, 0)
        ids.append(symbol)
    return ids


def _narrow(low: int, high: int, ends: NDArray[np.int64], symbol: int) -> tuple[int, int]:
    """The part of [low, high] that belongs to a symbol."""
    width = high - low + 1
    return (
        low + width * int(ends[symbol]) // _TOTAL,
        low + width * int(ends[symbol + 1]) // _TOTAL - 1,
    )


def _ends(probs: ArrayLike) -> NDArray[np.int64]:
    """Probabilities (V,) as whole-number ends (V + 1,) from 0 to ``_TOTAL``, none of them empty."""
    p = np.asarray(probs, dtype=np.float64)
    if p.ndim != 1 or not 0 < len(p) <= _TOTAL // 2:
        raise ValueError(
            f"the probabilities have shape {p.shape}: give (V,), V from 1 to {_TOTAL // 2}"
        )
    if len(wrong := np.flatnonzero(~(np.isfinite(p) & (p >= 0)))):
        symbol = int(wrong[0])
        raise ValueError(
            f"the probability of symbol {symbol} is {p[symbol]}: it must be a number, 0 or over"
        )
    if abs(p.sum() - 1) > 1e-6:
        raise ValueError(f"the probabilities sum to {p.sum():.6g}: they must sum to 1")
    spare = _TOTAL - len(p)  # one share each is kept for every symbol, however improbable
    below = np.minimum(np.cumsum(p)[:-1], 1.0)
    inner = np.floor(below * spare).astype(np.int64) + np.arange(1, len(p))
    return np.concatenate([[0], inner, [_TOTAL]])
