"""Many sources through an encoder–decoder: in batches of like length, greedily or by beams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from llm_nb.generation.beams import beam_search
from llm_nb.generation.decoder import Decoder
from llm_nb.generation.sampling import generate


class EncoderDecoder(Protocol):
    """A model that reads a source and is then a language model over the target."""

    def given(self, source: Tensor) -> Decoder:
        """The decoder with source (N, S) read."""


def translate(
    model: EncoderDecoder,
    sources: Sequence[Sequence[int]],
    begin: int,
    stop: int,
    *,
    pad: int = 0,
    n_beams: int = 1,
    batch_size: int = 64,
    longest: int | None = None,
) -> list[list[int]]:
    """What the model writes for each source: ids after ``begin`` and before ``stop``.

    Args:
        sources: ids of each, any lengths; they are read in batches of like length, padded on the
            right with ``pad``.
        n_beams: 1 is greedy; more: the best of a ``beam_search``, judged per token.
        longest: the most tokens of a translation; None: twice those of its batch's longest
            source, and ten, as far as the model's context goes.

    Raises:
        ValueError: a source is empty, or as ``generate``.
    """
    if not all(map(len, sources)):
        raise ValueError("a source is empty: leave it out, there is nothing to translate")
    written: list[list[int]] = [[] for _ in sources]
    by_length = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    for start in range(0, len(sources), batch_size):
        rows = by_length[start : start + batch_size]
        width = len(sources[rows[-1]])
        source = torch.full((len(rows), width), pad)
        for b, row in enumerate(rows):
            source[b, : len(sources[row])] = torch.as_tensor(sources[row])
        device = next(model.parameters()).device  # type: ignore[attr-defined]
        given = model.given(source.to(device))
        most = min(longest or 2 * width + 10, given.context - 1)
        prompt = torch.full((len(rows), 1), begin, device=device)
        if n_beams == 1:
            found = generate(given, prompt, most, temperature=0, stop=stop)
        else:
            found = beam_search(given, prompt, most, n_beams=n_beams, stop=stop).ids[:, 0]
        for row, ids in zip(rows, found[:, 1:].tolist(), strict=True):
            written[row] = ids[: ids.index(stop)] if stop in ids else ids
    return written
