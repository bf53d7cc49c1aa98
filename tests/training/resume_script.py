"""Trains a small GPT-2 with dropout up to its last step, from the last checkpoint if there is one.

Arguments: folder, precision, optimiser, and a step at which to end with SIGINT to itself (0: none).
"""

import os
import signal
import sys

import numpy as np
import torch
from safetensors.torch import save_file

from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.models import chunked_loss
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.training import TrainConfig, Trainer
from llm_nb.training.world import join, restarts

STEPS = 8


class Uneven(RandomWindows):
    """Some targets are none; every third batch has all of its targets in the first two rows."""

    def __getitem__(self, n):
        x, y = super().__getitem__(n)
        y = y.clone()
        y[0, : n % 5] = -100
        if n % 3 == 2:
            y[2:] = -100
        return x, y


def trainer(folder, precision="fp32", optimizer="adamw", wide=16, world=None, **settings):
    """The run that the tests break off and go on with."""
    torch.manual_seed(0)
    model = GPT2(GPT2Config(20, 8, wide, 2, 2, settings.pop("dropout", 0.1)))
    ids = np.random.default_rng(0).integers(0, 20, 500).astype(np.int32)
    plan = {"lr": 1e-2, "warmup": 2, "eval_every": 4, "save_every": 1, "accumulate": 2}
    config = TrainConfig(STEPS, precision=precision, optimizer=optimizer, **(plan | settings))
    extra = {"world": world} if world is not None else {}
    feed = Feed(Uneven(ids, 8, 4, seed=1))
    run = Trainer(model, feed, config, lambda: float(torch.rand(())), folder=folder, **extra)
    if precision == "fp16":  # far too large: the scale falls step by step until one is not skipped
        run.train_step.scaler = torch.amp.GradScaler("cpu", 2.0**22)
    return run


def at_step(run, step, act):
    """Call ``act`` once, in the middle of the step."""
    inner, done = run.train_step.loss, []

    def loss(batch):
        if run.step + 1 == step and not done:
            done.append(True)
            act()
        return inner(batch)

    run.train_step.loss = loss


if __name__ == "__main__":
    folder, precision, optimizer, stop, strategy = sys.argv[1:6]
    torch.set_num_threads(1)
    if chunk := os.environ.get("CHUNK"):  # logits at a time, fewer than the vocabulary has for all
        chunked_loss._CHUNK["cpu"] = int(chunk)
    with join(strategy) as world:
        run = trainer(
            folder,
            precision,
            optimizer,
            world=world,
            dropout=float(os.environ.get("DROPOUT", 0.1)),
        )
        if int(stop):
            at_step(run, int(stop), lambda: os.kill(os.getpid(), signal.SIGINT))
        if kill := os.environ.get("KILL"):  # "rank step", in the first life of these processes
            rank, step = map(int, kill.split())
            if rank == world.rank and not restarts():
                at_step(run, step, lambda: os.kill(os.getpid(), signal.SIGKILL))
        run.resume()
        history = run.fit()
        if world.main:
            print(run.step, history.interrupted, flush=True)
            values = {k: torch.tensor(getattr(history, k)) for k in ("loss", "grad_norm", "lr")}
            values["val"] = torch.tensor([(s, v) for s, _, v in history.val])
            save_file(values, f"{folder}/history-{run.step}.safetensors")
