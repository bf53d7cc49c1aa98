"""The random generators that training draws from: Python's, NumPy's and torch's global ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


def torch_state(device: torch.device) -> Tensor:
    """The state of torch's generator on the CPU, and on the GPU if that is the device; bytes."""
    state = torch.get_rng_state()
    if device.type == "cuda":
        state = torch.cat([state, torch.cuda.get_rng_state(device)])
    return state


def set_torch_state(state: Tensor, device: torch.device) -> None:
    """Put back what ``torch_state`` gave; a part for a device that is not here is left out."""
    n = len(torch.get_rng_state())
    torch.set_rng_state(state[:n])
    if device.type == "cuda" and len(state) > n:
        torch.cuda.set_rng_state(state[n:], device)


def other_state() -> dict[str, Any]:
    """The states of Python's and NumPy's generators, as JSON can hold them."""
    name, keys, *rest = np.random.get_state()
    return {"python": random.getstate(), "numpy": [name, np.asarray(keys).tolist(), *rest]}


def set_other_state(state: dict[str, Any]) -> None:
    """Put back what ``other_state`` gave."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))


@contextmanager
def untouched(device: torch.device) -> Iterator[None]:
    """Whatever the block draws, the generators are afterwards as they were before."""
    kept, others = torch_state(device), other_state()
    try:
        yield
    finally:
        set_torch_state(kept, device)
        set_other_state(others)
