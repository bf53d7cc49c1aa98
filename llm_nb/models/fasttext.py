"""fastText: skip-gram on words made of n-grams (Bojanowski et al. 2017, section 3.2).

The word her, with its borders, is <her>; its n-grams of 3 letters are <he, her and er>. A word's
vector is the mean of the vectors of its n-grams and of one of its own, so that a word that was
never seen has a vector too. N-grams have no vocabulary: a hash sends each to one of the buckets.

    h_c = mean of z_g over g ∈ G_c,      score(c, o) = u_o · h_c

z vectors of the V words, then of the buckets (V + buckets, d) · u output vectors (V, d)
G_c rows of z that make word c. The paper's score is the sum over G_c; the mean, which does not
grow with a word's length, is what the fastText program takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_sizes
from llm_nb.models.windows import Windows
from llm_nb.models.word2vec import (
    Word2VecConfig,
    descend,
    negative_sampling_loss,
    skip_gram_gradients,
)


@dataclass(frozen=True)
class FastTextConfig:
    """Sizes of a model and of its windows; z takes 4 · dim · (vocab_size + buckets) bytes."""

    vocab_size: int
    dim: int = 100
    window: int = 5
    negatives: int = 5
    subsample: float = 1e-3
    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000

    def __post_init__(self) -> None:
        Word2VecConfig(self.vocab_size, self.dim, self.window, self.negatives, self.subsample)
        if not 1 <= self.min_n <= self.max_n:
            raise ValueError(
                f"n-grams from {self.min_n} to {self.max_n} letters: give 1 <= min_n <= max_n"
            )
        check_sizes(self, "buckets")


def ngrams(word: str, min_n: int = 3, max_n: int = 6) -> list[str]:
    """The n-grams of <word> by their length; a border alone is none."""
    marked = f"<{word}>"
    spans = [
        (i, i + n) for n in range(min_n, max_n + 1) for i in range(max(0, len(marked) - n + 1))
    ]
    return [marked[i:j] for i, j in spans if j - i > 1 or 0 < i < len(marked) - 1]


def fnv1a(text: str) -> int:
    """32-bit FNV-1a hash of the UTF-8 bytes, in the variant of the fastText program.

    Its bytes are signed: one of 128 or more is filled up with ones to 32 bits before it enters,
    so beyond ASCII the hash is not the standard one.
    """
    value = 2166136261
    for byte in text.encode("utf-8"):
        value ^= byte | 0xFFFFFF00 if byte > 127 else byte
        value = value * 16777619 & 0xFFFFFFFF
    return value


class FastText(nn.Module):
    """Predicts the words of a window from the n-grams of the word in its middle.

    `llm_nb.models.word2vec.train` trains it. The gradient of a mean reaches each of its rows
    divided by the size of G_c, some 20: take a rate of about 0.2. (The fastText program leaves that
    factor out of its gradient and takes 0.05.)
    """

    def __init__(self, config: FastTextConfig, words: Sequence[str]) -> None:
        super().__init__()
        if len(words) != config.vocab_size or len(set(words)) != len(words) or "" in words:
            raise ValueError(
                f"{len(words)} words ({len(set(words))} different) for a vocab_size of "
                f"{config.vocab_size}: give each id its own word, none of them empty"
            )
        self.config = config
        n_rows = config.vocab_size + config.buckets
        self.z = nn.Parameter((torch.rand(n_rows, config.dim) - 0.5) / config.dim)
        self.u = nn.Parameter(torch.zeros(config.vocab_size, config.dim))
        rows = [[i, *self.bucket_rows(word)] for i, word in enumerate(words)]
        self._rows = torch.tensor([row for word in rows for row in word])  # of all words, (R,)
        self._size = torch.tensor([len(word) for word in rows])  # |G_c|, (V,)
        self._start = self._size.cumsum(0) - self._size  # (V,)

    def bucket_rows(self, word: str) -> list[int]:
        """The rows of z that belong to the n-grams of any word."""
        V, config = self.config.vocab_size, self.config
        return [V + fnv1a(g) % config.buckets for g in ngrams(word, config.min_n, config.max_n)]

    def rows_of(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows that make the words ``ids`` (N,): rows (R,), whose each is (R,), sizes (N,)."""
        size = self._size[ids]
        whose = torch.arange(len(ids)).repeat_interleave(size)
        within = torch.arange(len(whose)) - (size.cumsum(0) - size)[whose]
        return self._rows[self._start[ids][whose] + within], whose, size

    def word_vectors(self, ids: Tensor) -> Tensor:
        """h of known words: (N,) → (N, d)."""
        rows, _, size = self.rows_of(ids)
        return F.embedding_bag(rows, self.z, size.cumsum(0) - size, mode="mean")

    def unseen_vector(self, word: str) -> Tensor:
        """The mean (d,) over the n-grams of a word that has no id."""
        rows = self.bucket_rows(word)
        if not rows:
            raise ValueError(
                f"{word!r} has no n-gram of {self.config.min_n} letters or more: it has no vector"
            )
        return self.z[rows].mean(0)

    def forward(self, centres: Tensor, others: Tensor) -> Tensor:
        """Scores u_o · h_c of ids (N,) and (N,), giving (N,), or (N,) and (N, M), giving (N, M)."""
        h = self.word_vectors(centres)  # (N, d)
        return torch.einsum("nd,n...d->n...", h, F.embedding(others, self.u))

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Mean over pairs, in nats: centres (N,), contexts (N,), negatives (N, M)."""
        centres, contexts, negatives = batch
        true, noise = self(centres, contexts), self(centres, negatives)
        return negative_sampling_loss(true, noise, self.config.negatives)

    @torch.no_grad()
    def step(self, windows: Windows, lr: float) -> None:
        """Move all vectors against the gradient of the loss, summed over pairs, times ``lr``; see
        `llm_nb.models.word2vec.descend`."""
        ids, which = torch.unique(windows.centres, return_inverse=True)  # (N,), (B, L)
        h = self.word_vectors(ids)
        others = torch.cat([windows.contexts, windows.negatives], 1)  # (B, C+M)
        v, u = F.embedding(which, h), F.embedding(others, self.u)
        inside = windows.inside.to(v.dtype)
        dv, du, of_v, of_u = skip_gram_gradients(v, u, inside, self.config.negatives)
        dh = torch.zeros_like(h).index_add_(0, which.flatten(), dv.flatten(0, 1))  # (N, d)
        of_h = h.new_zeros(len(h)).index_add_(0, which.flatten(), of_v.flatten())
        rows, whose, size = self.rows_of(ids)
        dz = F.embedding(whose, dh / size[:, None])  # (R, d)
        descend(self.z, rows[None], dz[None], (of_h / size)[whose][None], lr)
        descend(self.u, others, du, of_u, lr)
