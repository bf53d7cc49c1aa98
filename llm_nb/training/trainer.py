"""The training loop: a plain, complete one that a chapter can show whole."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn
from tqdm import tqdm

from llm_nb.data.batches import IGNORE, Batch
from llm_nb.training.optim import adamw, warmup_cosine


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast; sizes of model and batch belong to the model and the data."""

    steps: int
    lr: float = 1e-3
    warmup: int = 100
    weight_decay: float = 0.1
    clip: float = 1.0  # largest allowed norm of the whole gradient
    accumulate: int = 1  # micro-batches to a step
    eval_every: int = 100

    def __post_init__(self) -> None:
        for name in ("steps", "accumulate", "eval_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")


@dataclass
class History:
    """One record a step; ``val`` holds (step, seconds, value) of each evaluation."""

    loss: list[float] = field(default_factory=list)  # nats a token, mean of the step
    lr: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    val: list[tuple[int, float, float]] = field(default_factory=list)
    seconds: float = 0.0  # spent in training steps, evaluations not counted
    tokens: int = 0  # targets learned from
    interrupted: bool = False

    @property
    def tokens_per_second(self) -> float:
        """Targets learned from, a second of training."""
        return self.tokens / self.seconds if self.seconds else math.nan

    def smoothed_loss(self, width: int) -> list[float]:
        """Mean loss of each ``width`` steps, one after the other; the last may be fewer."""
        groups = (self.loss[i : i + width] for i in range(0, len(self.loss), width))
        return [sum(group) / len(group) for group in groups]


class Trainer:
    """Trains any model that has ``loss((ids, targets))``.

    Args:
        model: already on its device.
        batches: yields (ids, targets); targets of −100 are no targets.
        evaluate: called every ``eval_every`` steps and at the end; what it returns is kept.
        autocast: a function giving the context of the forward pass (``run.autocast``).
        fp16: scale the loss, which half precision on older GPUs needs.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Iterator[Batch],
        config: TrainConfig,
        evaluate: Callable[[], float] | None = None,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
        fp16: bool = False,
    ) -> None:
        self.model, self.batches, self.config = model, batches, config
        self.evaluate, self.autocast = evaluate, autocast
        self.device = next(model.parameters()).device
        self.optimizer = adamw(model, config.lr, config.weight_decay)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=fp16)
        self.history = History()

    def fit(self) -> History:
        """Train ``config.steps`` steps; an interrupt (Ctrl-C, the stop button) ends it early.

        Raises:
            FloatingPointError: the loss is NaN or infinite; the weights are those before the step.
        """
        quiet = any(os.environ.get(name) for name in ("CI", "LLM_NB_QUIET"))
        self.model.train()
        try:
            with tqdm(range(self.config.steps), disable=quiet, unit="step") as bar:
                for step in bar:
                    self._step(step)
                    last = step + 1 == self.config.steps
                    if self.evaluate and (last or (step + 1) % self.config.eval_every == 0):
                        value = self.evaluate()
                        self.history.val.append((step + 1, self.history.seconds, value))
                    rate = f"{self.history.tokens_per_second:,.0f}"
                    bar.set_postfix(loss=f"{self.history.loss[-1]:.3f}", tokens_per_s=rate)
        except KeyboardInterrupt:
            self.history.interrupted = True
        self.model.eval()
        return self.history

    def _step(self, step: int) -> None:
        started, config = time.perf_counter(), self.config
        lr = config.lr * warmup_cosine(step, config.steps, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        micro = [next(self.batches) for _ in range(config.accumulate)]
        valid = [int((targets != IGNORE).sum()) for _, targets in micro]
        if not sum(valid):
            raise ValueError(f"step {step} has no target to learn from: check the batches")
        total = 0.0
        for batch, n in zip(micro, valid, strict=True):
            ids, targets = (t.to(self.device, non_blocking=True) for t in batch)
            with self.autocast():
                # Every target of the step weighs the same, however the micro-batches fall.
                loss = self.model.loss((ids, targets)) * (n / sum(valid))  # type: ignore[operator]
            total += loss.item()
            if not math.isfinite(total):
                raise FloatingPointError(
                    f"the loss is {total} at step {step} (lr {lr:.2g}): lower lr, lengthen warmup, or check the batch"
                )
            self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.history.loss.append(total)
        self.history.lr.append(lr)
        self.history.grad_norm.append(float(norm))
        self.history.tokens += sum(valid)
        self.history.seconds += time.perf_counter() - started
