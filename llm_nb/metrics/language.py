"""How good a language model is: perplexity, and bits per byte, whatever its tokens."""

from __future__ import annotations

import gzip
import lzma
import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.data.batches import IGNORE
from llm_nb.models.modes import evaluating


@torch.inference_mode()
def total_bits(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device | str = "cpu",
    autocast: AbstractContextManager[object] | None = None,
) -> float:
    """−Σ log2 P(target) over all batches (ids, targets), each (B, T); target −100 is left out.

    The model is put in evaluation mode for the while; no random number is drawn.
    """
    nats = 0.0
    with evaluating(model), autocast or nullcontext():
        for ids, targets in batches:
            logits = model(ids.to(device))  # (B, T, V)
            losses = F.cross_entropy(
                logits.flatten(0, 1).float(),
                targets.to(device).flatten(),
                ignore_index=IGNORE,
                reduction="sum",
            )
            nats += losses.double().item()
    return nats / math.log(2)


def bits_per_byte(bits: float, n_bytes: int) -> float:
    """Total bits over UTF-8 bytes: comparable between tokenizers, as perplexity is not."""
    if n_bytes < 1:
        raise ValueError("no bytes to divide by: the text is empty")
    return bits / n_bytes


def model_bits_per_byte(
    model: nn.Module,
    windows: Sequence[tuple[Tensor, Tensor]],
    byte_lengths: Sequence[int],
    device: torch.device | str = "cpu",
    autocast: AbstractContextManager[object] | None = None,
) -> float:
    """Bits per byte of ``model`` on ``windows`` of (ids, targets), each (B, T).

    Args:
        byte_lengths: bytes of each id, ``tokenizer.byte_lengths``. The end of a document costs
            bits like any token, and stands for no byte.
    """
    lengths = torch.tensor(byte_lengths)
    n_bytes = sum(int(lengths[targets[targets != IGNORE]].sum()) for _, targets in windows)
    return bits_per_byte(total_bits(model, windows, device, autocast), n_bytes)


def perplexity(
    model: nn.Module,
    windows: Sequence[tuple[Tensor, Tensor]],
    device: torch.device | str = "cpu",
    autocast: AbstractContextManager[object] | None = None,
) -> float:
    """exp of the mean −ln P(target) over every target that counts, of all ``windows`` together.

    A target counts unless it is −100: so the end of a document counts like any token, and padding
    and the rest of the last window do not. Batches weigh by their targets, not one like another.
    """
    n_targets = sum(int((targets != IGNORE).sum()) for _, targets in windows)
    if not n_targets:
        raise ValueError(
            "no target counts: the windows are empty, or all of their targets are −100"
        )
    return 2 ** (total_bits(model, windows, device, autocast) / n_targets)


def compressed_bits_per_byte(text: str, method: str = "xz", after: str = "") -> float:
    """Bits per byte of a general compressor, ``"gzip"`` or ``"xz"``: a model of no training.

    Args:
        after: a text that it has just read: what counts is by how much ``text`` makes it longer.
            gzip remembers the last 32 kB of it only.
    """
    before = after.encode()
    data = text.encode()
    size = _compressed(before + data, method) - (_compressed(before, method) if before else 0)
    return bits_per_byte(8 * size, len(data))


def _compressed(data: bytes, method: str) -> int:
    if method == "gzip":
        return len(gzip.compress(data, 9, mtime=0))
    if method == "xz":
        return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    raise ValueError(f"unknown compressor {method!r}: use 'gzip' or 'xz'")
