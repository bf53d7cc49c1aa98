"""What generation asks of a model, and of a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Cache(Protocol):
    """What a model remembers of the ids it has read."""

    @property
    def length(self) -> int:
        """How many positions that is."""

    def reorder(self, rows: Tensor) -> None:
        """Make row b a copy of what row ``rows[b]`` was."""


class Decoder(Protocol):
    """A model that can be asked for the next token."""

    @property
    def training(self) -> bool:
        """Whether it drops out."""

    @property
    def context(self) -> int:
        """The most positions it can read."""

    @property
    def device(self) -> torch.device:
        """Where its input must lie."""

    def new_cache(self, batch_size: int, capacity: int | None = None) -> Cache:
        """An empty cache."""

    def __call__(
        self, ids: Tensor, attention_mask: Tensor | None = None, cache: Any = None
    ) -> Tensor:
        """Logits (B, T, V) of ids (B, T), after what the cache holds."""

    def train(self, mode: bool = True) -> object:
        """Training mode on or off."""


def left_pad(prompts: Sequence[Sequence[int]], pad: int = 0) -> tuple[Tensor, Tensor]:
    """Prompts of uneven lengths as one batch: ids (B, T) and their attention mask (B, T).

    Padding stands on the left, so that every row's last id is the one to go on from.
    """
    if not prompts or not all(len(prompt) for prompt in prompts):
        raise ValueError("a prompt is empty: begin with at least one token, e.g. <|endoftext|>")
    width = max(map(len, prompts))
    ids = [[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids), torch.tensor(mask)


def check(model: Decoder, prompt: Tensor, mask: Tensor | None, max_new_tokens: int) -> None:
    """Raise a ValueError with the remedy where generation cannot go."""
    if prompt.dim() != 2 or not prompt.numel():
        raise ValueError(
            f"the prompt is empty or no batch (its shape is {tuple(prompt.shape)}, needed (B, T)): "
            "begin with at least one token, e.g. <|endoftext|>"
        )
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens is {max_new_tokens}: ask for at least 1")
    if prompt.size(1) + max_new_tokens > model.context:
        raise ValueError(
            f"a prompt of {prompt.size(1)} tokens and {max_new_tokens} new ones are over the "
            f"context of {model.context}: shorten the prompt or ask for fewer"
        )
    if mask is not None and (mask.shape != prompt.shape or not bool(mask[:, -1].all())):
        raise ValueError(
            f"attention_mask {tuple(mask.shape)} must have the prompt's shape {tuple(prompt.shape)} "
            "and 1 in its last column: pad on the left, with left_pad"
        )


def extended(mask: Tensor, n: int) -> Tensor:
    """The mask (B, T) with n more columns of ones: what is written is never padding."""
    return torch.cat([mask, mask.new_ones(mask.size(0), n)], dim=1)
