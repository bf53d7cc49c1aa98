"""Evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Model(Protocol):
    """What has a training mode: a module of torch, or what behaves like one."""

    @property
    def training(self) -> bool:
        """Whether it drops out."""

    def train(self, mode: bool = True) -> object:
        """Training mode on or off."""


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Evaluation mode inside the block, what it was before after it."""
    was_training = model.training
    model.train(False)
    try:
        yield
    finally:
        model.train(was_training)
