"""One step of training: micro-batches, gradients, clipping, update."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from llm_nb.data.batches import IGNORE
from llm_nb.runtime import autocast
from llm_nb.training.compiling import compiled
from llm_nb.training.config import TrainConfig
from llm_nb.training.optim import make_optimizer
from llm_nb.training.schedules import factor
from llm_nb.training.world import Parallel, World, map_tensors, whole

_SMALLEST_SCALE = 1.0  # a loss scale under this: the gradient itself overflows fp16


@dataclass(frozen=True)
class StepResult:
    """What a step was like."""

    loss: float  # mean over its targets
    lr: float
    grad_norm: float  # before clipping
    targets: int
    skipped: bool  # fp16 overflowed, so the weights stayed
    stop: bool  # one of the processes was asked to stop


class Step:
    """Everything that a step needs; call it with the step's number."""

    def __init__(
        self, model: nn.Module, batches: Iterator[Any], config: TrainConfig, world: World
    ) -> None:
        self.model, self.batches, self.config, self.world = model, batches, config, world
        self.parallel = Parallel(model, world)
        self.device = next(model.parameters()).device
        if config.precision == "fp16" and world.fsdp:
            raise ValueError("precision 'fp16' and FSDP do not go together: use bf16, or DDP")
        self.loss = self.parallel.loss
        if config.compile:
            self.loss = compiled(self.loss, self.device)
        self.optimizer = make_optimizer(model, config)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")

    def __call__(self, step: int, stop: bool = False) -> StepResult:
        """Raises FloatingPointError, before a weight has moved, where the loss is NaN or infinite."""
        config, world = self.config, self.world
        lr = config.lr * factor(config.schedule, step, config.steps, config.warmup, config.final)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        first = getattr(self.batches, "position", config.accumulate * step)
        micro = [next(self.batches) for _ in range(config.accumulate)]
        counts = [n_targets(self.model, batch) for batch in micro]
        targets = sum(counts)
        if not targets:
            raise ValueError(f"step {step} has no target to learn from: check the batches")
        losses = torch.zeros(len(micro) + 1, device=self.device)  # the last: asked to stop?
        losses[-1] = float(stop)
        learning = [i for i, n in enumerate(counts) if n]
        for i in learning:
            batch, n = world.rows(micro[i]), counts[i]
            if world.size > 1 and not (n := n_targets(self.model, batch)):
                batch = micro[i]  # every process must take part; with weight 0 it adds nothing
            batch = map_tensors(lambda t: t.to(self.device, non_blocking=True), batch)
            with (
                self.parallel.exchange(last=i == learning[-1]),
                autocast(self.device, config.precision),
            ):
                # Every target of the step weighs the same, wherever it stands.
                loss = self.loss(batch) * (n / targets)
            losses[i] = loss.detach()
            self.scaler.scale(loss * world.size).backward()  # gradients are averaged, not summed
        norm = self._clip()
        *parts, asked = world.sum(losses).tolist()
        loss_value, norm_value = sum(parts), float(norm)
        self._check(step, lr, first, parts, norm_value)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        skipped = self.scaler.is_enabled() and not math.isfinite(norm_value)
        return StepResult(loss_value, lr, norm_value, targets, skipped, asked > 0)

    def _clip(self) -> Tensor:
        """Scale the whole gradient down to the allowed norm (Pascanu et al. 2013); its norm."""
        self.scaler.unscale_(self.optimizer)
        return whole(nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip))

    def _check(self, step: int, lr: float, first: int, parts: list[float], norm: float) -> None:
        wrong = [i for i, value in enumerate(parts) if not math.isfinite(value)]
        if wrong:
            self.optimizer.zero_grad(set_to_none=True)
            raise FloatingPointError(
                f"the loss is {parts[wrong[0]]} at step {step}, in batch {first + wrong[0]} of the data "
                f"(lr {lr:.2g}): lower lr, lengthen warmup, or look at that batch; the weights are "
                "those before the step"
            )
        if math.isfinite(norm):
            return
        if not self.scaler.is_enabled():
            self.optimizer.zero_grad(set_to_none=True)
            raise FloatingPointError(
                f"the gradient is {norm} at step {step}, batches {first} to {first + len(parts) - 1} "
                f"of the data (lr {lr:.2g}): lower lr or lengthen warmup; the weights are those "
                "before the step"
            )
        if self.scaler.get_scale() < _SMALLEST_SCALE:
            raise FloatingPointError(
                f"the gradient overflows fp16 at step {step} even unscaled: lower lr, or use bf16 or fp32"
            )


def n_targets(model: nn.Module, batch: Any) -> int:
    """How many targets the mean loss of a batch is over.

    A model may say so itself, by ``n_targets(batch)``; else they are the entries of the batch's
    second tensor that are not −100.
    """
    own = getattr(model, "n_targets", None)
    return own(batch) if own is not None else int((batch[1] != IGNORE).sum())
