"""How well spans are found in a text: SQuAD's answers, seqeval's entities, the bakeoff's words."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from llm_nb.metrics.labels import Score, paired


class SpanScores(NamedTuple):
    """In percent, as SQuAD's script prints them."""

    exact_match: float
    f1: float


def squad_tokens(text: str) -> list[str]:
    """An answer in lower case, without punctuation, without a, an, the (SQuAD 1.1's script)."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def chinese_tokens(text: str) -> list[str]:
    """Each Chinese character, and words of other scripts; no punctuation (MLQA's script for zh)."""
    kept = (c for c in text.lower() if unicodedata.category(c)[0] != "P")
    text = "".join(c for c in kept if c not in string.punctuation)
    return re.findall(r"[\u4e00-\u9fa5]|[^\s\u4e00-\u9fa5]+", text)


def span_scores(
    golds: Sequence[Sequence[str]],
    predicted: Sequence[str],
    tokens: Callable[[str], list[str]] = squad_tokens,
) -> SpanScores:
    """SQuAD 1.1's exact match and F1 (Rajpurkar et al. 2016, section 6.1), mean over questions.

    Args:
        golds: the right answers to each question; the best-fitting one counts.
        predicted: one answer to each question.
        tokens: what is compared; ``chinese_tokens`` for Chinese.
    """
    paired(golds, predicted)
    exact, f1 = 0.0, 0.0
    for answers, text in zip(golds, predicted, strict=True):
        if isinstance(answers, str) or not answers:
            raise ValueError(
                f"the gold answers to a question are {answers!r}: give a list of one or more"
            )
        ours, theirs = tokens(text), [tokens(answer) for answer in answers]
        exact += max(ours == answer for answer in theirs)
        f1 += max(_overlap(answer, ours) for answer in theirs)
    return SpanScores(100 * exact / len(predicted), 100 * f1 / len(predicted))


def _overlap(gold: Sequence[str], predicted: Sequence[str]) -> float:
    same = sum((Counter(gold) & Counter(predicted)).values())
    return 2 * same / (len(gold) + len(predicted)) if same else 0.0


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(type, first, last) of each entity in a sentence's tags, read as conlleval reads them.

    Tags are O, or B-, I-, E-, S- and a type (IOB2, IOBES). Wrong sequences are read leniently:
    an I- or E- that continues nothing, or another type, begins an entity.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
    [('PER', 0, 1), ('LOC', 3, 3)]
    """
    found: list[tuple[str, int, int]] = []
    going_on = ""  # the type of an entity that the next tag may continue
    for i, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I", "E", "S") or not kind):
            raise ValueError(f"{tag!r} is no tag: use O, or B-, I-, E-, S- and a type, as B-PER")
        if tag == "O":
            going_on = ""
            continue
        if prefix in "BS" or kind != going_on:
            found.append((kind, i, i))
        else:
            found[-1] = (kind, found[-1][1], i)
        going_on = "" if prefix in "ES" else kind
    return found


class EntityScores(NamedTuple):
    """Over all entities, the plain mean over types, and of each type."""

    micro: Score
    macro: Score
    by_type: dict[str, Score]


def entity_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> EntityScores:
    """Precision, recall and F1 of whole entities, as seqeval's default and CoNLL-2003's conlleval.

    An entity is right if its type, first and last token are. Both arguments hold a list of tags
    for each sentence.
    """
    paired(gold, predicted)
    right, said, true = Counter[str](), Counter[str](), Counter[str]()
    for tags, guesses in zip(gold, predicted, strict=True):
        if len(tags) != len(guesses):
            raise ValueError(f"a sentence has {len(tags)} tags and {len(guesses)} predictions")
        a, b = set(entities(tags)), set(entities(guesses))
        for counter, group in ((true, a), (said, b), (right, a & b)):
            counter.update(kind for kind, _, _ in group)
    kinds = sorted(true | said)
    by_type = {kind: _counted(right[kind], said[kind], true[kind]) for kind in kinds}
    micro = _counted(right.total(), said.total(), true.total())
    columns = list(zip(*by_type.values(), strict=True)) or [(0.0,)] * 3
    macro = Score(*(sum(column) / len(column) for column in columns))
    return EntityScores(micro, macro, by_type)


def segmentation_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Score:
    """Words found, as the bakeoff counts them (Sproat & Emerson 2003, section 3).

    A word is right if both its boundaries are: precision is the share of right words among those
    predicted, recall among those in ``gold``. Both arguments hold a list of words for each
    sentence; white space is left out.

    >>> segmentation_scores([["研究", "生命", "起源"]], [["研究生", "命", "起源"]]).recall
    0.3333333333333333

    Raises:
        ValueError: nothing is there, or the two do not cut the same sentences.
    """
    paired(gold, predicted)
    right = said = true = 0
    for number, (words, guesses) in enumerate(zip(gold, predicted, strict=True)):
        if "".join("".join(words).split()) != "".join("".join(guesses).split()):
            raise ValueError(f"sentence {number} has other characters in gold than predicted")
        a, b = _word_spans(words), _word_spans(guesses)
        true, said, right = true + len(a), said + len(b), right + len(a & b)
    return _counted(right, said, true)


def _word_spans(words: Sequence[str]) -> set[tuple[int, int]]:
    lengths = [len("".join(word.split())) for word in words]
    ends = list(accumulate(lengths))
    return {(end - length, end) for end, length in zip(ends, lengths, strict=True) if length}


def _counted(right: int, said: int, true: int) -> Score:
    return Score(
        right / said if said else 0.0,
        right / true if true else 0.0,
        2 * right / (said + true) if said + true else 0.0,
    )
