"""What can be seen of a run: a bar, TensorBoard, memory. Quiet where output is stored."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from llm_nb.extras import library
from llm_nb.training.flops import peak_flops

if TYPE_CHECKING:
    from llm_nb.training.trainer import Trainer

Watch = Callable[[int, dict[str, float]], None]


def quiet() -> bool:
    """Whether bars are off: in CI, and where LLM_NB_QUIET is set."""
    return any(os.environ.get(name) for name in ("CI", "LLM_NB_QUIET"))


class Progress:
    """A bar with loss, tokens a second, share of the card and time left, for the main process.

    It is plain text in notebooks too: a stored widget loads scripts from another host.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        config, history = trainer.config, trainer.history
        self.peak: float | None = None
        if trainer.flops_per_token is not None:
            self.peak = peak_flops(trainer.device, config.precision) * trainer.world.size
        self.before = history.tokens, history.seconds
        off = quiet() or not trainer.world.main
        self.bar = tqdm(total=config.steps, initial=trainer.step, disable=off, unit="step")

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()

    def after_step(self) -> None:
        """Show and pass on the figures of the step that is done."""
        trainer, history = self.trainer, self.trainer.history
        tokens, seconds = history.tokens - self.before[0], history.seconds - self.before[1]
        rate = tokens / seconds
        shown = {"loss": f"{history.loss[-1]:.3f}", "tokens_per_s": f"{rate:,.0f}"}
        if self.peak is not None and trainer.flops_per_token is not None:
            history.mfu = trainer.flops_per_token * rate / self.peak
            shown["mfu"] = f"{history.mfu:.0%}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()
        if trainer.watch is not None and trainer.world.main:
            figures = {
                "loss": history.loss[-1],
                "lr": history.lr[-1],
                "grad_norm": history.grad_norm[-1],
                "tokens_per_second": rate,
                "peak_memory": float(history.peak_memory),
            }
            trainer.watch(trainer.step, figures | ({"mfu": history.mfu} if history.mfu else {}))


def tensorboard(folder: str | Path) -> Watch:
    """A ``watch`` that writes to TensorBoard's format: ``tensorboard --logdir folder`` shows it.

    Every step is in the file when the call returns (it takes a fraction of a millisecond).

    Raises:
        ImportError: TensorBoard is not installed.
    """
    library("tensorboard", "lab")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder)

    def watch(step: int, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return watch


def peak_memory(device: torch.device) -> int:
    """Bytes at most in use so far: by the GPU's tensors, or by the whole process on a CPU; 0 where
    the system does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
