"""A network that tags words in their order, beside the baselines of ``bags.py``; and batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.data.batches import IGNORE
from llm_nb.data.examples import Tagged
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
