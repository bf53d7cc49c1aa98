"""Does a model say the same things over and over, within a text or from text to text?

Texts are sequences of tokens: ids, words, or characters. Nothing here asks whether they are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from llm_nb.extras import library

Tokens = Sequence[Hashable]


def distinct(texts: Sequence[Tokens], n: int = 2) -> float:
    """Distinct-n (Li et al. 2016): different n-grams of all texts / n-grams of all texts.

    Li et al. divide by the number of tokens, which is larger by n − 1 a text. It falls as texts
    grow longer or more, so compare only as many tokens with as many.

    >>> distinct([["a", "b", "a", "b"], ["a", "b", "c"]])  # ab ba bc among ab ba ab ab bc
    0.6

    Raises:
        ValueError: n is below 1, or no text has n tokens.
    """
    found = [gram for text in texts for gram in ngrams(text, n)]
    if not found:
        raise ValueError(f"no text has {n} tokens, so there is no {n}-gram: take a smaller n")
    return len(set(found)) / len(found)


def repeated(text: Tokens, n: int = 4) -> float:
    """seq-rep-n of a text (Welleck et al. 2020): 1 − different n-grams / n-grams.

    0: nothing is said twice; towards 1: always the same. Take the mean over texts.

    >>> repeated("abcabcabc", 3)  # abc bca cab abc bca cab abc
    0.5714285714285714

    Raises:
        ValueError: n is below 1, or the text has fewer than n tokens.
    """
    return 1 - distinct([text], n)


def loop(text: Tokens, times: int = 3) -> int:
    """The length of the passage that the text ends in, said ``times`` times or more in a row.

    The shortest such passage counts; 0 where the text ends in none. A text that is cut off in the
    middle of a passage ends in a loop too: "abcabcabca" ends in "bca" three times.

    >>> loop("xyabcabcabca"), loop("abcabc")
    (3, 0)

    Raises:
        ValueError: ``times`` is below 2.
    """
    if times < 2:
        raise ValueError(f"times is {times}: what is said once is no loop, use at least 2")
    for period in range(1, len(text) // times + 1):
        begin = len(text) - (times - 1) * period  # what stands here also stands a period before
        if all(text[i] == text[i - period] for i in range(begin, len(text))):
            return period
    return 0


def self_bleu(texts: Sequence[Tokens], n: int = 4) -> float:
    """Self-BLEU (Zhu et al. 2018), in percent: each text's BLEU against all the others, on average.

    100: all alike. 1- to n-grams count; BLEU of one text is sacrebleu's, smoothed as it is there
    ("exp", and with ``effective_order``: a text of fewer than n tokens is judged by what it has).
    It grows with the number of texts, so compare only as many with as many.

    Raises:
        ValueError: fewer than two texts, an empty one, or n below 1.
    """
    BLEU = library("sacrebleu.metrics.bleu", "tasks").BLEU

    if n < 1:
        raise ValueError(f"n is {n}: an n-gram has at least 1 token")
    if len(texts) < 2:
        raise ValueError(f"{len(texts)} text has no others to be compared with: give two at least")
    if not all(len(text) for text in texts):
        raise ValueError("a text is empty: leave it out")
    counts = [_up_to(text, n) for text in texts]
    # Of an n-gram, a text may match as many as any *other* text has of it (BLEU's clipping): the
    # most of all, or the second most where the text itself has the most. No need for all pairs.
    most: dict[Any, tuple[int, int]] = {}
    for count in counts:
        for gram, c in count.items():
            first, second = most.get(gram, (0, 0))
            most[gram] = (c, first) if c > first else (first, max(second, c))
    lengths = Counter(map(len, texts))
    total = 0.0
    for text, count in zip(texts, counts, strict=True):
        matched, there = [0] * n, [0] * n
        for gram, c in count.items():
            first, second = most[gram]
            matched[len(gram) - 1] += min(c, second if c == first else first)
            there[len(gram) - 1] += c
        own = len(text)
        others = (length for length, m in lengths.items() if length != own or m > 1)
        nearest = min(others, key=lambda length: (abs(length - own), length))
        total += BLEU.compute_bleu(
            matched, there, own, nearest, "exp", effective_order=True, max_ngram_order=n
        ).score
    return total / len(texts)


def _up_to(text: Tokens, n: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(gram for k in range(1, n + 1) for gram in ngrams(text, k))


def ngrams(text: Tokens, n: int) -> list[tuple[Hashable, ...]]:
    """All n tokens in a row, in order."""
    if n < 1:
        raise ValueError(f"n is {n}: an n-gram has at least 1 token")
    return list(zip(*(text[i:] for i in range(n)), strict=False))
