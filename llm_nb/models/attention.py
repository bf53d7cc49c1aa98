"""Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), written twice.

Shapes, here and wherever attention is used:

    B batch · H heads · T queries · S keys · d_k width of a head
    q (B, H, T, d_k)   k, v (B, H, S, d_k)   scores, weights (B, H, T, S)

``backend="reference"`` is the page's equation, line by line; ``"sdpa"`` is PyTorch's fused
kernel, which never holds the (T, S) matrix. Tests hold the two equal.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Backend = Literal["sdpa", "reference"]


def causal_mask(n_queries: int, n_keys: int, device: torch.device | None = None) -> Tensor:
    """(T, S) booleans, True where query t may look at key s: s ≤ t + (S - T).

    The queries are the *last* T of the S positions, so that one new query beside a cache of
    S - 1 keys sees all of them. (SDPA's own ``is_causal`` counts from the top left instead.)
    """
    ones = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    return ones.tril(diagonal=n_keys - n_queries)


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
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, H, T, S)
    if causal:
        scores = scores.masked_fill(~causal_mask(q.size(-2), k.size(-2), q.device), -torch.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
        return scores.softmax(-1).nan_to_num(0.0)
    return scores.softmax(-1)


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
        ValueError: the backend is unknown.
    """
    if backend == "reference":
        weights = attention_weights(q, k, mask, causal)  # (B, H, T, S)
        return F.dropout(weights, dropout_p) @ v  # (B, H, T, d_k)
    if backend != "sdpa":
        raise ValueError(f"unknown attention backend {backend!r}: use 'sdpa' or 'reference'")
    T, S = q.size(-2), k.size(-2)
    if causal and (mask is not None or T != S):
        allowed = causal_mask(T, S, q.device)
        mask = allowed if mask is None else mask & allowed
        causal = False
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, dropout_p=dropout_p, is_causal=causal
    )
