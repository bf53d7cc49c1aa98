"""Networks that read words in their order, beside the baselines of ``bags.py``."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.commands.microworld import build
from llm_nb.data.batches import IGNORE
from llm_nb.data.examples import Question, Summarised, Tagged
from llm_nb.data.microworld.batches import BEGIN, word_vocabulary
from llm_nb.data.microworld.cutting import cut
from llm_nb.generation import generate, left_pad
from llm_nb.models.gpt2 import GPT2
from llm_nb.text.vocabulary import Vocabulary
from llm_nb.training import TrainConfig, Trainer


def padded(rows: Sequence[Sequence[int]], pad: int) -> Tensor:
    """(B, T), each row filled up on the right."""
    T = max(map(len, rows))
    return torch.tensor([[*row, *[pad] * (T - len(row))] for row in rows])


def shuffled(n: int, size: int, seed: int) -> Iterator[list[int]]:
    """Without end: ``size`` of ``n`` numbers at a time, all of them before one comes again."""
    rng, left = random.Random(seed), list[int]()
    while True:
        while len(left) < size:
            left += rng.sample(range(n), n)
        yield left[:size]
        left = left[size:]


class Tagger(nn.Module):
    """ids (B, T) → vectors → LSTM in both directions → logits (B, T, K)."""

    def __init__(self, vocab_size: int, n_tags: int, d: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d)
        self.lstm = nn.LSTM(d, d, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * d, n_tags)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, T, K)."""
        return self.head(self.lstm(self.embedding(ids))[0])

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean cross-entropy over the real words."""
        return F.cross_entropy(self(batch[0]).transpose(1, 2), batch[1], ignore_index=IGNORE)


def lstm_tags(
    train: Sequence[Tagged], test: Sequence[Tagged], steps: int = 150, seed: int = 0
) -> list[list[str]]:
    """What a small bidirectional LSTM says, trained from nothing."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary.build(word for example in train for word in example.words)
    tags = sorted({tag for example in train for tag in example.tags})
    ids = [vocabulary.encode(example.words) for example in train]
    numbers = [[tags.index(tag) for tag in example.tags] for example in train]
    model = Tagger(len(vocabulary), len(tags))
    batches = (
        (padded([ids[i] for i in rows], 0), padded([numbers[i] for i in rows], IGNORE))
        for rows in shuffled(len(train), 16, seed)
    )
    Trainer(model, batches, TrainConfig(steps, 0.01, warmup=10, weight_decay=0.0)).fit()
    with torch.inference_mode():
        best = model(padded([vocabulary.encode(e.words) for e in test], 0)).argmax(-1)  # (B, T)
    return [
        [tags[k] for k in row[: len(example.words)]]
        for row, example in zip(best.tolist(), test, strict=True)
    ]


# ---- Answers and summaries, written by a language model --------------------------------------


class Pair(NamedTuple):
    """What is read (a story, with a question after it or not) and what is to be written."""

    source: list[str]
    target: list[str]


def pairs(examples: Sequence[Question | Summarised], language: str) -> list[Pair]:
    """The words of the examples."""

    def words(text: str) -> list[str]:
        return [piece.word for piece in cut(text, language)]

    return [
        Pair(words(e.context) + words(e.question), words(e.answers[0].text))
        if isinstance(e, Question)
        else Pair([*words(e.text), SUMMARY], words(e.summary))
        for e in examples
    ]


SUMMARY, DONE = "<summary>", "</s>"


class _WithStories(nn.Module):
    """The loss of the targets, and a share of that of the words before them."""

    def __init__(self, model: GPT2, share: float) -> None:
        super().__init__()
        self.model, self.share = model, share

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean cross-entropy of the targets, plus ``share`` times that of the sources."""
        x, y = batch
        logits = self.model(x).transpose(1, 2)  # (B, V, T)
        loss = F.cross_entropy(logits, y, ignore_index=IGNORE)
        if not self.share:
            return loss
        after = F.pad(x[:, 1:], (0, 1))  # (B, T)
        sources = after.masked_fill((y != IGNORE) | (after == 0), IGNORE)
        return loss + self.share * F.cross_entropy(logits, sources, ignore_index=IGNORE)


class Writer:
    """A language model of words that learns to go on, after a source, with its target.

    Args:
        train: whose words are added to the vocabulary of the model, with new rows.
        model: pre-trained on stories; it is copied. None: a new one of the size of the minute.
    """

    def __init__(self, train: Sequence[Pair], language: str, model: GPT2 | None, seed: int) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        known = word_vocabulary(language)
        new = {word for pair in train for word in (*pair.source, *pair.target)} | {SUMMARY, DONE}
        counts = dict.fromkeys([*known.tokens[3:], *sorted(new - known.ids.keys())], 0)
        self.vocabulary = Vocabulary(counts, [BEGIN])
        self.model: GPT2 = build("gpt2", len(self.vocabulary), 64)
        if model is not None:
            config = replace(model.config, vocab_size=len(self.vocabulary), dropout=0.0)
            self.model = GPT2(config)
            old = dict(model.named_parameters())
            with torch.no_grad():
                for name, parameter in self.model.named_parameters():
                    # The rows of the new words stay as they are: drawn by chance.
                    parameter[: len(old[name])] = old[name]
        self.begin, self.done = (self.vocabulary.ids[token] for token in (BEGIN, DONE))

    def fit(
        self, train: Sequence[Pair], steps: int, lr: float, B: int = 16, stories: float = 0.0
    ) -> None:
        """Learn the targets from the pairs, and by the share ``stories`` the sources too, which
        keeps a model, or makes it, one of stories."""

        def batch(rows: Sequence[Pair]) -> tuple[Tensor, Tensor]:
            encode = self.vocabulary.encode
            ids = [[self.begin, *encode([*p.source, *p.target]), self.done] for p in rows]
            y = [[IGNORE] * len(p.source) + r[len(p.source) + 1 :] for p, r in zip(rows, ids)]
            return padded([r[:-1] for r in ids], 0), padded(y, IGNORE)

        batches = (batch([train[i] for i in rows]) for rows in shuffled(len(train), B, self.seed))
        config = TrainConfig(steps, lr, warmup=50, weight_decay=0.01, betas=(0.9, 0.98), final=0.05)
        Trainer(_WithStories(self.model, stories), batches, config).fit()

    def write(self, sources: Sequence[Sequence[str]], longest: int = 24) -> list[list[str]]:
        """The words that it goes on with, up to the end."""
        found = []
        for i in range(0, len(sources), 100):
            rows = [[self.begin, *self.vocabulary.encode(s)] for s in sources[i : i + 100]]
            ids, mask = left_pad(rows)
            out = generate(
                self.model, ids, longest, attention_mask=mask, temperature=0, stop=self.done
            )
            for row in out[:, ids.size(1) :].tolist():
                end = row.index(self.done) if self.done in row else len(row)
                found.append(self.vocabulary.decode(row[:end]))
        return found
