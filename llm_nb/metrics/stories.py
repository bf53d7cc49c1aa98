"""What a model pays for each word of held-out stories of the microworld, beside the floor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from llm_nb.data.batches import IGNORE
from llm_nb.data.microworld.batches import story_batch
from llm_nb.data.microworld.stories import Story
from llm_nb.models.modes import evaluating
from llm_nb.models.ngram import KneserNey
from llm_nb.text.vocabulary import BEGIN, Vocabulary

Bits = list[NDArray[np.float64]]


class StoryJudge:
    """Judges models of words on the same stories.

    ``floor`` is what the true distribution pays for them, in bits a word: no model can pay less on
    average over all stories.

    Args:
        told: the stories, such as ``held_out`` gives.
        vocabulary: the model's.
        rows: stories that are read at once.
    """

    def __init__(
        self,
        told: Sequence[Story],
        vocabulary: Vocabulary,
        language: str = "en",
        rows: int = 50,
    ) -> None:
        if not told:
            raise ValueError("there are no stories to judge by: give at least one")
        self.told, self.vocabulary, self.language = told, vocabulary, language
        self.batches = [
            story_batch(told[i : i + rows], vocabulary, language) for i in range(0, len(told), rows)
        ]
        self.n_words = sum(int((y != IGNORE).sum()) for _, y in self.batches)
        self.floor = -math.fsum(story.log2_prob for story in told) / self.n_words

    @torch.inference_mode()
    def bits(self, model: nn.Module, device: torch.device | str = "cpu") -> Bits:
        """−log2 P of every word, an array for each story; the model gives logits (B, T, V)."""
        found = []
        with evaluating(model):
            for x, y in self.batches:
                logits = model(x.to(device)).float()
                nats = F.cross_entropy(
                    logits.transpose(1, 2), y.to(device), ignore_index=IGNORE, reduction="none"
                )  # (B, T)
                for row, targets in zip((nats / math.log(2)).double().cpu(), y, strict=True):
                    found.append(row[targets != IGNORE].numpy())
        return found

    def bits_by_counting(self, model: KneserNey) -> Bits:
        """The same of an n-gram model that counted stories one after the other, ``<s>`` before
        each."""
        begin = self.vocabulary.special_tokens[BEGIN]
        rows = [[begin, *self.vocabulary.encode(s.words(self.language))] for s in self.told]
        return [-model.log2_probs(row)[1:] for row in rows]

    def per_word(self, bits: Bits) -> float:
        """The mean over all words."""
        return math.fsum(float(row.sum()) for row in bits) / self.n_words
