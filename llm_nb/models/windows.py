"""A text read as training windows for word vectors (Mikolov et al. 2013b, sections 2.2 and 2.3).

The text is cut into blocks of L words. All windows of a block are a band along the diagonal of
its (L, C) table of centres and contexts, and the M negatives of a block serve all of them, so
that a model scores a block with one small matrix product::

    the cat sat on …      block "cat sat", window 1, L = 2, C = 4:
                                the  cat  sat  on
                          cat    ■         ■
                          sat         ■         ■
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_nb.models.checks import check_range

BLOCK = 16  # L, centres in a block
POOL = 32  # M, negatives that a block shares; fewer make lumpier updates
STEP = 32  # B, blocks in a step
CHUNK = 1 << 18  # words that are windowed at once
PIECE = 10_000  # a longer document is cut into pieces of this many words


@dataclass(frozen=True)
class Windows:
    """B blocks of text, which words of each are paired, and the negatives of each.

    Position l of a block stands at column l + window of `contexts`, which reaches ``window``
    words further to both sides: C = L + 2 window.
    """

    centres: Tensor  # (B, L) ids
    contexts: Tensor  # (B, C) ids
    inside: Tensor  # (B, L, C) bool, true where the column is in the window of the centre
    negatives: Tensor  # (B, M) ids

    def select(self, blocks: Tensor | slice) -> Windows:
        """Some of the blocks, by their numbers."""
        return Windows(*(field[blocks] for field in vars(self).values()))

    def pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Every pair by itself: centres (N,), contexts (N,), negatives (N, M)."""
        block, centre, context = self.inside.nonzero(as_tuple=True)
        return self.centres[block, centre], self.contexts[block, context], self.negatives[block]

    def bags(self) -> tuple[Tensor, Tensor, Tensor]:
        """Every window by itself: contexts (N, C) with -1 outside, centres (N,), negatives (N, M)."""
        block, centre = self.inside.any(2).nonzero(as_tuple=True)
        contexts = self.contexts[block].masked_fill(~self.inside[block, centre], -1)
        return contexts, self.centres[block, centre], self.negatives[block]


def keep_probabilities(counts: Tensor, threshold: float) -> Tensor:
    """√(t/f) + t/f, at most 1, for words with these counts (V,); f is a word's share of them.

    The rule of the word2vec program; the paper (2013b, section 2.3) prints √(t/f). Threshold
    0 keeps everything.
    """
    if threshold == 0:
        return torch.ones(len(counts), dtype=torch.double)
    ratio = threshold * counts.sum().double() / counts.double()
    return (ratio.sqrt() + ratio).clamp(max=1)  # a word that never occurs gets 1


def cumulative_noise(counts: Tensor) -> Tensor:
    """Sums (V,) of the noise distribution, which is counts^(3/4) made to add up to 1."""
    if int((counts > 0).sum()) < 2:
        raise ValueError(
            "a single word makes up the whole corpus, so there is no other to be its negative: "
            "give a text with at least two different words"
        )
    sums = counts.double().pow(0.75).cumsum(0)
    return sums / sums[-1]


def checked_documents(documents: Iterable[Any], vocab_size: int) -> list[Tensor]:
    """Sequences of ids as tensors (n,), without those under two words, long ones in pieces.

    Raises:
        ValueError: nothing is left, or ids are outside ``0 … vocab_size - 1``.
    """
    tensors = [torch.as_tensor(document) for document in documents]
    if any(ids.dim() != 1 or (len(ids) and ids.is_floating_point()) for ids in tensors):
        raise ValueError("a document is not a flat sequence of whole numbers: encode words as ids")
    pieces = [piece for ids in tensors for piece in ids.long().split(PIECE) if len(piece) > 1]
    if not pieces:
        raise ValueError("no document has two words, so there are no pairs: give a longer text")
    text = torch.cat(pieces)
    remedy = "leave unknown words out, or give them an id of their own"
    check_range("id", text, vocab_size, remedy)
    return pieces


def read(
    documents: Iterable[Any],
    vocab_size: int,
    *,
    window: int = 5,
    subsample: float = 1e-3,
    epochs: int = 1,
    seed: int = 0,
) -> Iterator[tuple[float, Windows]]:
    """Blocks in random order, STEP of them at a time, each with the share of the work before it.

    Windows end at the borders of documents, which are sequences of ids. Frequent words are
    thinned out first; then a window reaches 1 … ``window`` words to both sides, uniformly.
    """
    generator = torch.Generator().manual_seed(seed)
    pieces = checked_documents(documents, vocab_size)
    counts = torch.bincount(torch.cat(pieces), minlength=vocab_size)
    keep, noise = keep_probabilities(counts, subsample), cumulative_noise(counts)
    done, total = 0, epochs * int(counts.sum())
    for _ in range(epochs):
        for chunk in _chunks(pieces, generator):
            lengths = torch.tensor([len(piece) for piece in chunk])
            text = torch.cat(chunk)
            stays = torch.rand(len(text), generator=generator) < keep[text]
            document = torch.arange(len(chunk)).repeat_interleave(lengths)[stays]
            if not len(document):  # all words of this chunk fell to the subsampling
                continue
            windows = cut(text[stays], document, window, noise, generator)
            done, before, count = done + len(text), done, len(windows.centres)
            windows = windows.select(torch.randperm(count, generator=generator))
            for i in range(0, count, STEP):
                share = (before + len(text) * i / count) / total
                yield share, windows.select(slice(i, i + STEP))


def cut(
    text: Tensor, document: Tensor, window: int, noise: Tensor, generator: torch.Generator
) -> Windows:
    """The windows of all words of ``text`` (n,), which stand in documents numbered (n,)."""
    n, pad = len(text), -len(text) % BLOCK
    position = torch.arange(n)
    start = torch.searchsorted(document, document)  # (n,) where the word's document begins
    end = torch.searchsorted(document, document, right=True)
    reach = torch.randint(1, window + 1, (n,), generator=generator)
    to_column = position % BLOCK + window - position
    first = torch.maximum(position - reach, start) + to_column
    last = torch.minimum(position + reach + 1, end) + to_column
    centres, first, last = (F.pad(x, (0, pad)).view(-1, BLOCK, 1) for x in (text, first, last))
    contexts = F.pad(text, (window, window + pad)).unfold(0, BLOCK + 2 * window, BLOCK)  # (B, C)
    column = torch.arange(contexts.size(1))
    itself = torch.arange(BLOCK)[:, None] + window == column  # (L, C)
    inside = (column >= first) & (column < last) & ~itself  # (B, L, C)
    draws = torch.rand(len(contexts), POOL, dtype=torch.double, generator=generator)
    negatives = torch.searchsorted(noise, draws, right=True)
    return Windows(centres.squeeze(2), contexts, inside, negatives)


def _chunks(pieces: list[Tensor], generator: torch.Generator) -> Iterator[list[Tensor]]:
    """The documents in random order, in groups of at least CHUNK words."""
    group, words = [], 0
    for i in torch.randperm(len(pieces), generator=generator).tolist():
        group.append(pieces[i])
        words += len(pieces[i])
        if words >= CHUNK:
            yield group
            group, words = [], 0
    if group:
        yield group
