"""Batches whose place is part of a run's state.

Batch number n is a function of the data, the settings, the seed and n alone. The place of a run
in its data is then one integer, whatever the number of workers or processes.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from llm_nb.data.batches import Batch, Ids, check_length

_HASHED = 1 << 24  # bytes of an array that its fingerprint reads


class Source(Protocol):
    """Endless batches by number; each is a tuple of tensors with its rows first."""

    fingerprint: str  # of the data's content and of the settings that decide the batches

    def __getitem__(self, n: int) -> Any:
        """Batch n, from 0."""


class TokenFile:
    """Token ids of a ``.npy`` file, mapped into memory only while some of them are read.

    A map that stays open keeps every page that was ever touched in the process: over a long run
    with random places, the whole file. It would also be copied whole into each worker where
    these are not forked.

    Raises:
        ValueError: it is no such file, or truncated.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        ids = self._open()
        if ids.ndim != 1:
            raise ValueError(f"{path} has shape {ids.shape}: needed (N,), one id after the other")
        self._n, self.dtype = len(ids), ids.dtype

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, which: Any) -> NDArray[Any]:
        """A copy of some ids; ``which`` as for an array."""
        return np.array(self._open()[which])

    def _open(self) -> NDArray[Any]:
        return np.load(self.path, mmap_mode="r")


class RandomWindows:
    """Batches (x, y), each (B, T): windows from random places, y is x one token on.

    Args:
        ids: (N,) the token ids of the whole text, an array or a ``TokenFile``.
        context: T.
        batch_size: B.

    Raises:
        ValueError: the text is shorter than one window.
    """

    def __init__(self, ids: Ids | TokenFile, context: int, batch_size: int, seed: int = 0) -> None:
        check_length(ids, context)
        if batch_size < 1 or context < 1:
            raise ValueError(f"batch_size {batch_size} and context {context} must be at least 1")
        self.ids, self.context, self.batch_size, self.seed = ids, context, batch_size, seed
        self.fingerprint = fingerprint(ids, "random windows", context, batch_size, seed)

    def __getitem__(self, n: int) -> Batch:
        # Not torch's generator, whose seeds have 32 bits: too few for a seed and a number.
        generator = np.random.default_rng((self.seed, n))
        starts = generator.integers(len(self.ids) - self.context, size=(self.batch_size, 1))
        windows = self.ids[starts + np.arange(self.context + 1)]  # (B, T + 1)
        rows = torch.from_numpy(windows.astype(np.int64))
        return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


class Feed:
    """An iterator over a source that can say where it is, and go there.

    Args:
        source: makes batch n.
        workers: processes that make batches ahead of time; 0: none.
        position: the number of the next batch.
    """

    def __init__(self, source: Source, workers: int = 0, position: int = 0) -> None:
        self.source, self.workers, self.position = source, workers, position
        self._batches: Iterator[Any] | None = None

    def __iter__(self) -> Feed:
        return self

    def __next__(self) -> Any:
        if not self.workers:
            batch = self.source[self.position]
        else:
            if self._batches is None:
                self._batches = iter(self._loader())
            batch = next(self._batches)
        self.position += 1
        return batch

    def _loader(self) -> DataLoader[Any]:
        return DataLoader(
            _AsDataset(self.source),
            batch_size=None,
            sampler=_From(self.position),
            num_workers=self.workers,
            worker_init_fn=_ignore_interrupts,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # else it would draw from the global one
        )

    def state_dict(self) -> dict[str, Any]:
        """Where it is, and in what data."""
        return {"position": self.position, "fingerprint": self.source.fingerprint}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where another feed was.

        Raises:
            ValueError: that one had other data, or other settings.
        """
        if state["fingerprint"] != self.source.fingerprint:
            raise ValueError(
                "the data set, its batch size, context or seed is not the one that the run began with: "
                "give the same, or start a new run in another folder"
            )
        self.position, self._batches = state["position"], None


def fingerprint(ids: Ids | TokenFile, *settings: object) -> str:
    """A short hash of an array and of settings; of a large array its length and blocks at even
    distances are read, 32 MB at most."""
    found = hashlib.blake2b(repr((len(ids), str(ids.dtype), *settings)).encode(), digest_size=12)
    block = 1 << 16
    stride = max(block, len(ids) * ids.dtype.itemsize // _HASHED * block)
    for start in range(0, len(ids), stride):
        found.update(np.ascontiguousarray(ids[start : start + block]).tobytes())
    return found.hexdigest()


class _AsDataset(Dataset[Any]):
    def __init__(self, source: Source) -> None:
        self.source = source

    def __getitem__(self, n: int) -> Any:
        return self.source[n]


class _From(Sampler[int]):
    """n, n + 1, … without end."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        n = self.n
        while True:
            yield n
            n += 1


def _ignore_interrupts(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the training loop still needs its batch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
