"""AdamW and its learning-rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn


def adamw(
    model: nn.Module, lr: float, weight_decay: float = 0.1, betas: tuple[float, float] = (0.9, 0.95)
) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) that decays matrices only.

    Biases and layer-norm gains are vectors; pulling them to zero would fight what they are
    for. ``fused`` updates all weights in one kernel, on CPU and CUDA alike.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},
    ]
    fused = {p.device.type for p in weights} <= {"cpu", "cuda"}
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=fused)


def warmup_cosine(step: int, steps: int, warmup: int, floor: float = 0.1) -> float:
    """Factor on the learning rate: 0 → 1 in ``warmup`` steps, then a cosine down to ``floor``.

    Args:
        step: 0-based; the first step already moves, at 1/warmup.
        steps: length of the whole run.

    >>> [round(warmup_cosine(s, steps=10, warmup=2), 2) for s in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.55, 0.13]
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
