"""Learning byte-pair merges, and applying them to long words, at the cost of what they touch.

Recounting every pair after each merge costs (merges × text). Instead each distinct word is
kept once with its count, every pair knows the places where it stands, and a merge changes the
counts of the pairs around those places and no others (the data structures that Sennrich et
al. 2016, section 3.2, name as what makes their method fast).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence

Pair = tuple[int, int]
Places = dict[int, list[int]]  # a neighbour's id -> places of the pairs with it, ascending

_EDGE = -1  # stands between words and where a token has been merged away: no pair has it


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


class TokenChain:
    """Words as one chain of tokens, each linked to its neighbours.

    A pair is named by the place of its left token. ``ids`` holds the token at every place, or
    -1 at a word's edge and where a token has been merged into the one before it.
    """

    def __init__(self, words: Sequence[Sequence[int]]) -> None:
        self.ids = [_EDGE]
        for word in words:
            self.ids += word
            self.ids.append(_EDGE)
        self._before = list(range(-1, len(self.ids) - 1))
        self._after = list(range(1, len(self.ids) + 1))

    def pairs(self) -> defaultdict[Pair, list[int]]:
        """The places of every pair of neighbours, ascending."""
        places: defaultdict[Pair, list[int]] = defaultdict(list)
        for place, pair in enumerate(zip(self.ids, self.ids[1:], strict=False)):
            places[pair].append(place)
        for pair in [pair for pair in places if _EDGE in pair]:
            del places[pair]
        return places

    def merge(self, places: Sequence[int], pair: Pair, new: int) -> tuple[Places, Places]:
        """Merge ``pair`` into ``new``; ``places`` are ascending, and some may no longer hold it.

        Returns the places of the pairs that came about: those of a left neighbour and ``new``,
        then those of ``new`` and a right neighbour. As ids are made in ascending order, no
        later merge adds places to the same pairs.
        """
        ids, before, after = self.ids, self._before, self._after
        left, right = pair
        lefts: Places = defaultdict(list)
        rights: Places = defaultdict(list)
        for place in places:
            gone = after[place]
            if ids[place] != left or ids[gone] != right:
                continue
            previous, following = before[place], after[gone]
            ids[place], ids[gone] = new, _EDGE
            after[place], before[following] = following, place
            lefts[ids[previous]].append(previous)
            rights[ids[following]].append(place)
        lefts.pop(_EDGE, None)
        rights.pop(_EDGE, None)
        return lefts, rights


def learn_merges(word_counts: Mapping[bytes, int], n_merges: int) -> list[Pair]:
    """The ``n_merges`` most frequent pairs, one after the other, as pairs of ids.

    Args:
        word_counts: each distinct pre-token, a byte for each of its ids, which are all under
            256, and how often it occurs.
        n_merges: how many merges to learn; merge ``i`` makes the id ``256 + i``. Fewer are
            returned when every word has become a single token.

    Equal counts go to the smaller pair, so the result depends on the counts alone.

    >>> learn_merges({b"aab": 2, b"ab": 1}, 2)  # "ab" three times, then "a" before it twice
    [(97, 98), (97, 256)]
    """
    chain = TokenChain(list(word_counts))
    weights = [0]  # at every place, how often its word occurs
    for word, count in word_counts.items():
        weights += [count] * (len(word) + 1)
    weight = weights.__getitem__
    places: dict[Pair, list[int]] = chain.pairs()
    counts = {pair: sum(map(weight, where)) for pair, where in places.items()}

    # Counts in the heap can be stale; an entry is believed only if it is still the count.
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < n_merges:
        negative, pair = heapq.heappop(heap)
        if counts[pair] != -negative:
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        left, right = pair
        new = 256 + len(merges)
        merges.append(pair)
        lefts, rights = chain.merge(places.pop(pair), pair, new)
        # Where "x left right y" has become "x new y", two pairs are new and two are gone.
        made = [((new, y), (right, y), where) for y, where in rights.items()]
        made += [((x, new), (x, left), where) for x, where in lefts.items()]
        for fresh, gone, where in made:
            counts[fresh] = count = sum(map(weight, where))
            counts[gone] -= count
            places[fresh] = where
        del counts[pair]
        for fresh, _, _ in made:
            if counts[fresh]:
                heapq.heappush(heap, (-counts[fresh], fresh))
    return merges


def apply_merges(
    ids: Sequence[int], merges: Sequence[Pair], made_by: Mapping[Pair, int]
) -> list[int]:
    """``ids`` of one word, all under 256, after ``merges`` in their order.

    ``made_by`` gives the id that each pair makes. Passing over the word once a merge would be
    quadratic on a long one; here a merge costs the places that it changes.

    >>> apply_merges(b"aabab", [(97, 98), (97, 256)], {(97, 98): 256, (97, 256): 257})
    [257, 256]
    """
    chain = TokenChain([ids])
    places = {made_by[pair]: at for pair, at in chain.pairs().items() if pair in made_by}
    waiting = sorted(places)  # a sorted list is a heap
    while waiting:
        new = heapq.heappop(waiting)
        lefts, rights = chain.merge(places.pop(new), merges[new - 256], new)
        made = [((x, new), at) for x, at in lefts.items()]
        made += [((new, y), at) for y, at in rights.items()]
        for pair, at in made:
            if pair in made_by:
                places[made_by[pair]] = at
                heapq.heappush(waiting, made_by[pair])
    return [i for i in chain.ids if i != _EDGE]
