"""The layers of the Transformer, and its sizes (Vaswani et al. 2017, section 3 and figure 1).

B batch · S, T source and target positions · C = d_model · H heads · d_k = C / H · L layers
Masks are True where looking is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.attention import Backend, MultiHeadAttention, attention_weights
from llm_nb.models.cache import KVCache
from llm_nb.models.checks import check_heads, check_shares, check_sizes


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a Transformer; the defaults are the paper's base model.

    ``norm``: layer norm behind each sum ("post", the paper's) or before each part ("pre", Xiong
    et al. 2020), which trains without warm-up. ``tied``: one matrix for source, target and
    output ("all", section 3.4), for target and output ("target"), or three ("none").
    """

    source_vocab_size: int = 37000
    target_vocab_size: int = 37000
    context: int = 512  # the most positions, of source and of target
    d_model: int = 512
    d_ff: int = 2048
    n_heads: int = 8
    n_encoder_layers: int = 6
    n_decoder_layers: int = 6
    dropout: float = 0.1
    norm: Literal["post", "pre"] = "post"
    tied: Literal["all", "target", "none"] = "all"
    label_smoothing: float = 0.1
    pad: int = 0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_sizes(self, "source_vocab_size", "target_vocab_size", "context", "d_ff")
        check_sizes(self, "n_encoder_layers", "n_decoder_layers")
        check_heads(self.d_model, self.n_heads)
        check_shares(self, "dropout", "label_smoothing")
        for name, choices in (("norm", ("post", "pre")), ("tied", ("all", "target", "none"))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}: choose one of {choices}")
        if self.tied == "all" and self.source_vocab_size != self.target_vocab_size:
            raise ValueError(
                f"vocabularies of {self.source_vocab_size} and {self.target_vocab_size} cannot "
                "share one matrix: use one vocabulary for both, or tied='target'"
            )
        if not 0 <= self.pad < min(self.source_vocab_size, self.target_vocab_size):
            raise ValueError(f"pad is {self.pad}: it must be an id of both vocabularies")


# The two trained sizes (Vaswani et al. 2017, table 3).
SIZES = {
    "base": TransformerConfig(),
    "big": TransformerConfig(d_model=1024, d_ff=4096, n_heads=16, dropout=0.3),
}


class AddNorm(nn.Module):
    """The "Add & Norm" of figure 1 around a part f: norm(x + f(x)), or x + f(norm(x)) if pre-norm.

    Dropout falls on f's output, before the sum (section 5.4).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.pre, self.dropout = config.norm == "pre", config.dropout
        self.norm = nn.LayerNorm(config.d_model, eps=config.eps)

    def entering(self, x: Tensor) -> Tensor:
        """What the part gets to see of x."""
        return self.norm(x) if self.pre else x

    def forward(self, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        """x (B, T, C) → (B, T, C)."""
        x = x + F.dropout(part(self.entering(x)), self.dropout, self.training)
        return x if self.pre else self.norm(x)


class FeedForward(nn.Module):
    """max(0, x W₁ + b₁) W₂ + b₂, at every position alike (section 3.3)."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.fc, self.proj = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, C) → (B, T, C), through (B, T, d_ff)."""
        return self.proj(F.relu(self.fc(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then the feed-forward network (section 3.1)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(config.d_model, config.n_heads)
        self.add_attn = AddNorm(config)
        self.ff = FeedForward(config.d_model, config.d_ff)
        self.add_ff = AddNorm(config)

    def forward(self, x: Tensor, mask: Tensor, backend: Backend = "sdpa") -> Tensor:
        """x (B, S, C) → (B, S, C); mask (B, 1, 1, S)."""
        x = self.add_attn(x, lambda y: self.attn(y, mask=mask, backend=backend))
        return self.add_ff(x, self.ff)

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """Who looks at whom in this layer, given its input: (B, H, S, S)."""
        return self.attn.weights(self.add_attn.entering(x), mask=mask)


class Memory(NamedTuple):
    """What the decoder looks at: the source's keys and values of each decoder layer, computed
    once (B, H, S, d_k), and which of its positions are real (B, 1, 1, S)."""

    keys_values: list[tuple[Tensor, Tensor]]
    mask: Tensor

    def rows(self, index: Tensor) -> Memory:
        """The memories of rows ``index``; a row may stand in it several times, or not at all."""
        return Memory([(k[index], v[index]) for k, v in self.keys_values], self.mask[index])


class DecoderLayer(nn.Module):
    """Self-attention to what stands before, attention to the memory, the feed-forward network."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(config.d_model, config.n_heads)
        self.add_attn = AddNorm(config)
        self.cross = MultiHeadAttention(config.d_model, config.n_heads)
        self.add_cross = AddNorm(config)
        self.ff = FeedForward(config.d_model, config.d_ff)
        self.add_ff = AddNorm(config)

    def forward(
        self,
        x: Tensor,
        memory: Memory,
        mask: Tensor | None,
        cache: KVCache | None = None,
        layer: int = 0,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """x (B, T, C) → (B, T, C); mask (B, 1, 1, T), with a cache over its positions too."""

        def look_back(y: Tensor) -> Tensor:
            q, k, v = self.attn.heads(y)
            if cache is not None:
                k, v = cache.extend(layer, k, v)
            return self.attn.attend(q, k, v, mask, causal=True, backend=backend)

        def look_across(y: Tensor) -> Tensor:
            q, (k, v) = self.cross.queries(y), memory.keys_values[layer]
            return self.cross.attend(q, k, v, memory.mask, backend=backend)

        x = self.add_attn(x, look_back)
        x = self.add_cross(x, look_across)
        return self.add_ff(x, self.ff)

    def weights(
        self, x: Tensor, memory: Memory, mask: Tensor | None, layer: int
    ) -> tuple[Tensor, Tensor]:
        """Who looks at whom, given the layer's input: (B, H, T, T), and (B, H, T, S) across."""
        y = self.add_attn.entering(x)
        own = self.attn.weights(y, mask=mask, causal=True)
        x = self.add_attn(x, lambda y: self.attn(y, mask=mask, causal=True))
        q, k = self.cross.queries(self.add_cross.entering(x)), memory.keys_values[layer][0]
        return own, attention_weights(q, k, memory.mask)
