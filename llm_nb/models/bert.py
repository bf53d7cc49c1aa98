"""BERT (Devlin et al. 2019, section 3): a Transformer encoder that reads in both directions.

ids (B, T) → word + position + segment vectors → layer norm → L blocks → hidden (B, T, C), and
pooled (B, C) = tanh(W h[CLS] + b)

B batch · T positions · C = d_model · H heads · d_k = C / H · L layers · N real tokens of a batch

Sentences differ in length, so a batch (B, T) is padded. Inside the model the padding is left
out: all layers work on the N real tokens, packed as (N, C), and attention on blocks of
sentences of one length. What is returned is padded again, with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.attention import Backend, attention, attention_weights
from llm_nb.models.checks import (
    check_heads,
    check_ids,
    check_range,
    check_shares,
    check_sizes,
)
from llm_nb.models.packing import Packing


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a BERT; the defaults are the released base model.

    ``labels`` names the classes that a classification head tells apart; one label alone means
    a number is to be predicted. ``classifier_dropout`` None stands for ``dropout``.
    """

    vocab_size: int = 30522
    context: int = 512
    n_segments: int = 2
    d_model: int = 768
    n_layers: int = 12
    n_heads: int = 12
    d_ff: int = 3072
    dropout: float = 0.1
    attention_dropout: float = 0.1
    classifier_dropout: float | None = None
    eps: float = 1e-12
    labels: tuple[str, ...] = ("LABEL_0", "LABEL_1")

    def __post_init__(self) -> None:
        check_sizes(self, "vocab_size", "context", "n_segments", "n_layers", "d_ff")
        check_heads(self.d_model, self.n_heads)
        check_shares(self, "dropout", "attention_dropout", "classifier_dropout")
        if isinstance(self.labels, str) or not self.labels:
            raise ValueError(f"labels is {self.labels!r}: give a tuple of at least one name")

    @property
    def head_dropout(self) -> float:
        """The dropout before a classifier."""
        return self.dropout if self.classifier_dropout is None else self.classifier_dropout


# The two released sizes (section 3, "Model Architecture").
SIZES = {
    "bert-base-uncased": BertConfig(),
    "bert-large-uncased": BertConfig(d_model=1024, n_layers=24, n_heads=16, d_ff=4096),
}


class SelfAttention(nn.Module):
    """Multi-head attention in which every token of a sentence sees all of them."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.n_heads, self.dropout = config.n_heads, config.attention_dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.proj = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor, packing: Packing, backend: Backend = "sdpa") -> Tensor:
        """x (N, C) → (N, C)."""
        qkv = self.qkv(x).view(len(x), 3, self.n_heads, -1)  # (N, 3, H, d_k)
        drop = self.dropout if self.training else 0.0
        mixed = []
        for (n, t), block in zip(
            packing.blocks, qkv.split([n * t for n, t in packing.blocks]), strict=True
        ):
            q, k, v = block.unflatten(0, (n, t)).permute(2, 0, 3, 1, 4)  # each (n, H, t, d_k)
            out = attention(q, k, v, dropout_p=drop, backend=backend)  # (n, H, t, d_k)
            mixed.append(out.transpose(1, 2).reshape(n * t, -1))  # (n·t, C)
        return self.proj(torch.cat(mixed))

    def weights(self, x: Tensor, packing: Packing) -> Tensor:
        """Who looks at whom in x (N, C): (B, H, T, T), zeros at padding."""
        qkv = packing.unpack(self.qkv(x).view(len(x), 3, self.n_heads, -1))  # (B, T, 3, H, d_k)
        real = packing.unpack(torch.ones_like(x[:, 0])).bool()  # (B, T)
        q, k, _ = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, d_k)
        return attention_weights(q, k, real[:, None, None, :]) * real[:, None, :, None]


class Block(nn.Module):
    """One layer: attention, then a two-layer network with the exact (erf) GELU.

    Layer norm stands *after* each sum (post-norm), as in Vaswani et al. 2017, section 3.1.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.attn = SelfAttention(config)
        self.ln_1 = nn.LayerNorm(config.d_model, eps=config.eps)
        self.fc = nn.Linear(config.d_model, config.d_ff)
        self.proj = nn.Linear(config.d_ff, config.d_model)
        self.ln_2 = nn.LayerNorm(config.d_model, eps=config.eps)

    def forward(self, x: Tensor, packing: Packing, backend: Backend = "sdpa") -> Tensor:
        """x (N, C) → (N, C)."""
        mixed = self.attn(x, packing, backend)
        x = self.ln_1(x + F.dropout(mixed, self.dropout, self.training))
        hidden = self.proj(F.gelu(self.fc(x)))  # (N, d_ff) inside
        return self.ln_2(x + F.dropout(hidden, self.dropout, self.training))


class BertEncoder(nn.Module):
    """BERT without its pooler: vectors in context of every token."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.word = nn.Embedding(config.vocab_size, config.d_model)
        self.position = nn.Embedding(config.context, config.d_model)
        self.segment = nn.Embedding(config.n_segments, config.d_model)
        self.ln = nn.LayerNorm(config.d_model, eps=config.eps)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.apply(initialise)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Hidden vectors (B, T, C) of the last layer; arguments and errors as in ``Bert``."""
        x, packing = self.packed(ids, attention_mask, segments, backend)
        return packing.unpack(x)

    def packed(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> tuple[Tensor, Packing]:
        """The hidden vectors of the real tokens alone, (N, C), and where they stand."""
        x, packing = self._embed(ids, attention_mask, segments)
        for block in self.blocks:
            x = block(x, packing, backend)
        return x, packing

    def hidden_states(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """The embeddings and every layer's output, (L + 1, B, T, C)."""
        x, packing = self._embed(ids, attention_mask, segments)
        states = [packing.unpack(x)]
        for block in self.blocks:
            x = block(x, packing, backend)
            states.append(packing.unpack(x))
        return torch.stack(states)

    @torch.no_grad()
    def attention_maps(
        self, ids: Tensor, attention_mask: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """Who looks at whom: weights of every layer and head, (L, B, H, T, T)."""
        x, packing = self._embed(ids, attention_mask, segments)
        maps = []
        for block in self.blocks:
            assert isinstance(block, Block)  # nn.ModuleList hides the type
            maps.append(block.attn.weights(x, packing))
            x = block(x, packing)
        return torch.stack(maps)

    def _embed(
        self, ids: Tensor, attention_mask: Tensor | None, segments: Tensor | None
    ) -> tuple[Tensor, Packing]:
        """Word plus position plus segment vectors of the real tokens, (N, C)."""
        config = self.config
        check_ids(ids, config.vocab_size, config.context)
        segments = torch.zeros_like(ids) if segments is None else segments
        mask = torch.ones_like(ids) if attention_mask is None else attention_mask
        for name, given in (("attention_mask", mask), ("segments", segments)):
            if given.shape != ids.shape:
                raise ValueError(
                    f"{name} has shape {tuple(given.shape)}, needed {tuple(ids.shape)}, that of ids"
                )
        check_range("segment", segments, config.n_segments, "number the sentences from 0")
        packing = Packing(mask)
        x = self.word(packing.pack(ids)) + self.segment(packing.pack(segments))
        x = self.ln(x + self.position(packing.positions))
        return F.dropout(x, config.dropout, self.training), packing


class BertOutput(NamedTuple):
    """What ``Bert`` returns."""

    hidden: Tensor  # (B, T, C), zeros at padding
    pooled: Tensor  # (B, C)


class Bert(nn.Module):
    """The encoder and its pooler."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = BertEncoder(config)
        self.pooler = nn.Linear(config.d_model, config.d_model)
        initialise(self.pooler)

    def forward(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        segments: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> BertOutput:
        """Hidden vectors of the last layer, and one vector for the whole input.

        Args:
            ids: (B, T) token ids, [CLS] first.
            attention_mask: (B, T) with 1 at real tokens and 0 at padding; None: all are real.
            segments: (B, T), 0 in the first sentence and 1 in the second; None: all 0.
            backend: how attention is computed.

        Raises:
            ValueError: an empty batch, a row without real tokens, shapes that differ, ids or
                segments out of range, or a sequence over the positions.
        """
        x, packing = self.encoder.packed(ids, attention_mask, segments, backend)
        return BertOutput(packing.unpack(x), self.pool(x, packing))

    def pool(self, x: Tensor, packing: Packing) -> Tensor:
        """x (N, C) → (B, C): a layer on the first real token of each row, which is [CLS]."""
        return torch.tanh(self.pooler(x[packing.first]))


def initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), zero biases (the released code also cuts off at two deviations)."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
