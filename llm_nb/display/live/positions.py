"""The live figure of positions: sinusoids, a trained model's own, and RoPE."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from llm_nb.display.live.frame import pack, show_live
from llm_nb.display.style import SEQUENTIAL, house_style
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.positions import sinusoids

POSITIONS = 64  # more would be too fine for a phone
D_MODEL = 32  # of the sinusoids at the start
T, K = 12, 3  # the pair at the start: positions 12 and 15


def positions_data(model: GPT2, name: str) -> dict[str, Any]:
    """What positions.js needs: the learned position vectors, and where to begin.

    Raises:
        ValueError: the model has fewer than 64 positions.
    """
    if model.config.context < POSITIONS:
        raise ValueError(
            f"the model has {model.config.context} positions: "
            f"the figure shows {POSITIONS}, so take a model with at least as many"
        )
    return {
        "positions": POSITIONS,
        "d_model": D_MODEL,
        "t": T,
        "k": K,
        "dimension": 8,
        "learned": pack(model.wpe.weight.detach()[:POSITIONS]),
        "learned_name": name,
    }


def cosine_table(vectors: Tensor) -> Tensor:
    """The cosine of every position's vector with every other, (T, T), for vectors (T, C)."""
    return F.cosine_similarity(vectors[:, None], vectors[None], dim=-1)


def _picture(table: Tensor, learned: Tensor, name: str) -> Figure:
    with house_style():
        figure, (left, middle, right) = plt.subplots(
            1, 3, figsize=(10.5, 3.6), layout="constrained"
        )
        left.imshow(table.numpy(), cmap=SEQUENTIAL, vmin=-1, vmax=1, aspect="auto")
        left.set(title="sinusoids", xlabel="dimension", ylabel="position")
        for axes, vectors, title in (
            (middle, table, "sinusoids"),
            (right, learned, f"learned: {name}"),
        ):
            image = axes.imshow(cosine_table(vectors).numpy(), cmap=SEQUENTIAL, vmin=-1, vmax=1)
            axes.set(title=f"cosines, {title}", xlabel="position", ylabel="position")
        for axes in (left, middle, right):
            axes.grid(False)
        figure.colorbar(image, ax=right, shrink=0.9)
    return figure


def positions(model: GPT2, name: str) -> None:
    """Show positional encodings live: position, distance, dimension, width and base are the reader's.

    Args:
        model: its learned positions stand beside the sinusoids and RoPE.
        name: what the figure calls it.

    Raises:
        ValueError: the model has fewer than 64 positions.
    """
    data = positions_data(model, name)
    table, learned = sinusoids(POSITIONS, D_MODEL), model.wpe.weight.detach()[:POSITIONS]
    among = cosine_table(table).diagonal(K), cosine_table(learned).diagonal(K)
    low, high = (float(f(among[1])) for f in (torch.min, torch.max))
    show_live(
        "positions",
        data,
        title="Live figure: positional encodings",
        picture=_picture(table, learned, name),
        alt=f"Three heat maps: the sinusoids of {POSITIONS} positions in {D_MODEL} dimensions; their "
        f"cosines with each other, in even stripes, {float(among[0].mean()):.2f} for every pair "
        f"{K} apart; and those of the positions that {name} has learned, "
        f"{low:.2f} to {high:.2f} for such pairs.",
    )
