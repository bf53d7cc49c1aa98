"""Cross-entropy over a large vocabulary that never holds all of the logits.

The logits (N, V) of N positions are the largest tensor of a small model's training step, and the
usual loss keeps about three of that size: them, their log-softmax, and their gradient. Here some
rows at a time are computed, turned into loss and gradients at once, and dropped: the gradient of
the mean is known in the forward pass but for one factor. Torch's discussion of the same idea is
pytorch#124480; Wijmans et al. (2025) do it inside one GPU kernel.

N positions · C = width of the vectors · V vocabulary
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORE = -100  # a target that is no target: it counts in no loss

# Logits computed at a time. Measured on one core, forward and backward at N = 3,072 and C = 384:
# whole logits and chunks of 128 to 1,024 rows take the same time, within 5 %, from V = 256 to
# 2,048, and at 50,304 (3.6 s) if freed memory is kept; if it is given back, 6.3 s whole and 3.9 to
# 4.2 in chunks. So a CPU has chunks as soon as they save memory, 32 MB of logits each. A GPU
# wants larger products; its number is not measured.
_CHUNK = {"cpu": 1 << 23}
_CHUNK_ELSEWHERE = 1 << 26


def vocabulary_loss(
    hidden: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy, in nats, of the logits ``hidden @ weight.T + bias``.

    In chunks where the logits are more than one chunk, else as ``F.cross_entropy`` has it; value
    and gradients are the same but for rounding. Without a target it is NaN.

    Args:
        hidden: (N, C).
        weight: (V, C), which may be the table of token vectors.
        targets: (N,) ids; −100 is left out.
        bias: (V,).

    Raises:
        IndexError: a target is outside the vocabulary (a CPU says so; a GPU stops).
    """
    rows = _CHUNK.get(hidden.device.type, _CHUNK_ELSEWHERE) // weight.size(0)
    if len(hidden) <= max(1, rows):
        logits = F.linear(hidden, weight, bias)
        return F.cross_entropy(logits.to(_wide(logits.dtype)), targets, ignore_index=IGNORE)
    return chunked_loss(hidden, weight, targets, bias, max(1, rows))


def chunked_loss(
    hidden: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, rows: int
) -> Tensor:
    """As ``vocabulary_loss``, with ``rows`` rows of logits at a time."""
    if torch.is_grad_enabled():
        return _Chunked.apply(hidden, weight, bias, targets, rows)
    return _forward(hidden, weight, bias, targets, rows, [None, None, None])[0]


class _Chunked(torch.autograd.Function):
    """Gradients are made in ``forward``; ``backward`` multiplies them by the outer one."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, rows: int
    ) -> Tensor:
        tensors = (hidden, weight, bias)
        # The sum's gradients, not the mean's: in fp16 one target's share of thousands would be 0.
        sums = [
            torch.zeros_like(t, dtype=_wide(t.dtype)) if t is not None and needed else None
            for t, needed in zip(tensors, ctx.needs_input_grad, strict=False)
        ]
        loss, scale = _forward(hidden, weight, bias, targets, rows, sums)
        ctx.save_for_backward(scale, *sums)
        ctx.dtypes = [t.dtype if t is not None else None for t in tensors]
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        scale, *sums = ctx.saved_tensors
        gradients = (
            (total * (scale * outer)).to(dtype) if total is not None else None
            for total, dtype in zip(sums, ctx.dtypes, strict=True)
        )
        return (*gradients, None, None)


def _forward(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    rows: int,
    sums: list[Tensor | None],
) -> tuple[Tensor, Tensor]:
    """The mean loss, and 1 over the number of targets.

    Args:
        sums: zeros, to which the gradients of the sum of losses by hidden, weight and bias are
            added; None where one is not wanted.
    """
    device, dtype, wide = hidden.device, hidden.dtype, _wide(hidden.dtype)
    if torch.is_autocast_enabled(device.type):
        dtype = torch.get_autocast_dtype(device.type)
    d_hidden, d_weight, d_bias = sums
    counted = targets != IGNORE  # (N,)
    total = torch.zeros((), device=device, dtype=wide)
    with torch.autocast(device.type, enabled=False):  # cast once, not in every chunk
        matrix, offset = weight.to(dtype), bias.to(dtype) if bias is not None else None
        for start in range(0, len(hidden), rows):
            here = slice(start, start + rows)
            x, keep = hidden[here].to(dtype), counted[here, None].to(wide)  # (n, C), (n, 1)
            target = targets[here].where(counted[here], 0)[:, None]  # (n, 1)
            log_p = F.log_softmax(F.linear(x, matrix, offset).to(wide), dim=1)  # (n, V)
            total -= (log_p.gather(1, target) * keep).sum()
            if all(s is None for s in sums):
                continue
            # −log p(target) by the logits: p, less 1 at the target.
            p = log_p.exp_().scatter_add_(1, target, log_p.new_full(target.shape, -1.0))
            if d_bias is not None:
                d_bias += keep[:, 0] @ p
            p = p.to(dtype)
            if d_hidden is not None:
                d_hidden[here] = (p @ matrix) * keep
            if d_weight is not None:
                _add_product(d_weight, p.T, x * keep.to(dtype))
    scale = 1 / counted.sum().to(wide)
    return total * scale, scale


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += a @ b, in one go where the types allow it."""
    if total.dtype == a.dtype:
        total.addmm_(a, b)
    else:
        total += a @ b


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The type in which sums over the vocabulary are made."""
    return torch.promote_types(dtype, torch.float32)
