"""Stories with hidden words, for a model that reads in both directions: BERT's first task (Devlin et
al. 2019, section 3.1) as a source for ``Feed``, and held-out rows to judge by.

A row is ``[CLS]``, the words of a story, ``[SEP]``; a word is a token.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from llm_nb.data.batches import IGNORE
from llm_nb.data.masking import batch_generator, mask_tokens
from llm_nb.data.microworld.batches import StoryBatches, word_vocabulary
from llm_nb.data.microworld.stories import Story
from llm_nb.data.microworld.telling import Grammar
from llm_nb.data.padding import TextBatch, pad
from llm_nb.text.vocabulary import Vocabulary

CLS, SEP, MASK = "[CLS]", "[SEP]", "[MASK]"
# One person, a few events: a third as many words as usual, so three times as many stories a batch.
SHORT, SHORTER = Grammar(people=1, lying=0, events=(1, 3)), 3


def masked_vocabulary(language: str = "en") -> Vocabulary:
    """Every word of the language, after ``[CLS]``, ``[SEP]`` and ``[MASK]``."""
    return word_vocabulary(language, (CLS, SEP, MASK))


class MaskedStories:
    """Batches of the stories of ``StoryBatches``, with 15 % of their words to guess.

    BERT itself was trained on short texts first (appendix A.2), to save time. Here a run of as many
    steps also ends with fewer bits a word; ``book/data.md`` has both figures.

    Args:
        vocabulary: as ``masked_vocabulary`` makes it.
        short: how many batches, the first ones, are of short stories, three times as many each.
        rate: the chance of a word to be chosen (see ``mask_tokens`` for what becomes of it then).

    Raises:
        ValueError: the vocabulary lacks a word or a mark, or as ``StoryBatches``.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        batch_size: int,
        seed: int = 0,
        language: str = "en",
        rate: float = 0.15,
        short: int = 0,
    ) -> None:
        needed = masked_vocabulary(language).tokens
        if lacking := [token for token in needed if token not in vocabulary]:
            raise ValueError(
                f"the vocabulary lacks {lacking[0]!r}: use masked_vocabulary({language!r})"
            )
        self.stories = StoryBatches(vocabulary, batch_size, seed, language)
        self.shorter = StoryBatches(vocabulary, SHORTER * batch_size, seed, language, SHORT)
        self.vocabulary, self.seed, self.language = vocabulary, seed, language
        self.rate, self.short = rate, short
        self.fingerprint = f"{self.stories.fingerprint} masked {rate} short {short}"

    def __getitem__(self, n: int) -> TextBatch:
        told = self.shorter.told(n) if n < self.short else self.stories.told(n)
        generator = batch_generator(self.seed, n)
        return masked_batch(told, self.vocabulary, generator, self.language, self.rate)


def masked_batch(
    told: Sequence[Story],
    vocabulary: Vocabulary,
    generator: torch.Generator,
    language: str = "en",
    rate: float = 0.15,
) -> TextBatch:
    """These stories as one batch, words hidden as for training."""
    ids = pad([row_of(story.words(language), vocabulary) for story in told], vocabulary.pad_id)
    specials = list(vocabulary.special_tokens.values())
    mask_id = vocabulary.ids[MASK]
    masked, labels = mask_tokens(ids, specials, mask_id, len(vocabulary), generator, rate)
    return _batch(masked, labels, vocabulary)


def row_of(words: Sequence[str], vocabulary: Vocabulary) -> list[int]:
    """The ids of a story's words between those of ``[CLS]`` and ``[SEP]``."""
    ids = vocabulary.special_tokens
    return [ids[CLS], *vocabulary.encode(words), ids[SEP]]


def hidden_batch(
    rows: Sequence[tuple[Sequence[str], Sequence[int]]], vocabulary: Vocabulary
) -> TextBatch:
    """Stories with chosen words hidden, all of them behind ``[MASK]``.

    Args:
        rows: the words of each, and which of them are hidden, from 0.

    Raises:
        ValueError: there is no row, or a story has no such word.
    """
    if not rows:
        raise ValueError("there are no stories to hide words of: give at least one")
    for words, places in rows:
        if wrong := [place for place in places if not 0 <= place < len(words)]:
            raise ValueError(f"word {wrong[0]} of a story of {len(words)}: count from 0")
    ids = pad([row_of(words, vocabulary) for words, _ in rows], vocabulary.pad_id)
    hidden = torch.zeros_like(ids, dtype=torch.bool)
    for b, (_, places) in enumerate(rows):
        hidden[b, [place + 1 for place in places]] = True  # [CLS] stands before word 0
    labels = ids.masked_fill(~hidden, IGNORE)
    return _batch(ids.masked_fill(hidden, vocabulary.ids[MASK]), labels, vocabulary)


def one_hidden(told: Sequence[Story], each: int, language: str = "en") -> list[tuple[Story, int]]:
    """Of each story, ``each`` of its words (or all, where it has fewer), drawn by lot: the story
    and the place of the word, from 0. The same stories have the same words drawn."""
    drawn = []
    for story in told:
        n = len(story.words(language))
        places = random.Random(story.text(language)).sample(range(n), min(each, n))
        drawn += [(story, place) for place in sorted(places)]
    return drawn


def _batch(ids: Tensor, labels: Tensor, vocabulary: Vocabulary) -> TextBatch:
    real = (ids != vocabulary.pad_id).long()
    return TextBatch(ids, labels, real, torch.zeros_like(ids))
