"""The Transformer, encoder and decoder (Vaswani et al. 2017, section 3 and figure 1).

source (B, S) → vectors + positions → encoder layers → memory (B, S, C)
target (B, T) → vectors + positions → decoder layers, which look at the memory → logits (B, T, V)

B batch · S, T source and target positions · C = d_model · H heads · V target vocabulary
A mask is (B, S) or (B, T), True (or 1) at real tokens; by default at all but ``config.pad``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.attention import Backend
from llm_nb.models.cache import KVCache
from llm_nb.models.checks import check_ids
from llm_nb.models.modes import evaluating
from llm_nb.models.positions import SinusoidalPositions
from llm_nb.models.transformer_decoding import Conditioned
from llm_nb.models.transformer_layers import (
    SIZES,
    AddNorm,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    Memory,
    TransformerConfig,
)

__all__ = [
    "SIZES",
    "AddNorm",
    "AttentionMaps",
    "DecoderLayer",
    "EncoderLayer",
    "FeedForward",
    "HiddenStates",
    "Memory",
    "Transformer",
    "TransformerConfig",
]


class HiddenStates(NamedTuple):
    """What stands between the layers, each (B, S, C) or (B, T, C): vectors with positions, then
    the output of every layer, then the last once more, behind the stack's own norm."""

    encoder: list[Tensor]
    decoder: list[Tensor]


class AttentionMaps(NamedTuple):
    """Weights of each layer: (B, H, S, S), (B, H, T, T) and, from target to source, (B, H, T, S)."""

    encoder: list[Tensor]
    decoder: list[Tensor]
    cross: list[Tensor]


class Transformer(nn.Module):
    """The whole model.

    Dropout falls where section 5.4 puts it: on every part's output and on the sums of vectors
    and positions. Each stack ends in one more layer norm, as in ``nn.Transformer``: pre-norm
    needs it; the paper's post-norm model has none there, where it only rescales.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        C, tied = config.d_model, config.tied
        self.target = nn.Embedding(config.target_vocab_size, C)
        self.source = nn.Embedding(config.source_vocab_size, C) if tied != "all" else None
        self.output = nn.Linear(C, config.target_vocab_size, bias=False) if tied == "none" else None
        self.positions = SinusoidalPositions(config.context, C)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_encoder_layers))
        self.encoder_norm = nn.LayerNorm(C, eps=config.eps)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.decoder_norm = nn.LayerNorm(C, eps=config.eps)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's uniform weights (Glorot and Bengio 2010), zero biases; token vectors
        N(0, 1/√C), which the √C of section 3.4 brings to unit variance."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=self.config.d_model**-0.5)

    def forward(
        self,
        source: Tensor,
        target_in: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, T, V) of the token after each of ``target_in`` (B, T), given source (B, S).

        Raises:
            ValueError: ids are not (B, T), empty, outside their vocabulary or over the context;
                source and target differ in rows; a mask does not have the shape of its ids.
        """
        memory = self.memory(source, source_mask, backend)
        target_mask = self._real(target_in, target_mask)
        return self.decode(target_in, memory, target_mask, backend=backend)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean cross-entropy, in nats a target, of (source (B, S), target (B, T + 1)).

        The target holds its begin and end tokens: all but its last are read, all but its first
        predicted, padding left out. In training the labels are smoothed (section 5.4), in
        evaluation they are not, so that the loss is that of the text and exp(loss) its perplexity.
        """
        source, target = batch
        if target.ndim != 2 or target.size(1) < 2:
            raise ValueError(
                f"target has shape {tuple(target.shape)}, needed (B, T + 1) with a begin token "
                "and at least one to predict"
            )
        if target.device.type == "cpu" and not bool((target[:, 1:] != self.config.pad).any()):
            raise ValueError("the batch is empty: every target is padding")
        logits = self(source, target[:, :-1])  # (B, T, V)
        return F.cross_entropy(
            logits.flatten(0, 1).float(),
            target[:, 1:].flatten(),
            ignore_index=self.config.pad,
            label_smoothing=self.config.label_smoothing if self.training else 0.0,
        )

    def n_targets(self, batch: tuple[Tensor, Tensor]) -> int:
        """How many targets the loss of a batch is a mean over, for the trainer."""
        return int((batch[1][:, 1:] != self.config.pad).sum())

    def encode(
        self, source: Tensor, source_mask: Tensor | None = None, backend: Backend = "sdpa"
    ) -> Tensor:
        """The encoder's output (B, S, C) for source (B, S); at padding it means nothing."""
        return self._encoder_states(source, self._real(source, source_mask), backend)[-1]

    def memory(
        self, source: Tensor, source_mask: Tensor | None = None, backend: Backend = "sdpa"
    ) -> Memory:
        """The encoded source as the decoder looks at it: keys and values for each layer."""
        real = self._real(source, source_mask)
        return self._remember(self._encoder_states(source, real, backend)[-1], real)

    def decode(
        self,
        target_in: Tensor,
        memory: Memory,
        target_mask: Tensor | None = None,
        cache: KVCache | None = None,
        backend: Backend = "sdpa",
    ) -> Tensor:
        """Logits (B, T, V) of the token after each of ``target_in`` (B, T).

        Args:
            memory: of the same rows.
            target_mask: (B, T), with a cache over its positions too; None: all are real. With
                padding on the left, positions count from the first real token.
            cache: keys and values of earlier target positions; extended by this call.
        """
        x = self._decoder_states(target_in, memory, target_mask, cache, backend)[-1]
        if cache is not None:
            cache.length += target_in.size(1)
        return x @ (self.output or self.target).weight.T  # (B, T, V)

    def given(self, source: Tensor, source_mask: Tensor | None = None) -> Conditioned:
        """The decoder with ``source`` (N, S) read once, as in evaluation and without gradients:
        a language model over the target, to be continued like any other."""
        with evaluating(self), torch.no_grad():
            return Conditioned(self, self.memory(source, source_mask))

    @torch.no_grad()
    def hidden_states(
        self,
        source: Tensor,
        target_in: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
        backend: Backend = "sdpa",
    ) -> HiddenStates:
        """Every state between two layers; arguments as in ``forward``."""
        real, target_real = self._real(source, source_mask), self._real(target_in, target_mask)
        encoder = self._encoder_states(source, real, backend)
        memory = self._remember(encoder[-1], real)
        return HiddenStates(
            encoder, self._decoder_states(target_in, memory, target_real, None, backend)
        )

    @torch.no_grad()
    def attention_maps(
        self,
        source: Tensor,
        target_in: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
    ) -> AttentionMaps:
        """Who looks at whom, in every layer and head; arguments as in ``forward``."""
        states = self.hidden_states(source, target_in, source_mask, target_mask)
        memory = self._remember(states.encoder[-1], self._real(source, source_mask))
        mask = self._real(target_in, target_mask)[:, None, None, :]
        maps = AttentionMaps([], [], [])
        for layer, x in zip(self.encoder, states.encoder, strict=False):
            assert isinstance(layer, EncoderLayer)  # nn.ModuleList hides the type
            maps.encoder.append(layer.weights(x, memory.mask))
        for i, (layer, x) in enumerate(zip(self.decoder, states.decoder, strict=False)):
            assert isinstance(layer, DecoderLayer)
            own, across = layer.weights(x, memory, mask, i)
            maps.decoder.append(own)
            maps.cross.append(across)
        return maps

    def _encoder_states(self, source: Tensor, real: Tensor, backend: Backend) -> list[Tensor]:
        """What enters the encoder, leaves each of its layers, and its norm: each (B, S, C)."""
        states = [self._embed(source, self.source or self.target, real, 0)]
        for layer in self.encoder:
            states.append(layer(states[-1], real[:, None, None, :], backend))
        return [*states, self.encoder_norm(states[-1])]

    def _remember(self, encoded: Tensor, real: Tensor) -> Memory:
        keys_values = []
        for layer in self.decoder:
            assert isinstance(layer, DecoderLayer)
            keys_values.append(layer.cross.keys_values(encoded))
        return Memory(keys_values, real[:, None, None, :])

    def _decoder_states(
        self,
        target_in: Tensor,
        memory: Memory,
        real: Tensor | None,
        cache: KVCache | None,
        backend: Backend,
    ) -> list[Tensor]:
        """What enters the decoder, leaves each of its layers, and its norm: each (B, T, C)."""
        if target_in.size(0) != memory.mask.size(0):
            raise ValueError(
                f"{memory.mask.size(0)} sources and {target_in.size(0)} targets: "
                "each target needs its own source"
            )
        past = cache.length if cache is not None else 0
        states = [self._embed(target_in, self.target, real, past)]
        mask = real.bool()[:, None, None, :] if real is not None else None
        for i, layer in enumerate(self.decoder):
            states.append(layer(states[-1], memory, mask, cache, i, backend))
        return [*states, self.decoder_norm(states[-1])]

    def _real(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T) booleans, True at real tokens: the given mask, or all but padding."""
        return ids != self.config.pad if mask is None else mask.bool()

    def _embed(self, ids: Tensor, vectors: nn.Embedding, real: Tensor | None, past: int) -> Tensor:
        """Token vectors times √C plus positions (sections 3.4 and 3.5), (B, T, C)."""
        check_ids(ids, vectors.num_embeddings, self.config.context, past)
        if real is None:
            positions = torch.arange(past, past + ids.size(1), device=ids.device)
        else:
            if real.shape != (ids.size(0), past + ids.size(1)):
                raise ValueError(
                    f"the mask has shape {tuple(real.shape)}, needed "
                    f"{(ids.size(0), past + ids.size(1))}: one mark for each token"
                )
            positions = (real.long().cumsum(1) - 1).clamp(min=0)[:, past:]
        x = vectors(ids) * math.sqrt(self.config.d_model) + self.positions(positions)
        return F.dropout(x, self.config.dropout, self.training)
