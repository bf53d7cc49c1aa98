"""The learning rate over time, as a factor on its peak."""

from __future__ import annotations

import math

from llm_nb.training.config import ScheduleName


def factor(
    schedule: ScheduleName, step: int, steps: int, warmup: int = 0, final: float = 0.1
) -> float:
    """0 → 1 in ``warmup`` steps, then as the schedule says.

    ``"cosine"`` (Loshchilov & Hutter 2017, equation 5) and ``"linear"`` fall to ``final`` at the
    end; ``"inverse_sqrt"`` falls with the root of the steps, wherever the run ends (Vaswani et al.
    2017, equation 3, over its peak); ``"constant"`` stays at 1.

    Args:
        step: 0-based; the first step already moves, at 1/warmup.
        steps: length of the whole run.

    >>> [round(factor("cosine", s, steps=10, warmup=2), 2) for s in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.55, 0.13]
    >>> [round(factor("linear", s, steps=10, warmup=2, final=0.0), 2) for s in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.12]
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    if schedule == "inverse_sqrt":
        return math.sqrt(max(1, warmup) / (step + 1))
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    falling = 0.5 * (1 + math.cos(math.pi * progress)) if schedule == "cosine" else 1 - progress
    return final + (1 - final) * falling
