"""A step of training a GPT-2 on one core: this package's trainer, nanoGPT's manner, transformers.

Six layers 384 wide, 12 rows of 256 tokens, fp32, at a vocabulary of 50,304 and of 65. Each
contender has a process of its own: the thresholds of glibc and the peak of memory belong to a
process. They take turns all the same. `training_techniques.py` takes the trainer apart.

`NANOGPT=/folder` adds nanoGPT itself from a checkout of it. It has the exact GELU where GPT-2 and
the others have its tanh form, which the first loss of random weights does not show.
"""

from __future__ import annotations

import importlib.util
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from run import Comparison
from torch import nn

from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.models import chunked_loss
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import to_hugging_face
from llm_nb.runtime import keep_freed_memory
from llm_nb.training import TrainConfig, Trainer
from llm_nb.training.optim import decay_groups
from llm_nb.training.progress import peak_memory

ROWS, CONTEXT, WIDTH, LAYERS, HEADS = 12, 256, 384, 6, 6
LR, CLIP, DECAY, BETAS = 1e-3, 1.0, 0.1, (0.9, 0.95)
OURS, BASELINE = "llm-nb, Trainer", "in nanoGPT's manner"
NANOGPT, HUGGING_FACE = "nanoGPT", "transformers, GPT2LMHeadModel"
PRODUCTS = "the products of matrices alone"
TECHNIQUES = ("fused AdamW", "chunked loss", "raised thresholds")
TITLE = f"A step of training a GPT-2 of {LAYERS} layers × {WIDTH}"
Step = Callable[[], float]  # one step of training; its loss


def without(technique: str) -> str:
    """The contender that has all techniques but this one."""
    return f"{OURS}, without {technique}"


def with_only(technique: str) -> str:
    """The contender that has this technique alone."""
    return f"{BASELINE}, with {technique}"


def batches(vocab_size: int) -> Feed:
    """The same batches for every contender."""
    ids = np.random.default_rng(0).integers(vocab_size, size=1 << 20, dtype=np.int32)
    return Feed(RandomWindows(ids, CONTEXT, ROWS))


def gpt2(vocab_size: int) -> GPT2:
    """The same weights for every contender."""
    torch.manual_seed(0)
    return GPT2(GPT2Config(vocab_size, CONTEXT, WIDTH, LAYERS, HEADS, dropout=0.0))


def plain_loop(
    model: nn.Module, loss: Callable[[Any], torch.Tensor], feed: Feed, fused: bool = False
) -> Step:
    """The usual few lines: loss, backward, clipping, AdamW."""
    groups = decay_groups(model, DECAY)
    return loop(model, torch.optim.AdamW(groups, lr=LR, betas=BETAS, fused=fused), loss, feed)


def loop(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Any], torch.Tensor],
    feed: Feed,
) -> Step:
    """The same with an optimiser that is there already."""
    model.train()

    def step() -> float:
        value = loss(next(feed))
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value.item()

    return step


def our_trainer(vocab_size: int, techniques: tuple[str, ...]) -> Step:
    """The trainer as `llm-nb train` has it, or less one of its techniques."""
    model = gpt2(vocab_size)
    config = TrainConfig(
        10**6, LR, "constant", warmup=0, weight_decay=DECAY, betas=BETAS, clip=CLIP
    )
    step = Trainer(model, batches(vocab_size), config).train_step
    if "fused AdamW" not in techniques:
        groups = decay_groups(model, DECAY)
        step.optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, fused=False)
    model.train()
    numbers = count()
    return lambda: step(next(numbers)).loss


def nanogpt(vocab_size: int) -> Step:
    """Karpathy's model and optimiser from the folder NANOGPT; its loop's few lines are ours."""
    spec = importlib.util.spec_from_file_location(
        "nanogpt_model", Path(os.environ["NANOGPT"], "model.py")
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanogpt_model"] = module
    spec.loader.exec_module(module)
    model = module.GPT(
        module.GPTConfig(CONTEXT, vocab_size, LAYERS, HEADS, WIDTH, dropout=0.0, bias=True)
    )
    turned = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
    weights = {
        name: tensor.T if name.endswith(turned) else tensor
        for name, tensor in to_hugging_face(gpt2(vocab_size)).items()
    }
    model.load_state_dict(weights, strict=False)
    optimizer = model.configure_optimizers(DECAY, LR, BETAS, "cpu")
    return loop(model, optimizer, lambda batch: model(*batch)[1], batches(vocab_size))


def hugging_face(vocab_size: int) -> Step:
    """The class of transformers in the plain loop."""
    import transformers

    config = transformers.GPT2Config(
        **{"vocab_size": vocab_size, "n_positions": CONTEXT, "n_embd": WIDTH},
        **{"n_layer": LAYERS, "n_head": HEADS, "bos_token_id": None, "eos_token_id": None},
        **{"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
        use_cache=False,
    )
    model = transformers.GPT2LMHeadModel(config)
    model.load_state_dict(to_hugging_face(gpt2(vocab_size)), strict=False)
    return plain_loop(
        model,
        lambda batch: model(batch[0], shift_labels=batch[1], labels=batch[1]).loss,
        batches(vocab_size),
    )


def products(vocab_size: int) -> Step:
    """What no fp32 step can do without: each layer's product, and two of its backward pass."""
    N, C = ROWS * CONTEXT, WIDTH
    shapes = LAYERS * [(C, 3 * C), (C, C), (C, 4 * C), (4 * C, C)] + [(C, vocab_size)]
    sides = {width: torch.randn(N, width) for shape in shapes for width in shape}
    weights = {shape: torch.randn(shape) for shape in shapes}

    def step() -> float:
        for a, b in shapes:
            torch.mm(sides[a], weights[a, b])
            torch.mm(sides[b], weights[a, b].T)
            torch.mm(sides[a].T, sides[b])
        return math.nan

    return step


def make(name: str, vocab_size: int) -> Step:
    """The step of a contender, ready to run."""
    if name == PRODUCTS:
        keep_freed_memory()
        return products(vocab_size)
    if name == HUGGING_FACE:
        return hugging_face(vocab_size)
    if name == NANOGPT:
        return nanogpt(vocab_size)
    has = {OURS: TECHNIQUES, BASELINE: ()}
    has |= {without(t): tuple(x for x in TECHNIQUES if x != t) for t in TECHNIQUES}
    has |= {with_only(t): (t,) for t in TECHNIQUES}
    techniques = has[name]
    if "raised thresholds" in techniques:
        keep_freed_memory()
    if "chunked loss" not in techniques:
        chunked_loss._CHUNK["cpu"] = 1 << 62
    if name.startswith(OURS):
        return our_trainer(vocab_size, techniques)
    model = gpt2(vocab_size)
    return plain_loop(model, model.loss, batches(vocab_size), "fused AdamW" in techniques)


def serve(name: str, vocab_size: int, steps: int, pipe: Connection) -> None:
    """What a contender's process does: on True, so many steps; it sends the first loss and the
    processor's seconds. At the beginning and at the end, bytes that it held at most."""
    torch.set_num_threads(1)
    step = make(name, vocab_size)
    pipe.send(peak_memory(torch.device("cpu")))
    while pipe.recv():
        began = time.process_time()
        first, *_ = [step() for _ in range(steps)]
        pipe.send((first, time.process_time() - began))
    pipe.send(peak_memory(torch.device("cpu")))


class Contender:
    """A process that trains when it is called."""

    def __init__(self, name: str, vocab_size: int, steps: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fresh allocator, and a fresh peak
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(name, vocab_size, steps, theirs), daemon=True
        )
        self.process.start()
        theirs.close()  # so that its end is noticed here
        self.before: int = self.pipe.recv()  # bytes at most, of what is loaded and of the weights
        self.rounds: list[tuple[float, float]] = []  # loss, processor's seconds

    def __call__(self) -> None:
        self.pipe.send(True)
        self.rounds.append(self.pipe.recv())

    def close(self) -> int:
        """End the process; bytes that it held at most."""
        self.pipe.send(False)
        peak = self.pipe.recv()
        self.process.join()
        return peak


def compare(title: str, vocab_size: int, steps: int, names: list[str], note: str) -> Comparison:
    """Contenders of one vocabulary, which must all begin with the same loss."""
    contenders = {name: Contender(name, vocab_size, steps) for name in names}

    def close() -> dict[str, list[str]]:
        peaks = [contender.close() for contender in contenders.values()]
        begins = [contender.rounds[0][0] for contender in contenders.values()]
        equal = [math.isnan(loss) or math.isclose(loss, begins[0], rel_tol=1e-5) for loss in begins]
        assert all(equal), begins
        spent = [
            statistics.median(seconds for _, seconds in contender.rounds[1:])
            for contender in contenders.values()
        ]
        return {
            "seconds of the processor": [f"{seconds:.3g}" for seconds in spent],
            "the first row's speed by these": [f"{seconds / spent[0]:.2f}" for seconds in spent],
            "peak memory, GB": [f"{peak / 1e9:.2f}" for peak in peaks],
            "the first row's share of it": [f"{peaks[0] / peak:.2f}" for peak in peaks],
        }

    before = max(contender.before for contender in contenders.values()) / 1e9
    return Comparison(
        title,
        steps * ROWS * CONTEXT / 1e3,
        "thousand tokens",
        dict(contenders),
        ("llm-nb", "torch", "transformers") if HUGGING_FACE in names else ("llm-nb", "torch"),
        "Equal first losses. Seconds of the processor leave out the time that a contender waited "
        "for others on the machine, and count the system's work on its memory. Memory is that of "
        f"the whole process, {before:.2f} GB at most before the first step. {note}".strip(),
        close,
    )


def comparisons() -> Iterator[Comparison]:
    """The large vocabulary, then the small one."""
    there = bool(os.environ.get("NANOGPT"))
    names = [OURS, BASELINE, *([NANOGPT] if there else []), HUGGING_FACE, PRODUCTS]
    absent = "" if there else "No checkout of nanoGPT itself was given (NANOGPT)."
    yield compare(f"{TITLE}, vocabulary 50,304", 50_304, 1, names, absent)
    yield compare(f"{TITLE}, vocabulary 65", 65, 1, names, absent)
