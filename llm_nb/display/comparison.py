"""Models of words against training time, with the floor: one figure that chapters extend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from llm_nb.display.style import DASHES, MARKERS, PALETTE, house_style

Record = Mapping[str, Any]


def against_time(runs: Mapping[str, Sequence[Record]]) -> tuple[Figure, str]:
    """Held-out bits a word over core-seconds of training, and the alt text: ``show(*…)`` takes both.

    Args:
        runs: name → the records of its runs, a seed each, as ``shipped.microworld_records`` gives
            them. A record has ``bits_per_word``, ``core_seconds`` and the ``floor`` of the stories
            it was judged on; with a ``curve`` of (anything, core-seconds, bits a word) it is drawn
            as a line, the mean of its seeds with their range, and without one as a point.

    Raises:
        ValueError: there are no runs, or they were judged on stories with other floors.
    """
    floors = {round(record["floor"], 6) for records in runs.values() for record in records}
    if len(floors) != 1:
        raise ValueError(
            f"the runs have {len(floors)} different floors: compare models on the same stories"
        )
    [floor] = floors
    ends = []
    with house_style():
        figure, axes = plt.subplots(figsize=(7, 4.2))
        for i, (name, records) in enumerate(runs.items()):
            colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
            curves = np.array([_points(record) for record in records], dtype=float)
            x, y = curves.mean(0).T  # (points,) each
            axes.plot(
                x,
                y,
                label=name,
                color=colour,
                marker=marker,
                markersize=5,
                linestyle=DASHES[i % 4],
            )
            if len(x) > 1:
                low, high = curves[..., 1].min(0), curves[..., 1].max(0)
                axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            ends.append(f"{name} {y[-1]:.2f} after {_seconds(x[-1])}")
        axes.axhline(floor, color="#333333", linewidth=1.2)
        axes.annotate(
            f"floor {floor:.2f}", (1, floor), xycoords=("axes fraction", "data"),
            xytext=(4, 0), textcoords="offset points", va="center", fontsize=9.5,
        )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set(xlabel="core-seconds of training", ylabel="bits a word, held out")
        axes.legend()
    alt = f"Held-out bits a word against core-seconds of training: {'; '.join(ends)}."
    return figure, f"{alt} The floor is {floor:.2f}."


def _points(record: Record) -> list[tuple[float, float]]:
    if "curve" in record:
        return [(seconds, bits) for _, seconds, bits in record["curve"]]
    return [(record["core_seconds"], record["bits_per_word"])]


def _seconds(x: float) -> str:
    return f"{x:.2g} s" if x < 10 else f"{x:,.0f} s"
