"""Skip-gram and CBOW with negative sampling (Mikolov et al. 2013a, section 3; 2013b, section 2).

Skip-gram predicts each word o of a window from its centre c, CBOW the centre from the others:

    log σ(u_o · v_c)  +  K · E_{n ~ P} [log σ(-u_n · v_c)]             (2013b, equation 4)

is to be large; in CBOW o is the centre, and the mean of the window's vectors stands for v_c.

v input vectors (V, d) · u output vectors (V, d) · P noise, counts^(3/4) · K negatives a pair
B blocks of text · L centres and C contexts in a block · M negatives that a block shares

The mean over the M shared negatives estimates the expectation. `loss` is the equation, for
autograd; `step` is its gradient written out, for all windows of some blocks at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_sizes
from llm_nb.models.windows import Windows, read

MAX_SUMMED_RATE = 2.0  # lr × the updates of one word in one step


@dataclass(frozen=True)
class Word2VecConfig:
    """Sizes of a model and of its windows."""

    vocab_size: int
    dim: int = 100
    window: int = 5
    negatives: int = 5
    subsample: float = 1e-3  # threshold t of 2013b, section 2.3; 0 keeps every word

    def __post_init__(self) -> None:
        check_sizes(self, "vocab_size", least=2)
        check_sizes(self, "dim", "window", "negatives")
        if not self.subsample >= 0:
            raise ValueError(f"subsample is {self.subsample}: give a share such as 1e-3, or 0")


def new_tables(config: Word2VecConfig) -> tuple[nn.Parameter, nn.Parameter]:
    """v (V, d) uniform in ±1/(2d) and u (V, d) zero, as the word2vec program starts them."""
    size = (config.vocab_size, config.dim)
    return nn.Parameter((torch.rand(size) - 0.5) / config.dim), nn.Parameter(torch.zeros(size))


def negative_sampling_loss(true: Tensor, noise: Tensor, negatives: int) -> Tensor:
    """Equation 4, negated, in nats: the mean over scores of pairs (N,) and of noise (N, M)."""
    return -(F.logsigmoid(true) + negatives * F.logsigmoid(-noise).mean(1)).mean()


def skip_gram_gradients(
    v: Tensor, u: Tensor, inside: Tensor, negatives: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of the loss, summed over pairs, and how many updates each of them sums.

    v (B, L, d) of centres · u (B, C+M, d) of contexts, then negatives · inside (B, L, C), 1 or 0

    Returns:
        ∂loss/∂v (B, L, d), ∂loss/∂u (B, C+M, d), updates of v (B, L), of u (B, C+M).
    """
    C, M = inside.size(2), u.size(1) - inside.size(2)
    pairs = inside.sum(2)  # (B, L)
    error = torch.bmm(v, u.mT).sigmoid_()  # ∂loss/∂score (B, L, C+M): σ - 1 for a pair,
    error[..., :C].sub_(1).mul_(inside)
    error[..., C:].mul_(pairs[..., None] * (negatives / M))  # K/M σ a pair for a negative
    drawn = (pairs.sum(1, keepdim=True) * (negatives / M)).expand(-1, M)
    updates_of_u = torch.cat([inside.sum(1), drawn], 1)
    return torch.bmm(error, u), torch.bmm(error.mT, v), pairs * (1 + negatives), updates_of_u


def descend(table: Tensor, ids: Tensor, gradient: Tensor, updates: Tensor, lr: float) -> None:
    """table[ids] -= lr · gradient, summed where an id recurs.

    The summed updates of a word were all computed from one and the same vector; where they are
    so many that ``lr`` × their number exceeds MAX_SUMMED_RATE, they are scaled down to it.
    Without that, training on a frequent word, or on a small vocabulary, diverges.

    Shapes: table (V, d) · ids (B, R) · gradient (B, R, d) · updates (B, R), how many each sums.
    """
    ids, gradient = ids.flatten(), gradient.flatten(0, 1)
    excess = table.new_zeros(len(table), 1)
    excess.index_add_(0, ids, updates.reshape(-1, 1), alpha=lr / MAX_SUMMED_RATE)
    gradient /= F.embedding(ids, excess.clamp_(min=1))
    table.index_add_(0, ids, gradient, alpha=-lr)


class SkipGram(nn.Module):
    """Predicts each word of a window from the word in its middle."""

    def __init__(self, config: Word2VecConfig) -> None:
        super().__init__()
        self.config = config
        self.v, self.u = new_tables(config)

    def forward(self, centres: Tensor, others: Tensor) -> Tensor:
        """Scores u_o · v_c of ids (N,) and (N,), giving (N,), or (N,) and (N, M), giving (N, M)."""
        v = F.embedding(centres, self.v)  # (N, d)
        return torch.einsum("nd,n...d->n...", v, F.embedding(others, self.u))

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Mean over pairs, in nats: centres (N,), contexts (N,), negatives (N, M)."""
        centres, contexts, negatives = batch
        true, noise = self(centres, contexts), self(centres, negatives)
        return negative_sampling_loss(true, noise, self.config.negatives)

    @torch.no_grad()
    def step(self, windows: Windows, lr: float) -> None:
        """Move all vectors against the gradient of the loss, summed over pairs, times ``lr``; see `descend`."""
        others = torch.cat([windows.contexts, windows.negatives], 1)  # (B, C+M)
        v, u = F.embedding(windows.centres, self.v), F.embedding(others, self.u)
        inside = windows.inside.to(v.dtype)
        dv, du, of_v, of_u = skip_gram_gradients(v, u, inside, self.config.negatives)
        descend(self.v, windows.centres, dv, of_v, lr)
        descend(self.u, others, du, of_u, lr)


class CBOW(nn.Module):
    """Predicts the word in the middle of a window from the mean of the words around it."""

    def __init__(self, config: Word2VecConfig) -> None:
        super().__init__()
        self.config = config
        self.v, self.u = new_tables(config)

    def forward(self, contexts: Tensor, others: Tensor) -> Tensor:
        """Scores u_o · mean(v) of ids (N, C), where -1 is no word, and others (N,) or (N, M)."""
        real = (contexts >= 0).to(self.v.dtype)
        share = real / real.sum(1, keepdim=True)  # (N, C)
        mean = torch.einsum("nc,ncd->nd", share, F.embedding(contexts.clamp(min=0), self.v))
        return torch.einsum("nd,n...d->n...", mean, F.embedding(others, self.u))

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Mean over windows, in nats: contexts (N, C), centres (N,), negatives (N, M)."""
        contexts, centres, negatives = batch
        true, noise = self(contexts, centres), self(contexts, negatives)
        return negative_sampling_loss(true, noise, self.config.negatives)

    @torch.no_grad()
    def step(self, windows: Windows, lr: float) -> None:
        """Move all vectors against the gradient of the loss, summed over windows, times ``lr``; see `descend`."""
        L, M = windows.centres.size(1), windows.negatives.size(1)
        inside = windows.inside.to(self.v.dtype)  # (B, L, C)
        size = inside.sum(2, keepdim=True)  # (B, L, 1)
        share = inside / size.clamp(min=1)
        others = torch.cat([windows.centres, windows.negatives], 1)  # (B, L+M)
        v, u = F.embedding(windows.contexts, self.v), F.embedding(others, self.u)
        mean = torch.bmm(share, v)  # (B, L, d)
        true = torch.eye(L, L + M, dtype=mean.dtype)  # a window's own centre
        weight = true.clone()
        weight[:, L:] = self.config.negatives / M
        weight = weight * (size > 0)  # (B, L, L+M)
        error = (torch.bmm(mean, u.mT).sigmoid() - true) * weight
        dv = torch.bmm(share.mT, torch.bmm(error, u))
        descend(self.v, windows.contexts, dv, share.sum(1) * (1 + self.config.negatives), lr)
        descend(self.u, others, torch.bmm(error.mT, mean), weight.sum(1), lr)


class Stepped(Protocol):
    """What `train` needs of a model."""

    config: Any  # with vocab_size, window, negatives and subsample

    def step(self, windows: Windows, lr: float) -> None:
        """One step of gradient descent."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The tables of vectors."""


def train(
    model: Stepped,
    documents: Iterable[Any],
    *,
    epochs: int = 5,
    lr: float = 0.025,
    min_lr: float = 1e-4,
    seed: int = 0,
    after_step: Callable[[float], object] | None = None,
) -> None:
    """Train on sequences of ids, the rate falling linearly from ``lr`` to ``min_lr``.

    The same starting vectors and ``seed`` give the same result. ``after_step`` is told the
    share of the work that was done before the step.

    Raises:
        ValueError: no text, ids outside the vocabulary, impossible rates, or vectors that are
            no longer finite.
    """
    if epochs < 1 or not 0 <= min_lr <= lr < float("inf") or lr == 0:
        raise ValueError(
            f"epochs {epochs}, lr {lr}, min_lr {min_lr}: give one epoch or more and "
            "0 <= min_lr <= lr, with lr over 0"
        )
    config = model.config
    steps = read(
        documents,
        config.vocab_size,
        window=config.window,
        subsample=config.subsample,
        epochs=epochs,
        seed=seed,
    )
    for share, windows in steps:
        model.step(windows, max(min_lr, lr * (1 - share)))
        if after_step is not None:
            after_step(share)
    if not all(bool(table.isfinite().all()) for table in model.parameters()):
        raise ValueError(f"training diverged and vectors are not finite: lower lr, now {lr}")
