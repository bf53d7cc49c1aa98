"""Keys and values of the positions already read, so that each is computed once."""

from __future__ import annotations

import torch
from torch import Tensor


def cache_bytes(
    n_layers: int,
    batch_size: int,
    n_heads: int,
    capacity: int,
    d_head: int,
    dtype: torch.dtype = torch.float32,
) -> int:
    """Bytes that keys and values take: 2 · layers · B · H · positions · d_k · bytes a number.

    ``KVCache.nbytes`` is what was really taken. With H · d_k = d_model, as in GPT-2, the number of
    heads makes no difference.

    >>> cache_bytes(12, 1, 12, 1024, 64)  # GPT-2 and one text as long as its context: 72 MiB
    75497472

    Raises:
        ValueError: one of the sizes is below 1.
    """
    sizes = {
        "n_layers": n_layers,
        "batch_size": batch_size,
        "n_heads": n_heads,
        "capacity": capacity,
        "d_head": d_head,
    }
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}: it must be at least 1")
    return 2 * n_layers * batch_size * n_heads * capacity * d_head * dtype.itemsize


class KVCache:
    """Room for keys and values, (B, H, capacity, d_k) of each for every layer, taken beforehand.

    B batch · H heads · d_k width of a head. ``length`` counts the positions that are filled; the
    model raises it once a call, after its last layer.
    """

    def __init__(
        self, n_layers: int, batch_size: int, n_heads: int, capacity: int, d_head: int, like: Tensor
    ) -> None:
        shape = (batch_size, n_heads, capacity, d_head)
        self.k = [like.new_empty(shape) for _ in range(n_layers)]
        self.v = [like.new_empty(shape) for _ in range(n_layers)]
        self.capacity, self.length = capacity, 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the keys and values take, filled or not."""
        return sum(kept.untyped_storage().nbytes() for kept in (*self.k, *self.v))

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v (B, H, T, d_k) of ``layer``; return all of them, (B, H, S, d_k).

        Raises:
            ValueError: there is no room for T more positions.
        """
        T = k.size(2)
        end = self.length + T
        if end > self.capacity:
            raise ValueError(
                f"the cache has room for {self.capacity} positions, not {end}: ask new_cache for more"
            )
        all_k, all_v = self.k[layer], self.v[layer]
        all_k.narrow(2, self.length, T).copy_(k)
        all_v.narrow(2, self.length, T).copy_(v)
        return all_k.narrow(2, 0, end), all_v.narrow(2, 0, end)

    def reorder(self, rows: Tensor) -> None:
        """Make row b a copy of what row ``rows[b]`` was: beam search goes on from some rows only.

        Args:
            rows: (B,) indices into the batch.
        """
        for kept in (*self.k, *self.v):
            filled = kept.narrow(2, 0, self.length)
            filled.copy_(filled.index_select(0, rows))
