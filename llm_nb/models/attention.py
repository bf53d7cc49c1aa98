"""Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), written twice, and the
multi-head attention around it (section 3.2.2).

Shapes, here and wherever attention is used:

    B batch · H heads · T queries · S keys · C = d_model · d_k = C / H width of a head
    q (B, H, T, d_k)   k, v (B, H, S, d_k)   scores, weights (B, H, T, S)

``backend="reference"`` is the page's equation, line by line; ``"sdpa"`` is PyTorch's fused
kernel, which never holds the (T, S) matrix. Tests hold the two equal.

A mask is boolean and True where looking is allowed. A query that may look at nothing has
weights, output and gradients of zero, in both back ends.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_heads

Backend = Literal["sdpa", "reference"]


def causal_mask(n_queries: int, n_keys: int, device: torch.device | None = None) -> Tensor:
    """(T, S) booleans, True where query t may look at key s: s ≤ t + (S - T).

    The queries are the *last* T of the S positions, so that one new query beside a cache of
    S - 1 keys sees all of them. (SDPA's own ``is_causal`` counts from the top left instead.)
    """
    ones = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    return ones.tril(diagonal=n_keys - n_queries)


def padding_mask(ids: Tensor, pad: int) -> Tensor:
    """(B, 1, 1, S) booleans, False where ids (B, S) are the padding id ``pad``."""
    return (ids != pad)[:, None, None, :]


def length_mask(lengths: Tensor, n_keys: int | None = None) -> Tensor:
    """(B, 1, 1, S) booleans, True at the first ``lengths[b]`` keys of row b.

    Args:
        lengths: (B,) integers.
        n_keys: S; by default the longest length.

    Raises:
        ValueError: there is no row, or a length is negative or over ``n_keys``.
    """
    if not lengths.numel():
        raise ValueError("lengths is empty: give the length of at least one row")
    low, high = int(lengths.min()), int(lengths.max())
    n_keys = high if n_keys is None else n_keys
    if low < 0 or high > n_keys:
        wrong = low if low < 0 else high
        raise ValueError(f"length {wrong} is not between 0 and the {n_keys} keys there are")
    return (torch.arange(n_keys, device=lengths.device) < lengths[:, None])[:, None, None, :]


def attention_weights(
    q: Tensor, k: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """softmax(q kᵀ / √d_k) over the keys, shape (B, H, T, S); rows sum to 1.

    Args:
        q: queries (B, H, T, d_k).
        k: keys (B, H, S, d_k).
        mask: booleans that broadcast to (B, H, T, S), True where looking is allowed.
        causal: also forbid looking ahead.

    A row that may look at nothing (a padded query) is all zeros.

    Raises:
        ValueError: the mask is not boolean.
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, T, S)
    allowed = _allowed(q, k, mask, causal)
    if allowed is None:
        return scores.softmax(-1)
    blind = ~allowed.any(-1, keepdim=True)  # a softmax over nothing would be 0 / 0
    weights = scores.masked_fill(~(allowed | blind), -torch.inf).softmax(-1)
    return weights.masked_fill(blind, 0.0)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout_p: float = 0.0,
    backend: Backend = "sdpa",
) -> Tensor:
    """softmax(q kᵀ / √d_k) v, shape (B, H, T, d_k); arguments as in ``attention_weights``.

    Args:
        v: values (B, H, S, d_k).
        dropout_p: share of weights dropped; pass 0 in evaluation, no module does it for you.

    Raises:
        ValueError: the backend is unknown, or the mask is not boolean.
    """
    if backend == "reference":
        weights = attention_weights(q, k, mask, causal)  # (B, H, T, S)
        return F.dropout(weights, dropout_p) @ v  # (B, H, T, d_k)
    if backend != "sdpa":
        raise ValueError(f"unknown attention backend {backend!r}: use 'sdpa' or 'reference'")
    if causal and mask is None and q.size(-2) == k.size(-2):
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout_p, is_causal=True)
    allowed = _allowed(q, k, mask, causal)
    if allowed is None:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout_p)
    # What a kernel makes of a blind row differs between kernels and versions (NaN, a mean, 0:
    # pytorch#103963), so it may look at everything here and is blanked afterwards.
    blind = ~allowed.any(-1, keepdim=True)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed | blind, dropout_p=dropout_p)
    return out.masked_fill(blind, 0.0)


def _allowed(q: Tensor, k: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
    """Both masks in one, which broadcasts to (B, H, T, S); None where everything is allowed."""
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(
            f"the mask is of {mask.dtype}: pass booleans, True where looking is allowed"
        )
    if not causal or q.size(-2) == 1:  # a single query is the last position: all is behind it
        return mask
    behind = causal_mask(q.size(-2), k.size(-2), q.device)
    return behind if mask is None else mask & behind


class MultiHeadAttention(nn.Module):
    """H attentions side by side, each over its own d_k-wide view (section 3.2.2):

        Concat(head₁ … head_H) W^O,  headᵢ = Attention(x Wᵢ^Q, memory Wᵢ^K, memory Wᵢ^V)

    Without a memory x attends to itself. ``qkv`` holds W^Q, W^K and W^V of all heads, one under
    the other, as ``nn.MultiheadAttention.in_proj_weight`` does; ``proj`` is W^O, its ``out_proj``.

    Args:
        d_model: width C of x and of the memory.
        n_heads: H, which must divide C.
        dropout: share of attention weights dropped in training; the paper drops none.
        bias: whether the projections have one.
    """

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        self.d_model, self.n_heads, self.dropout = d_model, n_heads, dropout
        check_heads(d_model, n_heads)
        self.d_head = d_model // n_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=bias)
        self.proj = nn.Linear(d_model, d_model, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's uniform weights, ``qkv`` as the one matrix that it is; zero biases."""
        for linear in (self.qkv, self.proj):
            nn.init.xavier_uniform_(linear.weight)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def heads(self, x: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of x (B, T, C), (B, H, T, d_k); keys, values of memory (B, S, C) or x."""
        if memory is None:
            q, k, v = self._split(self.qkv(x))  # one product
            return q, k, v
        return self.queries(x), *self.keys_values(memory)

    def queries(self, x: Tensor) -> Tensor:
        """Queries of x (B, T, C), each (B, H, T, d_k)."""
        C, bias = self.d_model, self.qkv.bias
        return self._split(F.linear(x, self.qkv.weight[:C], bias if bias is None else bias[:C]))[0]

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of memory (B, S, C), each (B, H, S, d_k)."""
        C, bias = self.d_model, self.qkv.bias
        rows = F.linear(memory, self.qkv.weight[C:], bias if bias is None else bias[C:])
        k, v = self._split(rows)
        return k, v

    def attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """The heads' attention, joined and mapped by W^O: (B, T, C)."""
        drop = self.dropout if self.training else 0.0
        out = attention(q, k, v, mask, causal, drop, backend)  # (B, H, T, d_k)
        return self.proj(out.transpose(1, 2).flatten(2))

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """x (B, T, C) looks at memory (B, S, C), or at itself: (B, T, C).

        ``mask`` broadcasts to (B, H, T, S), True where looking is allowed.
        """
        return self.attend(*self.heads(x, memory), mask, causal, backend)

    def weights(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Who looks at whom: the weights (B, H, T, S) that ``forward`` uses, undropped."""
        q, k, _ = self.heads(x, memory)
        return attention_weights(q, k, mask, causal)

    def _split(self, rows: Tensor) -> Tensor:
        """(B, T, n·C) → (n, B, H, T, d_k)."""
        return rows.unflatten(-1, (-1, self.n_heads, self.d_head)).permute(2, 0, 3, 1, 4)
