"""The figures that several chapters draw; each returns a matplotlib ``Figure``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from llm_nb.display.style import DASHES, MARKERS, PALETTE, SEQUENTIAL, house_style


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    levels: Mapping[str, float] | None = None,
    *,
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Lines over a common axis, and horizontal levels to compare them with.

    Args:
        series: name → (x, y), drawn with a marker each.
        levels: name → y of a horizontal line, labelled at its right end.
        xlabel, ylabel: with units.
    """
    with house_style():
        figure, axes = plt.subplots(figsize=(7, 3.8))
        for i, (name, (x, y)) in enumerate(series.items()):
            axes.plot(
                x, y, marker=MARKERS[i % 4], markersize=4.5, linestyle=DASHES[i % 4], label=name
            )
        if logx:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
        for i, (name, level) in enumerate((levels or {}).items()):
            axes.axhline(level, color="#555555", linestyle=DASHES[(i + 1) % 4], linewidth=1.2)
            axes.annotate(
                f"{name} {level:.2f}", (1, level), xycoords=("axes fraction", "data"),
                xytext=(4, 0), textcoords="offset points", va="center", fontsize=9, color="#333333",
            )  # fmt: skip
        axes.set(xlabel=xlabel, ylabel=ylabel)
        if ylim:
            axes.set_ylim(ylim)
        if len(series) > 1 or levels:
            axes.legend()
    return figure


def bars(
    labels: Sequence[str], values: Sequence[float], *, xlabel: str, monospace: bool = False
) -> Figure:
    """Horizontal bars, the first on top, each with its value."""
    with house_style():
        figure, axes = plt.subplots(figsize=(6.5, 0.9 + 0.3 * len(labels)))
        drawn = axes.barh(range(len(labels)), values, color=PALETTE[0], height=0.7)
        axes.bar_label(drawn, fmt="%.2f", padding=4, fontsize=9.5)
        font = "monospace" if monospace else None
        # A label is a token as it is: dollar signs are no formula.
        axes.set_yticks(range(len(labels)), labels, family=font, parse_math=False)
        axes.invert_yaxis()
        axes.grid(False, axis="y")
        axes.set_xlim(0, max(values) * 1.15)
        axes.set_xlabel(xlabel)
    return figure


def dots(
    rows: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str = "",
) -> Figure:
    """A line for each row, the first on top, with a mark for each of several series on it."""
    with house_style():
        figure, axes = plt.subplots(figsize=(7, 1.1 + 0.42 * len(rows)))
        for i, (name, values) in enumerate(series.items()):
            axes.plot(
                values, range(len(rows)), MARKERS[i % 4], markersize=8, label=name,
                markerfacecolor="white" if i >= 4 else None,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def surprises(text: str, bits: Sequence[float], *, ylabel: str = "bits") -> Figure:
    """A bar for each character of a text, as high as what a model pays for it."""
    if len(bits) != len(text):
        raise ValueError(f"{len(bits)} numbers for {len(text)} characters: give one for each")
    with house_style():
        figure, axes = plt.subplots(figsize=(max(4.0, 0.6 + 0.16 * len(text)), 2.6))
        axes.bar(range(len(text)), bits, color=PALETTE[1], width=0.8)
        axes.set_xticks(range(len(text)), text.replace(" ", "␣"), family="monospace")
        axes.tick_params(axis="x", length=0)
        axes.grid(False, axis="x")
        axes.set_xlim(-0.7, len(text) - 0.3)
        axes.set_ylabel(ylabel)
    return figure


def attention_heads(
    weights: ArrayLike, tokens: Sequence[str], titles: Sequence[str], *, columns: int = 2
) -> Figure:
    """Attention matrices side by side: row = the position that looks, column = what it looks at.

    Args:
        weights: (H, T, T), rows summing to 1.
        tokens: T strings for the axes.
        titles: H strings.
    """
    maps = np.asarray(weights)
    rows = -(-len(maps) // columns)
    side = 0.9 + 0.19 * len(tokens)
    # Two dollar signs in a token are not mathematics.
    words = {"family": "monospace", "fontsize": 8, "parse_math": False}
    with house_style():
        figure, grid = plt.subplots(
            rows,
            columns,
            figsize=(columns * side + 0.6, rows * side),
            squeeze=False,
            layout="constrained",
        )
        for axes in grid.flat[len(maps) :]:
            axes.set_visible(False)
        for axes, matrix, title in zip(grid.flat, maps, titles, strict=False):
            image = axes.imshow(matrix, cmap=SEQUENTIAL, vmin=0, vmax=1)
            axes.set_title(title, fontsize=10)
            axes.set_xticks(range(len(tokens)), tokens, rotation=90, **words)
            axes.set_yticks(range(len(tokens)), tokens, **words)
            axes.grid(False)
            axes.set_xlabel("looks at (key)")
            axes.set_ylabel("who looks (query)")
        figure.colorbar(image, ax=grid, shrink=0.8, label="attention weight")
    return figure
