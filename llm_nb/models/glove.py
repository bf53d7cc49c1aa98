"""GloVe: word vectors from counts of who stands near whom (Pennington et al. 2014, section 3).

    J = Σ_ij f(X_ij) (w_i · w̃_j + b_i + b̃_j - log X_ij)²       over X_ij > 0  (equation 8)
    f(x) = (x / x_max)^α below x_max, 1 above                                  (equation 9)

X_ij is how often j stands within `window` words of i, a pair at distance k counting 1/k
(section 4.2). w vectors of words (V, d) · w̃ of contexts (V, d) · b, b̃ biases (V,)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_range, check_sizes
from llm_nb.models.windows import checked_documents

Cells = tuple[Tensor, Tensor, Tensor]  # rows i (N,), columns j (N,), counts X_ij (N,)


@dataclass(frozen=True)
class GloVeConfig:
    """Sizes of a model and its weighting; the defaults are the paper's (section 4.2)."""

    vocab_size: int
    dim: int = 100
    x_max: float = 100.0
    alpha: float = 0.75

    def __post_init__(self) -> None:
        check_sizes(self, "vocab_size", least=2)
        check_sizes(self, "dim")
        for name in ("x_max", "alpha"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}: it must be over 0 and finite")


def cooccurrences(documents: Iterable[Any], vocab_size: int, window: int = 10) -> Cells:
    """The cells of X that are not zero, sorted by row, then column; X is symmetric.

    A pair of ids is one 64-bit key, so that counting is sorting. ``documents`` are sequences of
    ids; no pair crosses their borders.

    Raises:
        ValueError: no text, ids outside the vocabulary, or a window under 1.
    """
    if window < 1:
        raise ValueError(f"window is {window}: it must be at least 1")
    pieces = checked_documents(documents, vocab_size)
    text = torch.cat(pieces).numpy()
    number = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    keys, weights = [], []
    for distance in range(1, min(window, len(text) - 1) + 1):
        same = number[distance:] == number[:-distance]
        left, right = text[:-distance][same], text[distance:][same]
        low, high = np.minimum(left, right), np.maximum(left, right)
        found, times = np.unique(low * vocab_size + high, return_counts=True)
        keys.append(found)
        weights.append(times / distance)
    found, which = np.unique(np.concatenate(keys), return_inverse=True)
    counts = np.bincount(which, np.concatenate(weights))
    low, high = found // vocab_size, found % vocab_size
    # A word beside its own kind is seen from both ends, like every other pair.
    counts = np.where(low == high, 2 * counts, counts)
    once = low != high
    rows, columns = np.concatenate([low, high[once]]), np.concatenate([high, low[once]])
    counts = np.concatenate([counts, counts[once]])
    order = np.argsort(rows * vocab_size + columns)
    i, j, x = rows[order], columns[order], counts[order].astype(np.float32)
    return torch.from_numpy(i), torch.from_numpy(j), torch.from_numpy(x)


class GloVe(nn.Module):
    """Bilinear regression of log counts; `vectors` are what it is for."""

    def __init__(self, config: GloVeConfig) -> None:
        super().__init__()
        self.config = config
        size = (config.vocab_size, config.dim)
        self.w = nn.Parameter((torch.rand(size) - 0.5) / config.dim)
        self.w_tilde = nn.Parameter((torch.rand(size) - 0.5) / config.dim)
        self.b = nn.Parameter(torch.zeros(config.vocab_size, 1))
        self.b_tilde = nn.Parameter(torch.zeros(config.vocab_size, 1))
        # AdaGrad's sums of squared gradients; the released program starts them at 1.
        for name, table in list(self.named_parameters()):
            self.register_buffer(f"squares_of_{name}", torch.ones_like(table))

    def forward(self, i: Tensor, j: Tensor) -> Tensor:
        """The model's log X_ij of ids (N,) and (N,), giving (N,)."""
        w, w_tilde = F.embedding(i, self.w), F.embedding(j, self.w_tilde)
        return (w * w_tilde).sum(1) + self.b[i, 0] + self.b_tilde[j, 0]

    def weights(self, x: Tensor) -> Tensor:
        """f(x) of counts (N,): rare pairs are noise and weigh less, frequent ones all the same."""
        return (x / self.config.x_max).pow(self.config.alpha).clamp(max=1)

    def loss(self, batch: Cells) -> Tensor:
        """Equation 8 as a mean over cells: rows (N,), columns (N,), counts (N,)."""
        i, j, x = batch
        return (self.weights(x) * (self(i, j) - x.log()).square()).mean()

    @property
    def vectors(self) -> Tensor:
        """w + w̃ (V, d): the sum does a little better than either (section 4.2)."""
        return (self.w + self.w_tilde).detach()

    @torch.no_grad()
    def step(self, batch: Cells, lr: float) -> None:
        """One step of AdaGrad, each cell of the batch being an example of its own."""
        i, j, x = batch
        error = (2 * self.weights(x) * (self(i, j) - x.log()))[:, None]  # ∂J/∂(log X_ij), (N, 1)
        dw, dw_tilde = error * F.embedding(j, self.w_tilde), error * F.embedding(i, self.w)
        self._adagrad("w", i, dw, lr)
        self._adagrad("w_tilde", j, dw_tilde, lr)
        self._adagrad("b", i, error, lr)
        self._adagrad("b_tilde", j, error, lr)

    def _adagrad(self, name: str, ids: Tensor, gradient: Tensor, lr: float) -> None:
        """table[ids] -= lr · gradient / √(sum of its squares up to now): (N,) and (N, d)."""
        table, squares = self.get_parameter(name), self.get_buffer(f"squares_of_{name}")
        squares.index_add_(0, ids, gradient.square())
        table.index_add_(0, ids, gradient * F.embedding(ids, squares).rsqrt(), alpha=-lr)


def train(
    model: GloVe,
    cells: Cells,
    *,
    epochs: int = 25,
    lr: float = 0.05,
    batch_size: int = 1024,
    seed: int = 0,
    after_epoch: Callable[[int], object] | None = None,
) -> None:
    """Train on the cells of X in random order; the same seed and start give the same result.

    ``after_epoch`` is told how many epochs are done.

    Raises:
        ValueError: no cells, counts that are not over zero, ids outside the vocabulary,
            impossible settings, or a loss that is no longer finite.
    """
    if epochs < 1 or batch_size < 1 or not 0 < lr < float("inf"):
        raise ValueError(f"epochs {epochs}, lr {lr}, batch_size {batch_size}: give numbers over 0")
    _check(cells, model.config.vocab_size)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        order = torch.randperm(len(cells[0]), generator=generator)
        for some in order.split(batch_size):
            i, j, x = (column[some] for column in cells)
            model.step((i, j, x), lr)
        if not all(bool(table.isfinite().all()) for table in model.parameters()):
            raise ValueError(f"vectors are no longer finite: lower lr, now {lr}")
        if after_epoch is not None:
            after_epoch(epoch + 1)


def _check(cells: Cells, vocab_size: int) -> None:
    i, j, x = cells
    if not len(i) or not len(i) == len(j) == len(x):
        raise ValueError(
            f"{len(i)} rows, {len(j)} columns, {len(x)} counts: give as many of each, at least one"
        )
    for ids in (i, j):
        check_range("id", ids, vocab_size, "count with the vocabulary of this model")
    if not bool((x > 0).all()) or not bool(x.isfinite().all()):
        wrong = x[~((x > 0) & x.isfinite())][0].item()
        raise ValueError(f"a count is {wrong}: leave out cells that are not over zero and finite")
