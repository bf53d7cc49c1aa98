"""Trains in one child process after the other and kills each with SIGKILL at a random moment.

Arguments: a folder, and how many kills. torch is imported once and the children are forked, so
that a moment anywhere in a run is as likely as any other. Prints the kills, those of them inside
the write of a checkpoint, the runs that were brought to their end, and the steps lost at most.
"""

import mmap
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # which the first step of an optimiser would import in every child
from resume_script import STEPS, trainer
from safetensors.torch import load_file

from llm_nb.training.checkpoints import Checkpoints

SAVE_EVERY = 2
begun = mmap.mmap(-1, 1)  # shared with the children: the number of the step under way


def start(folder: Path) -> int:
    """A child that goes on from the last checkpoint and trains to the end."""
    if child := os.fork():
        return child
    run = trainer(folder, wide=256, save_every=SAVE_EVERY, eval_every=STEPS)
    inner = run.train_step.loss

    def loss(batch):
        begun[0] = run.step
        return inner(batch)

    run.train_step.loss = loss
    run.resume()
    run.fit()
    os._exit(0)


def tensors(folder: Path) -> dict:
    """All of the last checkpoint."""
    last = Checkpoints(folder).path(STEPS)
    return load_file(last / "model.safetensors") | load_file(last / "training.safetensors")


def main(folder: Path, kills: int) -> None:
    """Kill, look, go on; at the end of each run compare with the undisturbed one."""
    torch.set_num_threads(1)
    started = time.monotonic()
    os.waitpid(start(folder / "whole"), 0)
    length = time.monotonic() - started
    whole, moments = tensors(folder / "whole"), random.Random(0)
    survived = inside = ended = lost = 0
    killed = folder / "killed"
    while survived < kills or not ended:
        begun[0] = (Checkpoints(killed).steps() or [0])[-1]
        child = start(killed)
        if survived < kills:
            time.sleep(moments.random() * length)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            survived += 1
            inside += bool(list(killed.glob(".saving-*")))
        checkpoints = Checkpoints(killed)
        last = (checkpoints.steps() or [0])[-1]
        if last:
            assert checkpoints.read(last).record["step"] == last
        lost = max(lost, begun[0] - last)
        if last == STEPS:
            found = tensors(killed)
            assert found.keys() == whole.keys()
            assert all(torch.equal(found[name], whole[name]) for name in whole)
            ended += 1
            shutil.rmtree(killed)
    print(f"{survived} kills survived, {inside} of them while a checkpoint was written or removed;")
    print(f"{ended} runs brought to their end, bit for bit; at most {lost} whole steps lost")
    assert lost <= SAVE_EVERY


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
