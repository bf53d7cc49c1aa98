"""Stories that a model has told, judged by the language itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from llm_nb.data.microworld.judging import Verdict


class StoryScores(NamedTuple):
    """How good a model's stories are."""

    n: int
    valid: float  # the share of those that are stories of the language
    faults: dict[str, float]  # kind → share of all stories whose first fault it is, most first
    faults_per_word: float  # first faults / words that were read until then, each included
    bits: float  # −log2 P of a valid story by the language, on average; NaN where there is none
    bits_per_word: float  # the same for a word


def story_scores(verdicts: Sequence[Verdict]) -> StoryScores:
    """The verdicts of ``judge`` on many stories together.

    ``valid`` is harder on long stories than on short ones; ``faults_per_word`` is not: were every
    word as likely to be wrong, it would be the estimate of that by maximum likelihood. ``bits`` is
    to be compared with the entropy of the language (``measure.true_entropy``): below it the valid
    stories are more probable than stories usually are. Short ones are, too: see ``bits_per_word``.

    Raises:
        ValueError: there are none.
    """
    if not verdicts:
        raise ValueError("there are no stories to judge: give at least one")
    n, good = len(verdicts), [v for v in verdicts if v.valid]
    faults = [v.fault for v in verdicts if v.fault]
    read = sum(v.words for v in good) + sum(fault.at + 1 for fault in faults)
    bits = -math.fsum(v.log2_prob for v in good)
    return StoryScores(
        n,
        len(good) / n,
        {kind: k / n for kind, k in Counter(fault.kind for fault in faults).most_common()},
        len(faults) / read,
        bits / len(good) if good else math.nan,
        bits / sum(v.words for v in good) if good else math.nan,
    )
