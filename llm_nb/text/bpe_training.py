"""Learning byte-pair merges with incremental updates.

Recounting every pair after each merge costs (merges × text). Instead each distinct word is
kept once with its count, every pair knows the words that hold it, and a merge touches only
those (the optimisation named in Sennrich et al. 2016, section 3.2).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence

Pair = tuple[int, int]


def merge_pair(ids: Sequence[int], pair: Pair, new: int) -> list[int]:
    """``ids`` with every ``pair`` replaced by ``new``, from left to right.

    >>> merge_pair([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    out, i, last = [], 0, len(ids) - 1
    left, right = pair
    while i <= last:
        if ids[i] == left and i < last and ids[i + 1] == right:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


def learn_merges(word_counts: Mapping[tuple[int, ...], int], n_merges: int) -> list[Pair]:
    """The ``n_merges`` most frequent pairs, one after the other, as pairs of ids.

    Args:
        word_counts: each distinct pre-token as ids in 0–255, and how often it occurs.
        n_merges: how many merges to learn; merge ``i`` makes the id ``256 + i``. Fewer are
            returned when every word has become a single token.

    Equal counts go to the smaller pair, so the result depends on the counts alone.
    """
    words = [list(word) for word in word_counts]
    counts = list(word_counts.values())
    pair_counts: defaultdict[Pair, int] = defaultdict(int)
    holders: defaultdict[Pair, set[int]] = defaultdict(set)  # pair -> indices of words
    for index, word in enumerate(words):
        for pair in zip(word, word[1:], strict=False):
            pair_counts[pair] += counts[index]
            holders[pair].add(index)

    # Counts in the heap can be stale; an entry is believed only if it is still the count.
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < n_merges:
        negative, pair = heapq.heappop(heap)
        if pair_counts[pair] != -negative:
            if pair_counts[pair] > 0:
                heapq.heappush(heap, (-pair_counts[pair], pair))
            continue
        new = 256 + len(merges)
        merges.append(pair)
        changed: set[Pair] = set()
        for index in holders.pop(pair):
            old, count = words[index], counts[index]
            merged = merge_pair(old, pair, new)
            words[index] = merged
            for neighbour in zip(old, old[1:], strict=False):
                pair_counts[neighbour] -= count
            for neighbour in zip(merged, merged[1:], strict=False):
                pair_counts[neighbour] += count
                if new in neighbour:
                    holders[neighbour].add(index)
                    changed.add(neighbour)
        del pair_counts[pair]
        for neighbour in changed:
            heapq.heappush(heap, (-pair_counts[neighbour], neighbour))
    return merges
