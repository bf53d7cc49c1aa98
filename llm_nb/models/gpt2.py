"""GPT-2 (Radford et al. 2019, section 2.3; its blocks follow Radford et al. 2018, section 3.1).

ids (B, T) → token + position vectors (B, T, C) → L blocks → layer norm → logits (B, T, V)

B batch · T positions · C = d_model · H heads · d_k = C / H · V vocabulary · L layers
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.attention import Backend, attention, attention_weights
from llm_nb.models.cache import KVCache
from llm_nb.models.checks import check_heads, check_ids, check_shares, check_sizes
from llm_nb.models.chunked_loss import vocabulary_loss


@dataclass(frozen=True)
class GPT2Config:
    """Sizes of a GPT-2; the defaults are the released small model."""

    vocab_size: int = 50257
    context: int = 1024
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    dropout: float = 0.1
    eps: float = 1e-5
    init_std: float = 0.02  # right for 768; a narrow model learns sooner from about 1/√d_model

    def __post_init__(self) -> None:
        check_sizes(self, "vocab_size", "context", "n_layers")
        if not self.init_std > 0:
            raise ValueError(f"init_std is {self.init_std}: it must be positive")
        check_heads(self.d_model, self.n_heads)
        check_shares(self, "dropout")


# The four released sizes (Radford et al. 2019, table 2).
SIZES = {
    "gpt2": GPT2Config(),
    "gpt2-medium": GPT2Config(d_model=1024, n_layers=24, n_heads=16),
    "gpt2-large": GPT2Config(d_model=1280, n_layers=36, n_heads=20),
    "gpt2-xl": GPT2Config(d_model=1600, n_layers=48, n_heads=25),
}


class CausalSelfAttention(nn.Module):
    """Multi-head attention in which a position sees itself and what stands before it."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.n_heads, self.dropout = config.n_heads, config.dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.proj = nn.Linear(config.d_model, config.d_model)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, T, C), each (B, H, T, d_k)."""
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_heads, C // self.n_heads).permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
        layer: int = 0,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """x (B, T, C) → (B, T, C). ``mask`` (B, 1, 1, S) is True at real tokens."""
        q, k, v = self.heads(x)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, H, S, d_k)
        drop = self.dropout if self.training else 0.0
        out = attention(q, k, v, mask, causal=True, dropout_p=drop, backend=backend)
        return F.dropout(self.proj(out.transpose(1, 2).flatten(2)), self.dropout, self.training)


class Block(nn.Module):
    """One layer: attention, then a two-layer network, each added to the residual stream.

    Layer norm stands *before* each part (pre-norm), so the stream itself is never rescaled.
    """

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.ln_1 = nn.LayerNorm(config.d_model, eps=config.eps)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.d_model, eps=config.eps)
        self.fc = nn.Linear(config.d_model, 4 * config.d_model)
        self.proj = nn.Linear(4 * config.d_model, config.d_model)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
        layer: int = 0,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """x (B, T, C) → (B, T, C)."""
        x = x + self.attn(self.ln_1(x), mask, cache, layer, backend)
        hidden = F.gelu(self.fc(self.ln_2(x)), approximate="tanh")  # (B, T, 4C)
        return x + F.dropout(self.proj(hidden), self.dropout, self.training)


class GPT2(nn.Module):
    """The whole model; the output layer shares its matrix with the token vectors."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.d_model)
        self.wpe = nn.Embedding(config.context, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.ln_f = nn.LayerNorm(config.d_model, eps=config.eps)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """N(0, 0.02) weights (``init_std``), zero biases; layers that write into the residual stream
        are scaled by 1/√(2L), so that its variance does not grow with depth (section 2.3)."""
        std = self.config.init_std
        residual_std = std / math.sqrt(2 * self.config.n_layers)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=residual_std if name.endswith("proj") else std)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=std)

    @property
    def context(self) -> int:
        """The most positions it can read."""
        return self.config.context

    @property
    def device(self) -> torch.device:
        """Where its weights lie, hence where its input must."""
        return self.wte.weight.device

    def new_cache(self, batch_size: int, capacity: int | None = None) -> KVCache:
        """An empty cache for ``batch_size`` rows of ``capacity`` positions (all: the context)."""
        C, H = self.config.d_model, self.config.n_heads
        capacity = self.config.context if capacity is None else capacity
        return KVCache(self.config.n_layers, batch_size, H, capacity, C // H, self.wte.weight)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: KVCache | None = None,
        backend: Backend = "sdpa",
        documents: Tensor | None = None,
    ) -> Tensor:
        """Next-token logits.

        Args:
            ids: (B, T) token ids.
            attention_mask: (B, S) with 1 at real tokens and 0 at padding, over cached and new
                positions; with padding on the left, positions count from the first real token.
            cache: earlier keys and values; extended by this call.
            backend: how attention is computed.
            documents: (B, T) the number of the document that each token is of, where several
                stand in one row: none sees another, and positions count from each one's start.

        Returns:
            (B, T, V) logits.

        Raises:
            ValueError: the ids are outside the vocabulary, or the sequence over the context.
        """
        x = self.body(ids, attention_mask, cache, backend, documents)
        return x @ self.wte.weight.T  # (B, T, V)

    def body(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: KVCache | None = None,
        backend: Backend = "sdpa",
        documents: Tensor | None = None,
    ) -> Tensor:
        """All but the output layer, (B, T, C); arguments as in ``forward``."""
        past = cache.length if cache is not None else 0
        x, mask = self.embed(ids, attention_mask, past, documents)
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, cache, layer, backend)
        if cache is not None:
            cache.length += ids.size(1)
        return self.ln_f(x)

    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean cross-entropy, in nats, of (ids, targets), both (B, T), or of (ids, targets,
        documents); target −100 is left out."""
        ids, targets, *documents = batch
        x = self.body(ids, documents=documents[0] if documents else None).flatten(0, 1)
        return vocabulary_loss(x, self.wte.weight, targets.flatten())

    @torch.no_grad()
    def hidden_states(
        self, ids: Tensor, attention_mask: Tensor | None = None, backend: Backend = "sdpa"
    ) -> Tensor:
        """The residual stream before each block, and at last normed: (L + 1, B, T, C)."""
        x, mask = self.embed(ids, attention_mask, 0)
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1], mask, backend=backend))
        return torch.stack([*states[:-1], self.ln_f(states[-1])])

    @torch.no_grad()
    def attention_maps(self, ids: Tensor) -> Tensor:
        """Who looks at whom: weights of every layer and head, (L, B, H, T, T)."""
        x, _ = self.embed(ids, None, 0)
        maps = []
        for block in self.blocks:
            assert isinstance(block, Block)  # nn.ModuleList hides the type
            q, k, _ = block.attn.heads(block.ln_1(x))
            maps.append(attention_weights(q, k, causal=True))
            x = block(x)
        return torch.stack(maps)

    def embed(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        past: int = 0,
        documents: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Token plus position vectors (B, T, C) after ``past`` positions, and the mask as
        (B, 1, 1, S) or (B, 1, T, T); arguments and errors as in ``forward``."""
        check_ids(ids, self.config.vocab_size, self.config.context, past)
        B, T = ids.shape
        positions = torch.arange(past, past + T, device=ids.device)
        mask = None
        if documents is not None:
            if documents.shape != ids.shape or attention_mask is not None or past:
                raise ValueError(
                    f"documents has shape {tuple(documents.shape)}, needed {(B, T)}, without an "
                    "attention_mask and without a cache"
                )
            begins = documents[:, 1:] != documents[:, :-1]
            starts = F.pad(positions[1:] * begins, (1, 0)).cummax(1).values  # (B, T)
            positions = positions - starts
            mask = (documents[:, :, None] == documents[:, None, :])[:, None]  # (B, 1, T, T)
        elif attention_mask is not None:
            if attention_mask.shape != (B, past + T):
                raise ValueError(
                    f"attention_mask has shape {tuple(attention_mask.shape)}, needed {(B, past + T)}"
                )
            positions = (attention_mask.long().cumsum(1) - 1).clamp(min=0)[:, past:]
            mask = attention_mask.bool()[:, None, None, :]
        x = self.wte(ids) + self.wpe(positions)
        return F.dropout(x, self.config.dropout, self.training), mask
