"""Where we run: device, precision, seed and profile, decided once, here.

Every notebook begins with ``run = start("11_gpt2")`` and asks ``run`` from then on.
``LLM_NB_PROFILE`` (``laptop`` or ``gpu``) and ``LLM_NB_DEVICE`` (``cpu``, ``cuda``,
``cuda:1``, ``mps``) override what is found. ``LLM_NB_STORED=1`` says that nobody sits at this
kernel: its outputs are kept in the notebook, for a page where none answers.
"""

from __future__ import annotations

import ctypes
import os
import platform
import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

PROFILES = ("laptop", "gpu")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What ``start`` found. ``pick`` chooses between the two profiles' sizes."""

    name: str
    profile: str
    device: torch.device
    precision: str  # "fp32", "bf16" or "fp16": the type matrix products run in
    seed: int

    def pick(self, *, laptop: T, gpu: T) -> T:
        """The value for this run's profile: same cells, two sizes."""
        return gpu if self.profile == "gpu" else laptop

    @property
    def dtype(self) -> torch.dtype:
        """The torch type that belongs to ``precision``."""
        return PRECISIONS[self.precision]

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which matrix products run in ``precision``; nothing in fp32."""
        return autocast(self.device, self.precision)

    def generator(self, offset: int = 0) -> torch.Generator:
        """A CPU generator seeded from this run, so that draws do not depend on cell order."""
        return torch.Generator().manual_seed(self.seed + offset)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """A context in which matrix products run in ``precision``; nothing in fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=PRECISIONS[precision])


def find_device(name: str | None = None) -> torch.device:
    """``name``, else ``LLM_NB_DEVICE``, else CUDA, else the CPU.

    Raises:
        ValueError: the device is unknown, or is not on this machine.
    """
    name = (
        name or os.environ.get("LLM_NB_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    )
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device {name!r}: use 'cpu', 'cuda', 'cuda:N' or 'mps'") from None
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"{count} CUDA device(s)" if count else "no CUDA device"
            raise ValueError(f"device {name!r} is not here ({found} found): use LLM_NB_DEVICE=cpu")
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError(f"device {name!r} is not here: use LLM_NB_DEVICE=cpu")
    elif device.type != "cpu":
        raise ValueError(f"unknown device {name!r}: use 'cpu', 'cuda', 'cuda:N' or 'mps'")
    return device


def find_precision(device: torch.device) -> str:
    """bf16 where the GPU has it natively, fp16 on older GPUs (a T4), fp32 elsewhere.

    A T4 claims bf16 but emulates it, slowly, hence ``including_emulation=False``.
    """
    if device.type != "cuda":
        return "fp32"
    with torch.cuda.device(device):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if native else "fp16"


def outputs_are_stored() -> bool:
    """Whether outputs are written for the page (``make notebooks`` and the tests of notebooks set
    ``LLM_NB_STORED=1``), and not for a reader whose kernel answers."""
    return os.environ.get("LLM_NB_STORED", "") not in ("", "0")


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's generators (all devices)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks instead of returning each to the system.

    A training step frees and takes the same large blocks again; with the default
    thresholds each round trip is paid in page faults. Does nothing outside Linux.
    """
    if platform.system() != "Linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD
    except (OSError, AttributeError):
        pass  # another libc: only speed is lost


def start(
    name: str, *, seed: int = 0, profile: str | None = None, device: str | None = None
) -> Run:
    """Seed, pick device, precision and profile, print one line, return the ``Run``.

    Args:
        name: the notebook's file name without its ending, e.g. ``"11_gpt2"``.
        seed: seeds Python, NumPy and torch.
        profile: ``"laptop"`` or ``"gpu"``; default ``LLM_NB_PROFILE``, else by device.
        device: as in ``find_device``.

    Raises:
        ValueError: unknown profile or device, or one that is not on this machine.
    """
    where = find_device(device)
    profile = (
        profile or os.environ.get("LLM_NB_PROFILE") or ("gpu" if where.type == "cuda" else "laptop")
    )
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}: use {' or '.join(map(repr, PROFILES))}")
    seed_everything(seed)
    keep_freed_memory()
    run = Run(name, profile, where, find_precision(where), seed)
    what = torch.cuda.get_device_name(where) if where.type == "cuda" else where.type
    print(
        f"{name}: profile {profile}, {what}, {run.precision}, torch {torch.__version__}, seed {seed}"
    )
    return run
