"""Passages that nearly repeat another: found exactly, in seconds for megabytes.

Two passages are alike by the Jaccard similarity of their shingles, the runs of ``SHINGLE`` tokens
in them (Broder 1997). The standard library has 100 million pairs of a training and a validation
paragraph. But if the shingles of all passages are put in one order, the rarest first, then two sets
of similarity t or more must share one of their first n − ⌈tn⌉ + 1 shingles (Bayardo, Ma & Srikant
2007, "Scaling up all pairs similarity search", section 4), so that only pairs which do are
compared. Nothing is estimated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5  # tokens
THRESHOLD = 0.7

_TOKENS = re.compile(r"[\u3400-\u9fff]|\w+|[^\w\s]")  # each Chinese character is a token
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, hence one-to-one modulo 2^64

Keys = NDArray[np.uint64]


class Match(NamedTuple):
    """The most similar known passage: its number, and the similarity from 0 to 1."""

    known: int
    similarity: float


def near_duplicates(
    texts: Sequence[str], known: Sequence[str], threshold: float = THRESHOLD
) -> list[Match | None]:
    """For each of ``texts``, the passage of ``known`` that it nearly repeats, or None.

    A passage of fewer tokens than a shingle is one shingle, so it must be repeated whole.

    Raises:
        ValueError: the threshold is not in (0, 1].

    >>> near_duplicates(["a b c d e f g h"], ["a b c d e f g z"], 0.5)
    [Match(known=0, similarity=0.6)]
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold}: it must be over 0 and at most 1")
    sets = _ordered_shingles([*texts, *known])
    ours, theirs = sets[: len(texts)], sets[len(texts) :]
    heads = [_head(shingles, threshold) for shingles in theirs]
    sizes = [len(head) for head in heads]
    keys = np.concatenate(heads) if heads else np.zeros(0, np.int64)
    owners = np.repeat(np.arange(len(heads)), sizes)
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    found: list[Match | None] = []
    for shingles in ours:
        head = _head(shingles, threshold)
        starts, ends = (np.searchsorted(keys, head, side) for side in ("left", "right"))
        candidates = {int(i) for a, b in zip(starts, ends, strict=True) for i in owners[a:b]}
        found.append(_best(shingles, theirs, candidates, threshold))
    return found


def _best(
    shingles: NDArray[np.int64],
    theirs: list[NDArray[np.int64]],
    candidates: set[int],
    threshold: float,
) -> Match | None:
    best, n = None, len(shingles)
    for i in sorted(candidates):
        m = len(theirs[i])
        if min(n, m) < threshold * max(n, m):
            continue  # no overlap could reach the threshold
        shared = len(np.intersect1d(shingles, theirs[i], assume_unique=True))
        similarity = shared / (n + m - shared)
        if similarity >= threshold and (best is None or similarity > best.similarity):
            best = Match(i, similarity)
    return best


def _head(shingles: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """The rarest shingles, one of which every similar set must have among its own rarest."""
    n = len(shingles)
    # The guard against rounding up too far: 0.7 · 10 is 7.000000000000001 in floats.
    return shingles[: n - math.ceil(threshold * n - 1e-9) + 1] if n else shingles


def _ordered_shingles(texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """The set of shingles of each text, numbered so that a rarer one has a smaller number."""
    numbers: dict[str, int] = {}
    per_text = [
        np.array([numbers.setdefault(t, len(numbers)) for t in _TOKENS.findall(text)], np.uint64)
        for text in texts
    ]
    keys = [np.unique(_shingles(tokens)) for tokens in per_text]
    flat = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
    _, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    ends = np.cumsum([len(k) for k in keys])[:-1]
    return [np.sort(part) for part in np.split(rank[inverse], ends)]


def _shingles(tokens: Keys) -> Keys:
    """A number for each run of SHINGLE tokens; different runs differ but for chance of 2⁻⁶⁴."""
    width = min(SHINGLE, len(tokens))
    tokens = _mixed(tokens + np.uint64(1))
    keys = np.full(len(tokens) - width + 1 if width else 0, width, np.uint64)
    for i in range(width):
        keys = _mixed(keys ^ tokens[i : i + len(keys)])
    return keys


def _mixed(x: Keys) -> Keys:
    """Each number as another, one to one, in which every bit of it counts."""
    x = x * _FACTOR
    x = (x ^ (x >> np.uint64(32))) * _FACTOR
    return x ^ (x >> np.uint64(29))
