"""The training loop: steps, evaluations, checkpoints, and a way back into the middle of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from llm_nb.training import rng
from llm_nb.training.checkpoints import Checkpoint, Checkpoints
from llm_nb.training.config import TrainConfig, differences
from llm_nb.training.history import History
from llm_nb.training.interrupts import Interrupts
from llm_nb.training.progress import Progress, Watch, peak_memory
from llm_nb.training.snapshot import (
    check_same_model,
    check_same_tensors,
    description,
    load_model,
    load_optimizer,
    model_tensors,
    optimizer_tensors,
)
from llm_nb.training.step import Step
from llm_nb.training.world import ALONE, World, names_a_lost_process


class Trainer:
    """Trains any model that has ``loss(batch)``, the mean over the targets of a batch.

    Args:
        model: on its device. Where a mean is over anything but the entries of ``batch[1]`` that
            are not −100, the model also has ``n_targets(batch)``.
        batches: yields batches. To go on exactly from a checkpoint they must be a ``Feed``.
        evaluate: called every ``eval_every`` steps and at the end, in evaluation mode; it
            returns a number, lower is better. What it draws at random leaves training as it was.
        folder: where checkpoints go; without one there are none.
        world: the processes that train together (``training.world.join``).
        watch: called as ``watch(step, {"loss": …})`` after each step and each evaluation, for
            TensorBoard and the like.
        flops_per_token: what ``training.flops`` counted; gives the share of the card in use.

    ``fit`` trains; ``resume``, called before it, goes on from the last checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Iterator[Any],
        config: TrainConfig,
        evaluate: Callable[[], float] | None = None,
        *,
        folder: str | Path | None = None,
        world: World = ALONE,
        watch: Watch | None = None,
        flops_per_token: float | None = None,
    ) -> None:
        self.model, self.batches, self.config = model, batches, config
        self.evaluate, self.world, self.watch = evaluate, world, watch
        self.flops_per_token = flops_per_token
        self.checkpoints = Checkpoints(folder, config.keep) if folder is not None else None
        if folder is not None and not hasattr(batches, "state_dict"):
            raise ValueError(
                "checkpoints need batches that know their place: give a Feed (llm_nb.data.feeds)"
            )
        if config.patience is not None and evaluate is None:
            raise ValueError("patience counts evaluations: give evaluate, or leave patience out")
        self.train_step = Step(model, batches, config, world)
        self.device = self.train_step.device
        self.history = History()
        self.step = 0  # steps done

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser, with its state."""
        return self.train_step.optimizer

    def fit(self) -> History:
        """Train up to ``config.steps`` steps in all.

        Ctrl-C, the stop button or SIGTERM ends it after the step that is under way, saves, and
        returns the history; a second one raises at once.

        Raises:
            FloatingPointError: the loss or the gradient is NaN or infinite; the weights are those
                before the step, and no checkpoint was touched.
            ValueError: ``folder`` has later checkpoints than this run.
            ConnectionError: another process of the run was lost.
        """
        self._check_folder()
        self.history.interrupted = self.history.stopped_early = False
        self.model.train()
        try:
            with Interrupts() as interrupts, closing(Progress(self)) as progress:
                while self.step < self.config.steps:
                    started = time.perf_counter()
                    result = self.train_step(self.step, interrupts.asked)
                    self.step += 1
                    self._record(result, time.perf_counter() - started)
                    progress.after_step()
                    alone = self.world.size == 1  # else all must stop after the same step
                    if self._after_step(result.stop or (alone and interrupts.asked)):
                        break
        except RuntimeError as error:
            if self.world.size == 1 or not names_a_lost_process(error):
                raise
            raise ConnectionError(
                f"another process of the run was lost at step {self.step}: start all of them again "
                "and go on from the last checkpoint, which is whole"
            ) from error
        except KeyboardInterrupt:  # a second one, or not from a signal: the step may be torn
            self.history.interrupted = True
        self.model.eval()
        return self.history

    def _record(self, result: Any, seconds: float) -> None:
        history = self.history
        history.loss.append(result.loss)
        history.lr.append(result.lr)
        history.grad_norm.append(result.grad_norm)
        history.tokens += result.targets
        history.skipped += result.skipped
        history.seconds += seconds
        history.peak_memory = max(history.peak_memory, peak_memory(self.device))

    def _after_step(self, asked_to_stop: bool) -> bool:
        """Evaluate and save where it is time to; whether training ends here."""
        config, history = self.config, self.history
        last = self.step == config.steps
        best = None
        if self.evaluate is not None and (last or self.step % config.eval_every == 0):
            value = self._evaluate()
            if config.patience is not None:
                history.stopped_early = history.without_progress() >= config.patience
            if history.best == (self.step, value):
                best = value
        history.interrupted = asked_to_stop and not last
        ends = last or history.stopped_early or history.interrupted
        due = config.save_every is not None and self.step % config.save_every == 0
        if self.checkpoints is not None and (due or ends or best is not None):
            self.save(best)
        return ends

    def _evaluate(self) -> float:
        assert self.evaluate is not None
        self.model.eval()
        with torch.no_grad(), rng.untouched(self.device):
            value = float(self.evaluate())
        self.model.train()
        value = float(self.world.gather(torch.tensor([value], device=self.device))[0])
        self.history.val.append((self.step, self.history.seconds, value))
        if self.watch is not None and self.world.main:
            self.watch(self.step, {"validation": value})
        return value

    def save(self, best: float | None = None) -> Path:
        """Write a checkpoint of this moment. Every process must call it; one writes.

        Args:
            best: the evaluation of this moment, if it is the lowest so far.

        Raises:
            OSError: it could not be written; the older ones are unchanged.
        """
        if self.checkpoints is None:
            raise ValueError("there is no folder to save in: give the Trainer a folder")
        states = self.world.gather(rng.torch_state(self.device).to(self.device))
        tensors = {f"rng/{rank}": state.cpu() for rank, state in enumerate(states)}
        tensors |= optimizer_tensors(self.model, self.optimizer)
        record = {
            "step": self.step,
            "model": description(self.model),
            "config": asdict(self.config),
            "data": self.batches.state_dict(),  # type: ignore[attr-defined]
            "scaler": self.train_step.scaler.state_dict(),
            "history": asdict(self.history),
            "rng": rng.other_state(),
            "torch": torch.__version__,
        }
        checkpoint = Checkpoint(model_tensors(self.model), tensors, record)
        if self.world.main:
            self.checkpoints.write(self.step, checkpoint, best)
        self.world.wait()
        return self.checkpoints.path(self.step)

    def resume(self) -> int:
        """Go on from the last checkpoint of ``folder``; how many steps were done (0: there is none).

        On a CPU, with the same settings, data and number of threads, every later weight is bit
        for bit what it would have been without the break.

        Raises:
            ValueError: the checkpoint is damaged, or of another model, other settings or other data.
        """
        if self.checkpoints is None or not (steps := self.checkpoints.steps()):
            return 0
        checkpoint = self.checkpoints.read(steps[-1])
        record = checkpoint.record
        check_same_model(record["model"], self.model)
        if changed := differences(record["config"], self.config):
            raise ValueError(
                f"the checkpoint was trained with other settings ({changed}): set them back, "
                "or start a new run in another folder"
            )
        check_same_tensors(checkpoint.model, self.model)
        self.batches.load_state_dict(record["data"])  # type: ignore[attr-defined]
        # Whatever could be refused was looked at: nothing is ever loaded in part.
        load_model(self.model, checkpoint.model)
        tensors = checkpoint.tensors
        processes = sum(name.startswith("rng/") for name in tensors)
        states = [tensors.pop(f"rng/{rank}") for rank in range(processes)]
        load_optimizer(self.model, self.optimizer, tensors)
        self.train_step.scaler.load_state_dict(record["scaler"])
        self.history = _history(record["history"])
        self.step = record["step"]
        self._restore_rng(states, record["rng"])
        return self.step

    def load_best(self) -> int:
        """Put the weights of the best checkpoint into the model; the step they are from."""
        step = self.checkpoints.best() if self.checkpoints is not None else None
        if self.checkpoints is None or step is None:
            raise ValueError("no checkpoint is the best: give the Trainer evaluate and a folder")
        load_model(self.model, self.checkpoints.read(step).model)
        return step

    def _restore_rng(self, states: list[torch.Tensor], others: dict[str, Any]) -> None:
        if len(states) == self.world.size:
            rng.set_torch_state(states[self.world.rank], self.device)
            rng.set_other_state(others)
        else:
            torch.manual_seed(self.step * self.world.size + self.world.rank)
            if self.world.main:
                print(f"saved by {len(states)} processes, now {self.world.size}: new dropout draws")

    def _check_folder(self) -> None:
        steps = self.checkpoints.steps() if self.checkpoints is not None else []
        if steps and steps[-1] > self.step:
            assert self.checkpoints is not None
            raise ValueError(
                f"{self.checkpoints.folder} has a checkpoint of step {steps[-1]}: call resume() to go on "
                "from it, or choose another folder"
            )


def _history(record: dict[str, Any]) -> History:
    """From JSON, which has lists for tuples."""
    return replace(History(**record), val=[(s, t, v) for s, t, v in record["val"]])
