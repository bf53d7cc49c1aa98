"""The Transformer's decoder as a language model over the target, its source given.

N sources · B rows, B / N of them beside each other for one source (the beams of a search)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from llm_nb.models.cache import KVCache
from llm_nb.models.checks import source_of_row
from llm_nb.models.transformer_layers import Memory

if TYPE_CHECKING:
    from llm_nb.models.transformer import Transformer


class DecoderCache:
    """Keys and values of the target positions already read, and those of each row's source.

    ``sources`` (B,) says which source each row continues.
    """

    def __init__(self, own: KVCache, given: Memory, sources: Tensor) -> None:
        self.own, self._given, self.sources = own, given, sources
        self.memory = given.rows(sources)

    @property
    def length(self) -> int:
        """Target positions read so far."""
        return self.own.length

    def reorder(self, rows: Tensor) -> None:
        """Make row b a copy of what row ``rows[b]`` was, its source with it.

        A beam search moves rows only among the beams of one source, and then the source's keys
        and values, which are the bulk of it, stay where they are.
        """
        self.own.reorder(rows)
        sources = self.sources[rows]
        if not torch.equal(sources, self.sources):
            self.sources, self.memory = sources, self._given.rows(sources)


class Conditioned:
    """What ``Transformer.given`` returns: ids of the target in, logits of the next token out.

    The sources are encoded once, when it is made.
    """

    def __init__(self, model: Transformer, memory: Memory) -> None:
        self.model, self.memory = model, memory
        self.context = model.config.context
        self.vocab_size = model.config.target_vocab_size

    def __call__(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: Any = None,  # a DecoderCache; typed so that generation's protocol fits
    ) -> Tensor:
        """Logits (B, T, V) of the token after each of ids (B, T).

        Args:
            ids: with a cache only the new ones. Row b continues source b · N // B.
            attention_mask: (B, S), 1 at real tokens, over cached and new positions; None: all
                are real.
            cache: of ``new_cache(B, …)``; extended by this call.

        Raises:
            ValueError: as ``Transformer.forward``, or the rows do not divide among the sources.
        """
        if cache is not None:
            return self.model.decode(ids, cache.memory, attention_mask, cache.own)
        return self.model.decode(ids, self.memory.rows(self._sources(ids.size(0))), attention_mask)

    def new_cache(self, batch_size: int, capacity: int | None = None) -> DecoderCache:
        """An empty cache for ``batch_size`` rows of ``capacity`` (the context) target tokens."""
        config, like = self.model.config, self.memory.keys_values[0][0]
        d_head, room = config.d_model // config.n_heads, capacity or config.context
        own = KVCache(config.n_decoder_layers, batch_size, config.n_heads, room, d_head, like)
        return DecoderCache(own, self.memory, self._sources(batch_size))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.target.weight.device

    @property
    def training(self) -> bool:
        """Whether the model drops out."""
        return self.model.training

    def train(self, mode: bool = True) -> Conditioned:
        """Put the model into training mode, or out of it."""
        self.model.train(mode)
        return self

    def eval(self) -> Conditioned:
        """Put the model into evaluation mode."""
        return self.train(False)

    def _sources(self, rows: int) -> Tensor:
        return source_of_row(rows, self.memory.mask.size(0), self.memory.mask.device)
