"""A network that points at an answer, beside the baselines of ``bags.py``.

B questions · T words of the longest story · d width
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from llm_nb.data.examples import Question
from llm_nb.data.microworld.cutting import Piece, cut
from llm_nb.text.vocabulary import Vocabulary
from llm_nb.training import TrainConfig, Trainer
from tests.data.microworld.networks import padded, shuffled


class Read(NamedTuple):
    """A question as numbers."""

    question: list[int]
    story: list[int]
    asked: list[int]  # 1 where a word of the question stands in the story
    starts: list[int]  # 1 where the answer begins; it may stand there more than once
    ends: list[int]  # 1 where it ends


class PointBatch(NamedTuple):
    """Several, padded with 0."""

    question: Tensor  # (B, Q)
    story: Tensor  # (B, T)
    asked: Tensor
    starts: Tensor
    ends: Tensor


class Pointer(nn.Module):
    """Start and end of the answer, as in DrQA (Chen et al. 2017, section 3.2): a bidirectional LSTM
    over the story, whose words say whether the question has them too, beside the mean vector of the
    question."""

    def __init__(self, vocab_size: int, d: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d, padding_idx=0)
        self.question = nn.EmbeddingBag(vocab_size, d, mode="mean", padding_idx=0)
        self.asked = nn.Embedding(2, d)
        self.lstm = nn.LSTM(d, d, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * d, 2)

    def forward(self, batch: PointBatch) -> Tensor:
        """Log-probabilities (B, 2, T) of start and end."""
        x = self.embedding(batch.story) + self.asked(batch.asked)  # (B, T, d)
        x = x + self.question(batch.question)[:, None]
        logits = self.head(self.lstm(x)[0]).transpose(1, 2)  # (B, 2, T)
        return logits.masked_fill(batch.story[:, None] == 0, -torch.inf).log_softmax(-1)

    def loss(self, batch: PointBatch) -> Tensor:
        """−log of the probability of all right places together (Kadlec et al. 2016, equation 1)."""
        right = torch.stack([batch.starts, batch.ends], 1) == 1  # (B, 2, T)
        return -self(batch).masked_fill(~right, -torch.inf).logsumexp(-1).mean()


class Reader:
    """Learns from questions, answers questions."""

    def __init__(self, train: Sequence[Question], language: str, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.language, self.seed = language, seed
        texts = (text for q in train for text in (q.context, q.question))
        self.vocabulary = Vocabulary.build(word for text in texts for word in self._words(text))
        self.rows = [self._read(question) for question in train]
        self.model = Pointer(len(self.vocabulary))

    def fit(self, steps: int, lr: float = 6e-3, B: int = 32) -> Reader:
        """Train."""
        order = shuffled(len(self.rows), B, self.seed)
        batches = (_batch([self.rows[i] for i in numbers]) for numbers in order)
        Trainer(self.model, batches, TrainConfig(steps, lr, warmup=50, weight_decay=0.01)).fit()
        return self

    @torch.inference_mode()
    def __call__(self, questions: Sequence[Question], longest: int = 8) -> list[str]:
        """The most probable answers."""
        found = []
        for question in questions:
            start, end = self.model(_batch([self._read(question)]))[0]  # (T,) each
            joint = (start[:, None] + end[None, :]).exp().triu().tril(longest - 1)  # (T, T)
            first, last = divmod(int(joint.argmax()), len(end))
            pieces = cut(question.context, self.language)
            found.append(question.context[pieces[first].start : pieces[last].end])
        return found

    def _words(self, text: str) -> list[str]:
        return [piece.word for piece in cut(text, self.language)]

    def _read(self, question: Question) -> Read:
        pieces, words = cut(question.context, self.language), self._words(question.question)
        answer = cut(question.answers[0].text, self.language)
        asked = set(words)
        at = _places(pieces, answer)
        starts, ends = [0] * len(pieces), [0] * len(pieces)
        for i in at:
            starts[i] = ends[i + len(answer) - 1] = 1
        return Read(
            self.vocabulary.encode(words),
            self.vocabulary.encode(piece.word for piece in pieces),
            [int(piece.word in asked) for piece in pieces],
            starts,
            ends,
        )


def _places(pieces: Sequence[Piece], answer: Sequence[Piece]) -> list[int]:
    """Where the words of the answer stand in a story."""
    words, n = [piece.word for piece in pieces], len(answer)
    sought = [piece.word for piece in answer]
    return [i for i in range(len(words) - n + 1) if words[i : i + n] == sought]


def _batch(rows: Sequence[Read]) -> PointBatch:
    return PointBatch(*(padded(column, 0) for column in zip(*rows, strict=True)))
