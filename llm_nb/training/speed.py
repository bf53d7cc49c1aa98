"""How long a training step takes, for comparing models at one batch."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn


def seconds_a_step(model: nn.Module, batch: Any, repeats: int = 3) -> float:
    """Forward and backward through ``model.loss(batch)``, in seconds: the fastest of ``repeats``,
    after one that is not counted. No weight moves; gradients are dropped.

    Raises:
        ValueError: repeats is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}: it must be at least 1")
    best = float("inf")
    for n in range(repeats + 1):
        _wait(model)
        started = time.perf_counter()
        model.loss(batch).backward()  # type: ignore[operator]
        _wait(model)
        if n:
            best = min(best, time.perf_counter() - started)
        model.zero_grad(set_to_none=True)
    return best


def _wait(model: nn.Module) -> None:
    """A GPU is told what to do and goes on by itself."""
    if next(model.parameters()).device.type == "cuda":
        torch.cuda.synchronize()
