"""What a training run was like, step by step, for plots."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class History:
    """One record a step; ``val`` holds (step, seconds, value) of each evaluation."""

    loss: list[float] = field(default_factory=list)  # mean over the targets of the step
    lr: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)  # before clipping
    val: list[tuple[int, float, float]] = field(default_factory=list)
    seconds: float = 0.0  # spent in training steps, evaluations and saving not counted
    tokens: int = 0  # targets learned from
    skipped: int = 0  # steps that fp16 left out because the scaled gradient overflowed
    mfu: float | None = None  # share of the card's arithmetic that the model used
    peak_memory: int = 0  # bytes: of the GPU's tensors, or of the whole process on a CPU
    interrupted: bool = False
    stopped_early: bool = False

    @property
    def tokens_per_second(self) -> float:
        """Targets learned from, a second of training."""
        return self.tokens / self.seconds if self.seconds else math.nan

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, value) of the lowest evaluation; None before the first."""
        values = [(value, step) for step, _, value in self.val if not math.isnan(value)]
        return min(values)[::-1] if values else None

    def smoothed_loss(self, width: int) -> list[float]:
        """Mean loss of each ``width`` steps, one after the other; the last may be fewer."""
        groups = (self.loss[i : i + width] for i in range(0, len(self.loss), width))
        return [sum(group) / len(group) for group in groups]

    def without_progress(self) -> int:
        """Evaluations since the lowest one."""
        best = self.best
        return sum(step > best[0] for step, _, _ in self.val) if best else len(self.val)
