"""A language model of stories that learns to go on with a summary, beside those of ``summing.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from llm_nb.data.batches import IGNORE
from llm_nb.data.examples import Summarised
from llm_nb.data.microworld.batches import word_vocabulary
from llm_nb.data.microworld.cutting import cut
from llm_nb.generation import generate, left_pad
from llm_nb.models.gpt2 import GPT2
from llm_nb.shipped import microworld_model
from llm_nb.text.vocabulary import BEGIN, Vocabulary
from llm_nb.training import TrainConfig, Trainer
from tests.data.microworld.networks import padded, shuffled

SUMMARY, DONE = "<summary>", "</s>"  # between a story and its summary, and after that


class Writer:
    """The shipped GPT-2, with new rows for the words that no story has."""

    def __init__(self, train: Sequence[Summarised], seed: int = 0) -> None:
        torch.manual_seed(seed)
        known, self.seed = word_vocabulary("en"), seed
        self.stories = [self._source(example.text) for example in train]
        self.summaries = [self._words(example.summary) for example in train]
        new = {word for summary in self.summaries for word in summary} | {SUMMARY, DONE}
        words = [*known.tokens[3:], *sorted(new - known.ids.keys())]
        self.vocabulary = Vocabulary(dict.fromkeys(words, 0), special_tokens=[BEGIN])
        assert self.vocabulary.tokens[: len(known)] == known.tokens
        self.done = self.vocabulary.ids[DONE]
        told = microworld_model("gpt2-long")
        self.model = GPT2(replace(told.config, vocab_size=len(self.vocabulary)))
        weights = dict(told.named_parameters())
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter[: len(weights[name])] = weights[name]  # new words keep rows drawn by lot

    def fit(self, steps: int, lr: float = 2e-3, B: int = 16) -> Writer:
        """Train on the words of the summaries; those of the stories are known."""
        batches = (self._batch(rows) for rows in shuffled(len(self.stories), B, self.seed))
        config = TrainConfig(steps, lr, warmup=50, weight_decay=0.01, betas=(0.9, 0.98), final=0.05)
        Trainer(self.model, batches, config).fit()
        self.model.eval()
        return self

    def __call__(self, examples: Sequence[Summarised], longest: int = 24) -> list[list[str]]:
        """The words of their summaries, each time the most probable one."""
        found = []
        for i in range(0, len(examples), 100):
            rows = [self.vocabulary.encode(self._source(e.text)) for e in examples[i : i + 100]]
            ids, mask = left_pad(rows)
            out = generate(
                self.model, ids, longest, attention_mask=mask, temperature=0, stop=self.done
            )
            for row in out[:, ids.size(1) :].tolist():
                end = row.index(self.done) if self.done in row else len(row)
                found.append(self.vocabulary.decode(row[:end]))
        return found

    def _source(self, text: str) -> list[str]:
        return [BEGIN, *self._words(text), SUMMARY]

    def _words(self, text: str) -> list[str]:
        return [piece.word for piece in cut(text)]

    def _batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        inputs, targets = [], []
        for i in rows:
            story, summary = (
                self.vocabulary.encode(words) for words in (self.stories[i], self.summaries[i])
            )
            inputs.append(story + summary)
            targets.append([IGNORE] * (len(story) - 1) + summary + [self.done])
        return padded(inputs, 0), padded(targets, IGNORE)
