"""A padded batch without its padding: where its real tokens stand.

B batch · T places of a row · N real tokens of the batch
"""

from __future__ import annotations

import torch
from torch import Tensor


class Packing:
    """Where the N real tokens of a padded batch (B, T) stand.

    Packed, the shortest sentences come first: those of one length then lie side by side as a
    block (n, t) without any padding, over which attention needs no mask.

    Args:
        mask: (B, T), nonzero at real tokens, wherever in a row they stand.

    Raises:
        ValueError: a row has no real token.
    """

    def __init__(self, mask: Tensor) -> None:
        self.shape = mask.shape
        lengths, order = (mask != 0).sum(1).sort(stable=True)  # (B,)
        rows, self.positions = (mask[order] != 0).nonzero(as_tuple=True)  # (N,)
        self.flat = order[rows] * mask.size(1) + self.positions  # (N,) places in B·T
        length, count = lengths.unique_consecutive(return_counts=True)
        self.blocks = list(zip(count.tolist(), length.tolist(), strict=True))  # (n, t)
        if self.blocks[0][1] == 0:
            raise ValueError(
                f"row {int(order[0])} of attention_mask has no real token: leave such rows out"
            )
        self.first = torch.empty_like(order)  # (B,) where each row begins among the N
        self.first[order] = lengths.cumsum(0) - lengths

    def pack(self, x: Tensor) -> Tensor:
        """x (B, T, …) → its real tokens (N, …)."""
        return x.flatten(0, 1)[self.flat]

    def unpack(self, x: Tensor) -> Tensor:
        """x (N, …) → (B, T, …), zeros where there is padding."""
        B, T = self.shape
        padded = x.new_zeros(B * T, *x.shape[1:])
        return padded.index_copy(0, self.flat, x).unflatten(0, (B, T))
