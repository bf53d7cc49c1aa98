"""What models check of their settings and of the ids they are given, before any work is lost."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_sizes(config: Any, *names: str, least: int = 1) -> None:
    """Raise ValueError unless the settings of these names are at least ``least``."""
    for name in names:
        if getattr(config, name) < least:
            raise ValueError(f"{name} is {getattr(config, name)}: it must be at least {least}")


def check_shares(config: Any, *names: str) -> None:
    """Raise ValueError unless the settings of these names are in [0, 1), or None."""
    for name in names:
        if not 0.0 <= (getattr(config, name) or 0.0) < 1.0:
            raise ValueError(f"{name} is {getattr(config, name)}: it must be in [0, 1)")


def check_heads(d_model: int, n_heads: int) -> None:
    """Raise ValueError unless the heads divide the width."""
    if d_model < 1 or n_heads < 1:
        raise ValueError(f"d_model {d_model} and n_heads {n_heads} must both be at least 1")
    if d_model % n_heads:
        raise ValueError(
            f"d_model {d_model} does not divide into {n_heads} heads: "
            f"choose a multiple, e.g. {n_heads * max(1, round(d_model / n_heads))}"
        )


def check_ids(ids: Tensor, vocab_size: int, context: int | None = None, past: int = 0) -> None:
    """Raise ValueError unless ids are (B, T), not empty, in the vocabulary and in the context.

    Args:
        context: the most positions there are; None: any number.
        past: positions before these, in a cache.
    """
    if ids.dim() != 2 or not ids.numel():
        raise ValueError(
            f"ids have shape {tuple(ids.shape)}: needed (B, T), at least one row of one token"
        )
    if context is not None and past + ids.size(1) > context:
        raise ValueError(
            f"{past + ids.size(1)} tokens are over the context of {context}: "
            "shorten the text, or read it in windows"
        )
    check_range("id", ids, vocab_size, "encode the text with this model's own tokenizer")


def check_range(name: str, ids: Tensor, size: int, remedy: str) -> None:
    """Raise ValueError where one of ``ids`` is not in 0 … size - 1.

    Only on the CPU: on a GPU the look would force a wait.
    """
    if ids.device.type != "cpu" or not ids.numel():
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= size:
        wrong = low if low < 0 else high
        raise ValueError(f"{name} {wrong} is outside 0 … {size - 1}: {remedy}")


def source_of_row(rows: int, n: int, device: torch.device) -> Tensor:
    """(rows,) which of n sources each row of a decoder continues: 0, 0, 1, 1, … for two a source.

    Raises:
        ValueError: the rows do not divide among the sources.
    """
    if rows < 1 or rows % n:
        raise ValueError(
            f"{rows} rows do not divide among {n} sources: use the same number for each"
        )
    return torch.arange(n, device=device).repeat_interleave(rows // n)
