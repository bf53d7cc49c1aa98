"""Learning a WordPiece vocabulary.

Each word begins as its characters. Again and again the two neighbours whose joining scores best
become one new piece, as in byte-pair encoding; what differs is the score (Schuster & Nakajima
2012, section 3: of all pairs, the one that raises the likelihood of the training text most). Google
never released its trainer, so the score is read in three ways:

- ``likelihood_gain``: by how much the log-likelihood of the text rises under a unigram model of
  the pieces, to first order. This is the paper's rule, and the default.
- ``likelihood_ratio``: by what factor the probability of *one* occurrence rises. Textbooks often
  give this one; it prefers rare pairs that always go together, so it needs a ``min_count``.
- ``pair_count``: how often the pair occurs. That is BPE, and what Hugging Face's trainer called
  WordPiece does (tokenizers#570).

As in ``bpe_training``, distinct words are kept once with their counts, and a merge touches only
the words that hold the pair.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from llm_nb.text.bpe_training import Pair, merge_pair

Score = Callable[[int, int, int, int], float]


def likelihood_gain(pair: int, left: int, right: int, total: int) -> float:
    """pair · log p(pair) / (p(left) p(right)), from the counts of the pair and of the pieces.

    >>> round(likelihood_gain(pair=8, left=8, right=16, total=64), 3)  # 8 log 4
    11.09
    """
    return pair * math.log(pair * total / (left * right))


def likelihood_ratio(pair: int, left: int, right: int, total: int) -> float:
    """p(pair) / (p(left) p(right)), up to the factor ``total`` that all pairs share."""
    return pair / (left * right)


def pair_count(pair: int, left: int, right: int, total: int) -> float:
    """The count alone: byte-pair encoding."""
    return pair


def count_words(split_texts: Iterable[Iterable[str]]) -> Counter[str]:
    """How often each word occurs.

    Raises:
        ValueError: there is no word at all.
    """
    counts: Counter[str] = Counter()
    for words in split_texts:
        counts.update(words)
    if not counts:
        raise ValueError("cannot train on empty text: give at least one word")
    return counts


def learn_pieces(
    word_counts: Mapping[str, int],
    n_pieces: int,
    *,
    min_count: int = 2,
    score: Score = likelihood_gain,
) -> list[str]:
    """The characters of the words, then the pieces learned from them, best first.

    Args:
        word_counts: each distinct word, and how often it occurs.
        n_pieces: how many to return. Fewer are returned when no pair is left that occurs
            ``min_count`` times and scores above 0.
        score: from the counts of a pair, of its left and of its right piece and of all pieces.
            It must not rise as the total falls, nor fall as the pieces' counts fall.

    A character has a form with ``##`` only if it occurs inside a word.

    Equal scores go to the pair whose pieces are older, and the first pieces, the characters, are
    sorted; so the result depends on the counts alone.

    Raises:
        ValueError: the characters alone are more than ``n_pieces``, or ``min_count`` is below 1.
    """
    if min_count < 1:
        raise ValueError(f"min_count is {min_count}: it must be at least 1")
    alphabet = sorted({char for word in word_counts for char in word})
    inner = sorted({f"##{char}" for word in word_counts for char in word[1:]})
    learner = _Learner([*alphabet, *inner], word_counts, min_count, score)
    if len(learner.pieces) > n_pieces:
        raise ValueError(
            f"{len(learner.pieces)} characters, with and without ##, do not fit into {n_pieces} "
            "pieces: raise vocab_size, or leave rare characters out of the text"
        )
    while len(learner.pieces) < n_pieces and (pair := learner.best()):
        learner.merge(pair)
    return learner.pieces


class _Learner:
    """The words as pieces, and the counts that the scores need, kept up to date."""

    def __init__(
        self, pieces: list[str], word_counts: Mapping[str, int], min_count: int, score: Score
    ) -> None:
        self.pieces, self.score, self.min_count = pieces, score, min_count
        self.ids = {piece: i for i, piece in enumerate(pieces)}
        self.counts = list(word_counts.values())
        self.words = [
            [self.ids[char if i == 0 else f"##{char}"] for i, char in enumerate(word)]
            for word in word_counts
        ]
        self.piece_counts: defaultdict[int, int] = defaultdict(int)
        self.pair_counts: defaultdict[Pair, int] = defaultdict(int)
        self.holders: defaultdict[Pair, set[int]] = defaultdict(set)  # pair -> indices of words
        self.pairs_of: defaultdict[int, set[Pair]] = defaultdict(set)  # piece -> pairs with it
        for index, word in enumerate(self.words):
            for piece in word:
                self.piece_counts[piece] += self.counts[index]
            for pair in zip(word, word[1:], strict=False):
                self.pair_counts[pair] += self.counts[index]
                self.holders[pair].add(index)
        self.total = sum(self.piece_counts.values())
        # The heap holds upper bounds: a score that rises is pushed at once (into `bounds` too),
        # one that falls is found out when it comes to the top.
        self.heap: list[tuple[float, Pair]] = []
        self.bounds: dict[Pair, float] = {}
        for pair in self.pair_counts:
            self.pairs_of[pair[0]].add(pair)
            self.pairs_of[pair[1]].add(pair)
            self.rate(pair)

    def score_of(self, pair: Pair) -> float:
        """The score of ``pair`` now; below 0 where it is too rare."""
        count = self.pair_counts[pair]
        if count < self.min_count:
            return -1.0
        left, right = pair
        return self.score(count, self.piece_counts[left], self.piece_counts[right], self.total)

    def rate(self, pair: Pair) -> None:
        """Put ``pair`` into the heap if its score is above 0 and above its bound there."""
        value = self.score_of(pair)
        if value > self.bounds.get(pair, 0.0):
            self.bounds[pair] = value
            heapq.heappush(self.heap, (-value, pair))

    def best(self) -> Pair | None:
        """The pair that scores best, or None if none scores above 0."""
        while self.heap:
            negative, pair = heapq.heappop(self.heap)
            if self.bounds.get(pair) != -negative:
                continue  # a newer entry is in the heap
            value = self.score_of(pair)
            if value == -negative:
                return pair
            del self.bounds[pair]
            self.rate(pair)
        return None

    def merge(self, pair: Pair) -> None:
        """Join every ``pair`` in the words; its piece is new unless other pairs spelt it too."""
        left, right = pair
        piece = self.pieces[left] + self.pieces[right].removeprefix("##")
        new = self.ids.setdefault(piece, len(self.pieces))
        if new == len(self.pieces):
            self.pieces.append(piece)
        touched: set[Pair] = set()
        for index in self.holders.pop(pair):
            old, count = self.words[index], self.counts[index]
            merged = merge_pair(old, pair, new)
            self.words[index] = merged
            times = (len(old) - len(merged)) * count
            self.piece_counts[left] -= times
            self.piece_counts[right] -= times
            self.piece_counts[new] += times
            self.total -= times
            for neighbours in zip(old, old[1:], strict=False):
                self.pair_counts[neighbours] -= count
            for neighbours in zip(merged, merged[1:], strict=False):
                self.pair_counts[neighbours] += count
                if new in neighbours:
                    self.holders[neighbours].add(index)
                    touched.add(neighbours)
        del self.pair_counts[pair]
        self.bounds.pop(pair, None)
        for neighbours in touched:
            self.pairs_of[neighbours[0]].add(neighbours)
            self.pairs_of[neighbours[1]].add(neighbours)
        # Fewer of the two pieces are left, which raises the score of each pair that they are in.
        for piece_id in (left, right):
            live = {p for p in self.pairs_of[piece_id] if self.pair_counts.get(p, 0) > 0}
            self.pairs_of[piece_id] = live
            touched |= live
        for neighbours in touched:
            self.rate(neighbours)
