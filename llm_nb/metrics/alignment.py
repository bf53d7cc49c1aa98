"""Whether attention from target to source looks where the word to be written comes from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Gold = Sequence[Sequence[int | None]]


def share_aligned(weights: Tensor, gold: Gold) -> Tensor:
    """The share of target words whose largest weight lies on the source word that they render.

    Args:
        weights: (B, …, T, S); row t is where the model looks while it predicts target word t.
        gold: for each row of the batch the true source place of target words 0, 1, …, None for a
            word that renders none, which is left out, as are rows of ``weights`` beyond.

    Returns:
        (…), e.g. one share a head for (B, H, T, S).

    Raises:
        ValueError: the numbers of rows differ, a place is outside the source, or no word has one.
    """
    if len(gold) != len(weights):
        raise ValueError(
            f"weights of {len(weights)} rows and {len(gold)} alignments: give one each"
        )
    places = [
        (b, t, place)
        for b, row in enumerate(gold)
        for t, place in enumerate(row)
        if place is not None
    ]
    T, S = weights.shape[-2:]
    if wrong := [p for p in places if not (p[1] < T and 0 <= p[2] < S)]:
        b, t, place = wrong[0]
        raise ValueError(
            f"word {t} of row {b} is said to render source place {place}, but there are weights of "
            f"{T} target and {S} source places only"
        )
    if not places:
        raise ValueError("no target word renders a source word: there is nothing to compare")
    rows, words, sources = torch.tensor(places, device=weights.device).T
    looked = weights.argmax(-1)[rows, ..., words]  # (N, …)
    return (looked == sources.view(-1, *[1] * (looked.ndim - 1))).float().mean(0)
