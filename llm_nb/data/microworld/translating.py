"""Passages of stories in both languages, for translation from English to Chinese.

A passage is some sentences of a story that follow one another. What a Chinese sentence says is all
in the English one, so a passage has exactly one translation; tests hold this. Both languages keep
one order of words, but a word can be silent in one of them ("the", 了), and one English word can
have several Chinese ones ("was": 在 or 很), which its neighbours decide.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.batches import word_vocabulary
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.rendering import text_of
from llm_nb.data.microworld.stories import story
from llm_nb.data.microworld.tasks import is_new
from llm_nb.text.vocabulary import BEGIN, END, Vocabulary

PARTS = {"train": 0, "validation": 1 << 33, "unseen": 1 << 34}  # number of the first story
SENTENCES = 11  # the fewest that a story has: three people, a thing, four events, the end in three
_NAMES, _OTHERS = frozenset(w.NAMES), frozenset((*w.PLACES, *w.THINGS))


@dataclass(frozen=True)
class Passage:
    """Sentences of a story, one after the other, in both languages."""

    symbols: tuple[Symbol, ...]

    def words(self, language: str = "en") -> list[str]:
        """Its words and marks as they stand in the lexicon."""
        forms = w.FORMS[language]
        return [form for symbol in self.symbols if (form := forms[symbol])]

    def text(self, language: str = "en") -> str:
        """As written: with capitals and spaces in English, without them in Chinese."""
        return text_of(self.symbols, language)

    @property
    def alignment(self) -> list[int | None]:
        """For each Chinese word the place of the English word that it renders, from 0; None for
        one that renders none, such as 了."""
        places: list[int | None] = []
        english = 0
        for symbol in self.symbols:
            heard = bool(w.ENGLISH[symbol])
            if w.CHINESE[symbol]:
                places.append(english if heard else None)
            english += heard
        return places

    @cached_property
    def has_new_pair(self) -> bool:
        """Whether a person meets a thing or place in it that no passage of training has beside
        them."""
        names, others = (group.intersection(self.symbols) for group in (_NAMES, _OTHERS))
        return any(is_new(name, other) for name in names for other in others)


def passages(
    n: int,
    part: str = "train",
    sentences: tuple[int, int] = (1, 4),
    seed: int = 0,
) -> list[Passage]:
    """``n`` passages of ``sentences`` (least, most) sentences, cut one behind the other from
    stories that no other part has.

    Args:
        part: ``"train"`` and ``"validation"`` have passages without new pairs, ``"unseen"`` only
            passages with one (see ``Passage.has_new_pair``).

    Raises:
        ValueError: another part, n below 1, or not 1 ≤ least ≤ most ≤ 11.
    """
    least, most = sentences
    if part not in PARTS:
        raise ValueError(f"part is {part!r}: use one of {', '.join(PARTS)}")
    if n < 1 or not 1 <= least <= most <= SENTENCES:
        raise ValueError(
            f"n is {n} and sentences are {sentences}: give 1 or more, and the least and the most "
            f"from 1 to {SENTENCES}, which every story has"
        )
    cut = _cut(PARTS[part], sentences, seed)
    return list(islice((p for p in cut if p.has_new_pair == (part == "unseen")), n))


def _cut(first: int, size: tuple[int, int], seed: int) -> Iterator[Passage]:
    rng = random.Random(f"passages {seed} {first}")
    while True:
        left = list(story(first, seed).symbols)
        while left:
            wanted = size[0] + int(rng.random() * (size[1] - size[0] + 1))
            stops = [at + 1 for at, symbol in enumerate(left) if symbol == w.STOP]
            end = stops[min(wanted, len(stops)) - 1]
            if len(stops) >= size[0]:
                yield Passage(tuple(left[:end]))
            left = left[end:]
        first += 1


def vocabularies() -> tuple[Vocabulary, Vocabulary]:
    """All English words with ``</s>``, all Chinese ones with ``<s>`` and ``</s>``."""
    return word_vocabulary("en", (END,)), word_vocabulary("zh", (BEGIN, END))


def encoded(
    told: Iterable[Passage], source: Vocabulary, target: Vocabulary
) -> tuple[list[list[int]], list[list[int]]]:
    """Ids for ``SequencePairs``: English words and ``</s>``; ``<s>``, Chinese words, ``</s>``."""
    told = list(told)
    stop, begin, end = (
        source.special_tokens[END], target.special_tokens[BEGIN], target.special_tokens[END],
    )  # fmt: skip
    sources = [[*source.encode(p.words("en")), stop] for p in told]
    targets = [[begin, *target.encode(p.words("zh")), end] for p in told]
    return sources, targets


def written(ids: Sequence[int], target: Vocabulary) -> str:
    """What a translator wrote, as text: without ``<s>``, and nothing from ``</s>`` on.

    >>> _, zh = vocabularies()
    >>> written([2, *zh.encode(["她", "在", "巴黎", "。"]), 3, 3], zh)
    '她在巴黎。'
    """
    tokens = target.decode(ids)
    if tokens[:1] == [BEGIN]:
        tokens = tokens[1:]
    if END in tokens:
        tokens = tokens[: tokens.index(END)]
    return "".join(tokens)
