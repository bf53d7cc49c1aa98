"""The decoder of ``seq2seq`` as a language model over the target, its source given.

N sources · B rows, B / N of them beside each other for one source (the beams of a search)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from llm_nb.models.checks import source_of_row

if TYPE_CHECKING:
    from llm_nb.models.seq2seq import Annotations, Seq2Seq

State = tuple[Tensor, Tensor]  # (s, c), each (B, H)


class Remembered:
    """All that the decoder keeps of what it has written: one state a row, however long the text."""

    def __init__(self, annotations: Annotations, sources: Tensor) -> None:
        self._given, self.sources = annotations, sources  # (B,) which source each row continues
        self.annotations = annotations.rows(sources)
        self.state: State | None = None
        self.length = 0  # target positions read so far

    def reorder(self, rows: Tensor) -> None:
        """Make row b a copy of what row ``rows[b]`` was, its source with it."""
        if self.state is not None:
            self.state = self.state[0][rows], self.state[1][rows]
        sources = self.sources[rows]
        if not torch.equal(sources, self.sources):
            self.sources, self.annotations = sources, self._given.rows(sources)


class Continued:
    """What ``Seq2Seq.given`` returns: ids of the target in, logits of the next token out."""

    context = sys.maxsize  # a state has no last position

    def __init__(self, model: Seq2Seq, annotations: Annotations) -> None:
        self.model, self.annotations = model, annotations
        self.vocab_size = model.config.target_vocab_size

    def __call__(
        self,
        ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: Any = None,  # a Remembered; typed so that generation's protocol fits
    ) -> Tensor:
        """Logits (B, T, V) of the token after each of ids (B, T).

        Args:
            ids: with a cache only the new ones. Row b continues source b · N // B.
            attention_mask: 1 at real tokens, over those read before and the new; None: all are.
            cache: of ``new_cache(B)``; brought up to the last id by this call.

        Raises:
            ValueError: as ``Seq2Seq.forward``, or the rows do not divide among the sources.
        """
        kept = self.new_cache(ids.size(0)) if cache is None else cache
        mask = None if attention_mask is None else attention_mask[:, kept.length :]
        found = self.model.decode(ids, kept.annotations, kept.state, mask)
        kept.state, kept.length = found.state, kept.length + ids.size(1)
        return found.logits

    def new_cache(self, batch_size: int, capacity: int | None = None) -> Remembered:
        """The memory of ``batch_size`` rows that have written nothing; it needs no capacity."""
        sources = source_of_row(batch_size, self.annotations.mask.size(0), self.device)
        return Remembered(self.annotations, sources)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.target.weight.device

    @property
    def training(self) -> bool:
        """Whether the model drops out."""
        return self.model.training

    def train(self, mode: bool = True) -> Continued:
        """Put the model into training mode, or out of it."""
        self.model.train(mode)
        return self

    def eval(self) -> Continued:
        """Put the model into evaluation mode."""
        return self.train(False)
