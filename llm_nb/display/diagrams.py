"""Diagrams of the models, drawn with matplotlib so that they travel with the notebook."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from llm_nb.display.style import PALETTE, house_style

_ARROW = {"arrowstyle": "-|>", "color": "#333333", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}

GPT2_ALT = (
    "GPT-2: ids become token plus position vectors, pass L blocks and a layer norm, and are "
    "multiplied by the transposed token vectors to give logits. A block adds two things to the "
    "residual stream: layer norm then causal self-attention, and layer norm then a feed-forward "
    "layer with GELU."
)


def gpt2_diagram() -> Figure:
    """GPT-2 from ids to logits, with the inside of one block beside it."""
    with house_style():
        figure, axes = plt.subplots(figsize=(7.4, 6.0))
        axes.set(xlim=(0, 10), ylim=(0, 10.2))
        axes.axis("off")

        # Left: the whole model, bottom to top.
        box(axes, 0.3, 0.2, 3.2, "token ids  (B, T)", None)
        box(axes, 0.3, 1.7, 3.2, "token + position vectors", PALETTE[5])
        box(axes, 0.3, 3.7, 3.2, "block 1", PALETTE[0])
        box(axes, 0.3, 5.3, 3.2, "block L", PALETTE[0])
        box(axes, 0.3, 6.9, 3.2, "layer norm", PALETTE[4])
        box(axes, 0.3, 8.1, 3.2, "× token vectorsᵀ", PALETTE[5])
        axes.text(1.9, 9.75, "logits  (B, T, V)", ha="center", va="center", fontsize=10.5)
        for low, high in ((0.9, 1.7), (2.4, 3.7), (6.0, 6.9), (7.6, 8.1), (8.8, 9.5)):
            arrow(axes, (1.9, low), (1.9, high))
        axes.text(2.1, 3.05, "x⁽⁰⁾  (B, T, C)", va="center", fontsize=10)
        axes.plot([1.9, 1.9], [4.4, 5.3], color="#333333", linewidth=1.2, linestyle=":")

        # Right: one block on its residual stream.
        axes.add_patch(
            FancyBboxPatch(
                (4.7, 1.35), 5.0, 7.2, boxstyle="round,pad=0.1", fc="#f4f7fa", ec="#8899aa", lw=1
            )
        )
        axes.text(9.55, 8.2, "one block", ha="right", fontsize=10.5, style="italic")
        stream = 5.5
        arrow(axes, (stream, 0.7), (stream, 9.4))
        axes.text(stream, 9.7, "residual stream", ha="center", fontsize=10)
        for base, names in (
            (1.9, ("layer norm", "causal self-attention")),
            (5.2, ("layer norm", "feed-forward, GELU")),
        ):
            box(axes, 6.4, base, 3.1, names[0], PALETTE[4])
            box(axes, 6.4, base + 1.1, 3.1, names[1], PALETTE[2])
            low, high = base + 0.35, base + 2.3
            arrow(axes, (stream, low), (6.4, low))
            arrow(axes, (7.95, base + 0.7), (7.95, base + 1.1))
            axes.plot([7.95, 7.95], [base + 1.8, high], color="#333333", linewidth=1.2)
            arrow(axes, (7.95, high), (stream + 0.2, high))
            axes.plot(stream, high, marker="o", markersize=15, mfc="white", mec="#333333", mew=1.2)
            axes.text(stream, high - 0.02, "+", ha="center", va="center", fontsize=13)
        axes.plot([3.5, 4.6], [4.4, 8.65], color="#8899aa", linewidth=0.8, linestyle="--")
        axes.plot([3.5, 4.6], [3.7, 1.25], color="#8899aa", linewidth=0.8, linestyle="--")
    return figure


def box(axes: Axes, x: float, y: float, width: float, label: str, colour: str | None) -> None:
    """A box 0.7 high with its label; ``colour`` None leaves it white."""
    face = "white" if colour is None else f"{colour}33"  # a light tint: dark text stays readable
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            0.7,
            boxstyle="round,pad=0,rounding_size=0.12",
            fc=face,
            ec="#333333",
            lw=1,
        )
    )
    axes.text(x + width / 2, y + 0.33, label, ha="center", va="center", fontsize=10.5)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """An arrow from ``start`` to ``end``."""
    axes.annotate("", end, start, arrowprops=_ARROW)
