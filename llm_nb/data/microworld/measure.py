"""How many bits a text has, and which words a model pays too much for.

Probabilities are exact, so a model's distance to the floor is known word by word, and with it what
the model has understood: where somebody is, who has what, whom "she" means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.stories import GRAMMAR, Story, entropy_bits, stories
from llm_nb.data.microworld.telling import Grammar

FIXED = "fixed"  # the kind of words that follow of themselves
Bits = NDArray[np.float64]


class Word(NamedTuple):
    """A word of a story with what is known of it."""

    form: str
    pos: str  # Universal Dependencies
    entity: str  # PER, LOC or nothing
    kind: str  # "place", "person", "thing", "mood", …; "fixed" where the sentence leaves no choice
    options: int  # how many could have stood here
    distance: int  # words back to the one that decides it; 0: not decided by one earlier word
    bits: float  # −log2 P given all before it: what a model that knows the language pays


def words(story: Story, language: str = "en") -> list[Word]:
    """The words of a story, in order."""
    forms = w.FORMS[language]
    notes = {note.at: note for note in story.notes}
    bits = dict(story.surprises)
    number: list[int] = []  # of the word that each symbol is, or that comes next
    found: list[Word] = []
    for index, symbol in enumerate(story.symbols):
        number.append(len(found))
        if not forms[symbol]:
            continue
        entry, note = w.SYMBOLS[symbol], notes.get(index)
        pos = entry.en_pos if language == "en" else entry.zh_pos
        kind, options, source = (note.kind, note.options, note.source) if note else (FIXED, 1, -1)
        distance = number[index] - number[source] if source >= 0 else 0
        surprise = bits.get(index, 0.0)
        found.append(Word(forms[symbol], pos, entry.entity, kind, options, distance, surprise))
    return found


@dataclass(frozen=True)
class Entropy:
    """The entropy of the language, in bits; each with the standard error of its estimate.

    Every term is exact; the mean over stories is an estimate, hence the error. Of one given set
    of stories ``Story.log2_prob`` needs no estimate.
    """

    per_story: tuple[float, float]
    per_unit: tuple[float, float]
    units_per_story: float


def true_entropy(
    count: Callable[[Story], int], n: int = 2000, seed: int = 0, grammar: Grammar = GRAMMAR
) -> Entropy:
    """The entropy a story, and a unit of any kind: a word, a character, a token.

    Args:
        count: how many units a story has, such as ``lambda s: len(s.text("zh"))`` or
            ``lambda s: len(tokenizer.encode(s.text()))``.
        n: how many stories the mean is over.

    The terms are the entropies of the choices (not their surprises, which vary more), so that the
    mean over stories estimates Σ H(choice | what came before), the entropy by the chain rule.
    """
    if n < 2:
        raise ValueError(f"n is {n}: an error needs two stories at least")
    pairs = [
        (entropy_bits(story, grammar), count(story))
        for story in islice(stories(seed, grammar=grammar), n)
    ]
    bits, units = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    rate = bits.mean() / units.mean()
    spread = (bits - rate * units).std(ddof=1) / units.mean()  # of a ratio, by the delta method
    root = math.sqrt(n)
    return Entropy(
        (float(bits.mean()), float(bits.std(ddof=1) / root)),
        (float(rate), float(spread / root)),
        float(units.mean()),
    )


class Share(NamedTuple):
    """What a group of words costs: how many they are, what a model pays for one, and the floor."""

    n: int
    bits: float
    floor: float


def by_kind(
    known: Sequence[Sequence[Word]], bits: Sequence[ArrayLike], key: Callable[[Word], str | None]
) -> dict[str, Share]:
    """Mean bits a word in groups.

    Args:
        known: the words of each story.
        bits: what a model pays for each of them, shapes (number of words,).
        key: the group of a word, or None for one that is not asked about.

    Raises:
        ValueError: a story has not one figure for each of its words.
    """
    sums: dict[str, list[float]] = {}
    for story, cost in zip(known, bits, strict=True):
        values = np.asarray(cost, dtype=float)
        if values.shape != (len(story),):
            raise ValueError(f"a story of {len(story)} words has bits of shape {values.shape}")
        for word, value in zip(story, values.tolist(), strict=True):
            if (group := key(word)) is not None:
                total = sums.setdefault(group, [0, 0.0, 0.0])
                total[0] += 1
                total[1] += value
                total[2] += word.bits
    return {g: Share(int(n), cost / n, floor / n) for g, (n, cost, floor) in sums.items()}


def kind_of(word: Word) -> str:
    """Whether the world decides a word, and of which kind it is then: ``by_kind``'s usual key."""
    if word.kind == FIXED:
        return "fixed by the sentence"
    return word.kind if word.options == 1 else "free choice"


def at_distance(kind: str, bounds: Iterable[int] = (8, 16, 32, 64)) -> Callable[[Word], str | None]:
    """A key for ``by_kind``: words of one kind that the world decides, by the distance to their
    source, in groups up to each bound and beyond the last."""
    edges = sorted(bounds)

    def key(word: Word) -> str | None:
        if word.kind != kind or word.options > 1 or not word.distance:
            return None
        low = 1
        for edge in edges:
            if word.distance <= edge:
                return f"{low}–{edge}"
            low = edge + 1
        return f"{low}+"

    return key


def closed(baseline: float, model: float, floor: float) -> float:
    """Which share of the way from a baseline to the floor a model has gone, all in bits."""
    if not floor < baseline:
        raise ValueError(f"the baseline {baseline} is not over the floor {floor}")
    return (baseline - model) / (baseline - floor)
