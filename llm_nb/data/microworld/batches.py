"""Endless fresh stories as batches of word ids: a source for ``Feed``, and held-out sets.

A generator has no last page. A model that trains on these meets no story twice and can learn
nothing by heart but the language.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import torch

from llm_nb.data.batches import IGNORE, Batch
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.rendering import check_language
from llm_nb.data.microworld.stories import GRAMMAR, Story, story
from llm_nb.data.microworld.telling import Grammar
from llm_nb.text.vocabulary import BEGIN, Vocabulary

HELD_OUT = 1 << 32  # held-out stories count from here on, so that no training story is one of them
WINDOW = 4  # batches whose stories are sorted by length: 7 % of batches of 16 are padding, not 19 %


def word_vocabulary(language: str = "en", special_tokens: Sequence[str] = (BEGIN,)) -> Vocabulary:
    """Every word of the language, after ``<s>``, with which a story begins, or other marks.

    Raises:
        ValueError: another language.
    """
    check_language(language)
    words = dict.fromkeys(sorted({form for form in w.FORMS[language] if form}), 0)
    return Vocabulary(words, special_tokens=special_tokens)


def held_out(n: int, part: int = 0, seed: int = 0, grammar: Grammar = GRAMMAR) -> list[Story]:
    """``n`` stories that no training batch of the seed has; each part has others."""
    first = HELD_OUT * (1 + part)
    return [story(first + i, seed, grammar) for i in range(n)]


class StoryBatches:
    """Batches (x, y), each (B, T): a story a row, y is x one word on, −100 at padding.

    Four batches take the next 4·B stories of the seed, those of like length together; which of the
    four comes first is drawn by lot.

    Args:
        vocabulary: of the words and of ``<s>``, as ``word_vocabulary`` makes it.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        batch_size: int,
        seed: int = 0,
        language: str = "en",
        grammar: Grammar = GRAMMAR,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: it must be at least 1")
        self.vocabulary, self.batch_size, self.seed = vocabulary, batch_size, seed
        self.language, self.grammar = language, grammar
        self._window: tuple[int, list[list[Story]]] = (-1, [])  # the last one made
        settings = (vocabulary.tokens, batch_size, seed, language, grammar)
        self.fingerprint = hashlib.blake2b(repr(settings).encode(), digest_size=12).hexdigest()

    def __getitem__(self, n: int) -> Batch:
        return story_batch(self.told(n), self.vocabulary, self.language)

    def told(self, n: int) -> list[Story]:
        """The stories of batch n."""
        window, which = divmod(n, WINDOW)
        if self._window[0] != window:
            self._window = window, self._sorted(window)
        return self._window[1][which]

    def _sorted(self, window: int) -> list[list[Story]]:
        size = self.batch_size
        first = window * WINDOW * size
        told = [story(first + i, self.seed, self.grammar) for i in range(WINDOW * size)]
        told.sort(key=lambda s: len(s.symbols))
        batches = [told[i : i + size] for i in range(0, len(told), size)]
        random.Random(f"{self.seed} {window}").shuffle(batches)
        return batches


def story_batch(told: Sequence[Story], vocabulary: Vocabulary, language: str = "en") -> Batch:
    """These stories as one batch (x, y), each (B, T)."""
    begin = vocabulary.special_tokens[BEGIN]
    rows = [[begin, *vocabulary.encode(s.words(language))] for s in told]
    T = max(map(len, rows)) - 1
    x = torch.full((len(rows), T), vocabulary.pad_id)
    y = torch.full((len(rows), T), IGNORE)
    for i, row in enumerate(rows):
        ids = torch.tensor(row)
        x[i, : len(row) - 1], y[i, : len(row) - 1] = ids[:-1], ids[1:]
    return x, y
