#!/usr/bin/env python3
"""What each technique gives a GPT-2 of 124M weights on one GPU: ``python benchmarks/gpu/ladder.py``.

Every rung keeps what the rungs before it had: fp32, TF32 products, bf16, torch.compile, fused
AdamW, a vocabulary filled up to a multiple of 128, flash attention. Then batch-1 decoding, with and
without the cache. Figures go to the screen, as a table for chapter 13, with the card's name. It
has not been run on a GPU yet. The package has no decoding by CUDA graphs, so none is measured.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.generation import generate
from llm_nb.models.gpt2 import GPT2, SIZES, GPT2Config
from llm_nb.training import TrainConfig, Trainer
from llm_nb.training.flops import peak_flops, transformer_flops_per_token
from llm_nb.training.optim import decay_groups
from llm_nb.training.progress import peak_memory

IDS = 50_257  # GPT-2's


@dataclass(frozen=True)
class Rung:
    """The techniques of one rung."""

    name: str
    tf32: bool = False
    precision: str = "fp32"
    compile: bool = False
    fused: bool = False
    padded: bool = False
    flash: bool = False


def rungs() -> list[Rung]:
    """From nothing to everything, one technique at a time."""
    ladder = [Rung("fp32")]
    for name, change in (
        ("+ TF32 products", {"tf32": True}),
        ("+ bf16", {"precision": "bf16"}),
        ("+ torch.compile", {"compile": True}),
        ("+ fused AdamW", {"fused": True}),
        ("+ padded vocabulary", {"padded": True}),
        ("+ flash attention", {"flash": True}),
    ):
        ladder.append(replace(ladder[-1], name=name, **change))
    return ladder


def make_step(
    rung: Rung, size: GPT2Config, batch: int, device: torch.device
) -> Callable[[], float]:
    """One step of training on this rung; it returns the loss."""
    torch.set_float32_matmul_precision("high" if rung.tf32 else "highest")
    torch.manual_seed(0)
    n_ids = math.ceil(size.vocab_size / 128) * 128 if rung.padded else size.vocab_size
    model = GPT2(replace(size, vocab_size=n_ids, dropout=0.0)).to(device).train()
    ids = np.random.default_rng(0).integers(size.vocab_size, size=1 << 20, dtype=np.int32)
    config = TrainConfig(10**6, 6e-4, precision=rung.precision, compile=rung.compile)
    feed = Feed(RandomWindows(ids, size.context, batch))
    step = Trainer(model, feed, config).train_step
    if not rung.fused:
        groups = decay_groups(model, config.weight_decay)
        step.optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=False)
    attention = [SDPBackend.FLASH_ATTENTION if rung.flash else SDPBackend.MATH]
    done = 0

    def one() -> float:
        nonlocal done
        with sdpa_kernel(attention):
            result = step(done)
        done += 1
        return result.loss  # read from the device, so the step has ended

    return one


def seconds_of(step: Callable[[], object], warm: int, steps: int) -> float:
    """The median over ``steps``, after ``warm`` that are not counted (they compile)."""
    taken = []
    for i in range(warm + steps):
        began = time.perf_counter()
        step()
        if i >= warm:
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def ladder(
    size: GPT2Config, batch: int, steps: int, device: torch.device, chosen: list[Rung]
) -> list[str]:
    """The rows of the table. MFU counts the weights that products read, without padding."""
    with torch.device("meta"):
        model = GPT2(size)
    weights = sum(p.numel() for p in model.parameters()) - model.wpe.weight.numel()
    per_token = transformer_flops_per_token(weights, size.n_layers, size.d_model, size.context)
    rows, first = [], None
    for rung in chosen:
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        torch.compiler.reset()
        rate = batch * size.context / seconds_of(make_step(rung, size, batch, device), 3, steps)
        first = first or rate
        mfu = per_token * rate / peak_flops(device, "bf16")  # one yardstick for all rungs
        memory = peak_memory(device) / 1e9
        rows.append(
            f"| {rung.name} | {rate:,.0f} | {rate / first:.2f} | {mfu:.1%} | {memory:.1f} |"
        )
        print(rows[-1], flush=True)
    return rows


def uncached(model: GPT2, ids: torch.Tensor, new: int) -> torch.Tensor:
    """``new`` greedy tokens after ids (1, T), reading everything again for each."""
    for _ in range(new):
        ids = torch.cat([ids, model(ids)[:, -1:].argmax(-1)], 1)
    return ids


@torch.no_grad()
def decoding(size: GPT2Config, new: int, device: torch.device, dtype: torch.dtype) -> list[str]:
    """Tokens a second of one text, greedy, and as many of them both ways."""
    torch.manual_seed(0)
    model = GPT2(size).to(device, dtype).eval()
    prompt = torch.zeros(1, 4, dtype=torch.long, device=device)
    ways = {
        "no cache": lambda: uncached(model, prompt, new),
        "cache": lambda: generate(model, prompt, new, temperature=0),
    }
    lengths = [way().size(1) for way in ways.values()]
    assert lengths == [4 + new] * 2, lengths
    rows = []
    for name, way in ways.items():
        seconds = seconds_of(lambda way=way: way().tolist(), 1, 3)
        rows.append(f"| {name} | {new / seconds:,.0f} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Climb, then write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32, help="rows of 1,024 tokens")
    parser.add_argument("--steps", type=int, default=20, help="measured, of each rung")
    parser.add_argument("--new", type=int, default=256, help="tokens to write")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("there is no CUDA GPU here, and this measures nothing else")
    device, size = torch.device("cuda"), replace(SIZES["gpt2"], vocab_size=IDS)
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, batch {arguments.batch} × 1,024"
    )
    print("| | tokens/s | times the first | MFU | peak memory, GB |\n|---|---|---|---|---|")
    ladder(size, arguments.batch, arguments.steps, device, rungs())
    print("\n| decoding, batch 1, bf16 | tokens/s |\n|---|---|")
    decoding(size, arguments.new, device, torch.bfloat16)


if __name__ == "__main__":
    main()
