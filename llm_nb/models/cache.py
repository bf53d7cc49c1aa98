"""Keys and values of the positions already read, so that each is computed once."""

from __future__ import annotations

from torch import Tensor


class KVCache:
    """Room for the keys and values of every layer, taken at once: (L, B, H, length, d_k) twice.

    L layers · B batch · H heads · d_k width of a head. ``length`` counts the positions that are
    filled; the model raises it once a call, after its last layer.
    """

    def __init__(
        self, n_layers: int, batch_size: int, n_heads: int, capacity: int, d_head: int, like: Tensor
    ) -> None:
        shape = (n_layers, batch_size, n_heads, capacity, d_head)
        self.k, self.v = like.new_empty(shape), like.new_empty(shape)
        self.length = 0

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v (B, H, T, d_k) of ``layer``; return all of them, (B, H, S, d_k).

        Raises:
            ValueError: there is no room for T more positions.
        """
        end = self.length + k.size(2)
        if end > self.k.size(3):
            raise ValueError(
                f"the cache has room for {self.k.size(3)} positions, not {end}: "
                "ask new_cache for more"
            )
        self.k[layer, :, :, self.length : end] = k
        self.v[layer, :, :, self.length : end] = v
        return self.k[layer, :, :, :end], self.v[layer, :, :, :end]

    def reorder(self, rows: Tensor) -> None:
        """Make row b a copy of what row ``rows[b]`` was: beam search goes on from some rows only.

        Args:
            rows: (B,) indices into the batch.
        """
        for kept in (self.k, self.v):
            filled = kept[:, :, :, : self.length]
            filled.copy_(filled.index_select(1, rows))
