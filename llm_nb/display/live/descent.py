"""The live figure of gradient descent: optimisers racing on a surface of two parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from llm_nb.display.live.frame import show_live
from llm_nb.display.style import PALETTE, house_style

STEPS = 60


@dataclass(frozen=True)
class Surface:
    """A loss of two parameters, and the part of it that the map shows.

    Args:
        title: as the reader chooses it.
        loss: of a tensor (2,), x and y.
        x, y: what the map shows; one unit is as long on both axes.
        start: where every optimiser begins.
        lowest: the smallest loss there is, reached at ``minima``.
        spread: the power by which the levels of the contour lines are spaced.
        rates: log10 of the learning rates of SGD, momentum, Adam, AdamW, to begin with.
        hint: what to try on it.
    """

    title: str
    loss: Callable[[Tensor], Tensor]
    x: tuple[float, float]
    y: tuple[float, float]
    start: tuple[float, float]
    lowest: float
    minima: tuple[tuple[float, float], ...]
    spread: float
    rates: tuple[float, float, float, float]
    hint: str


SURFACES = {
    "valley": Surface(
        title="narrow valley",
        loss=lambda p: (p[0] ** 2 + 75 * p[1] ** 2) / 2,
        x=(-5.0, 1.6),
        y=(-2.17, 2.17),
        start=(-4.5, 1.2),
        lowest=0.0,
        minima=((0.0, 0.0),),
        spread=2.0,
        rates=(-1.6, -2.35, -0.7, -0.05),  # of the sliders' rates the best after STEPS steps
        hint="The valley is 75 times as steep across as along it. Each optimiser has its best "
        "learning rate for 60 steps; SGD’s must stay below 2/75 = 0.027, or it overshoots the "
        "floor by more each time: give it the next one, 0.028. Momentum averages the zigzag out; "
        "Adam gives each parameter a step size of its own.",
    ),
    "rosenbrock": Surface(
        title="curved valley (Rosenbrock)",
        loss=lambda p: (1 - p[0]) ** 2 + 10 * (p[1] - p[0] ** 2) ** 2,
        x=(-2.2, 2.2),
        y=(-0.5, 2.39),
        start=(-1.4, 2.1),
        lowest=0.0,
        minima=((1.0, 1.0),),
        spread=3.0,
        rates=(-1.9, -2.0, -1.0, -1.0),
        hint="Down to the floor is quick, along it to the cross is slow. Give them 200 steps; then "
        "look for SGD’s largest learning rate that does not leave the map.",
    ),
    "saddle": Surface(
        title="saddle",
        loss=lambda p: (p[0] ** 2 - p[1] ** 2) / 2 + p[1] ** 4 / 4,
        x=(-2.6, 2.6),
        y=(-1.71, 1.71),
        start=(-2.0, 0.01),
        lowest=-0.25,
        minima=((0.0, 1.0), (0.0, -1.0)),
        spread=1.5,
        rates=(-1.0, -1.0, -1.0, -1.0),
        hint="In the middle the gradient is almost 0 and SGD’s loss has a plateau; Adam divides by "
        "the gradients’ recent size and leaves early. Set Start y to 0: none ever leaves. Then add "
        "noise.",
    ),
    "bumpy": Surface(
        title="many hollows",
        loss=lambda p: (
            (p[0] ** 2 + p[1] ** 2) / 10 + 0.3 * (1 - torch.cos(3 * p[0]) * torch.cos(3 * p[1]))
        ),
        x=(-3.2, 3.2),
        y=(-2.1, 2.1),
        start=(-2.6, 1.7),
        lowest=0.0,
        minima=((0.0, 0.0),),
        spread=1.2,
        rates=(-1.0, -1.0, -1.0, -1.0),
        hint="With one learning rate for all, SGD and Adam stop in the first hollow; momentum’s "
        "velocity carries it on to the lowest. Raise the noise, or drag the start: the hollow "
        "where each ends depends on both.",
    ),
}

NAMES = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam"}  # what is shown first


def torch_path(
    name: str,
    surface: Surface,
    start: tuple[float, float],
    rate: float,
    steps: int,
    momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.999),
    decay: float = 0.1,
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Where ``torch.optim`` goes: points (steps + 1, 2) and losses (steps + 1,), in float64.

    Args:
        name: "sgd", "momentum", "adam" or "adamw".
        noise: (steps, 2), added to the gradients.
    """
    p = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimiser: torch.optim.Optimizer
    if name in ("sgd", "momentum"):
        optimiser = torch.optim.SGD([p], rate, momentum=momentum if name == "momentum" else 0.0)
    elif name == "adam":
        optimiser = torch.optim.Adam([p], rate, betas)
    else:
        optimiser = torch.optim.AdamW([p], rate, betas, weight_decay=decay)
    points, losses = [p.detach().clone()], [surface.loss(p).detach()]
    for t in range(steps):
        optimiser.zero_grad()
        surface.loss(p).backward()
        if noise is not None and p.grad is not None:
            p.grad += noise[t]
        optimiser.step()
        points.append(p.detach().clone())
        losses.append(surface.loss(p).detach())
    return torch.stack(points), torch.stack(losses)


def turns(points: Tensor) -> int:
    """How many steps of a path (T, 2) go against the step before, by more than a right angle."""
    moves = points.diff(dim=0)
    return int(((moves[1:] * moves[:-1]).sum(-1) < 0).sum())


def descent_data() -> dict[str, Any]:
    """What descent.js begins with: the surfaces' maps, steps, learning rates."""
    fields = ("title", "x", "y", "start", "lowest", "minima", "spread", "rates", "hint")
    return {
        "surface": "valley",
        "steps": STEPS,
        "shown": list(NAMES),
        "maps": {
            name: {field: getattr(surface, field) for field in fields}
            for name, surface in SURFACES.items()
        },
    }


def _picture(surface: Surface, paths: dict[str, tuple[Tensor, Tensor]]) -> Figure:
    x, y = torch.linspace(*surface.x, 120), torch.linspace(*surface.y, 90)
    heights = surface.loss(torch.stack(torch.meshgrid(x, y, indexing="xy")))
    share = (torch.arange(13) + 0.5) / 13
    levels = surface.lowest + (float(heights.max()) - surface.lowest) * share**surface.spread
    with house_style():
        figure, (land, losses) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
        land.contour(x, y, heights, levels=levels.tolist(), colors="#bbbbbb", linewidths=0.7)
        for (name, (points, loss)), colour, marker in zip(
            paths.items(), PALETTE, "os^", strict=False
        ):
            land.plot(*points.T, marker=marker, markersize=3, linewidth=1.2, color=colour)
            losses.plot(
                loss - surface.lowest, marker=marker, markersize=3, linewidth=1.2, color=colour,
                label=name,
            )  # fmt: skip
        land.plot(*zip(*surface.minima, strict=True), "+k", markersize=9)
        land.set(xlabel="parameter x", ylabel="parameter y", xlim=surface.x, ylim=surface.y)
        land.grid(False)
        losses.set(xlabel="step", ylabel="loss", yscale="log")
        losses.legend()
    return figure


def descent() -> None:
    """Show gradient descent live: surface, start, optimisers and their settings are the reader's.

    It begins in a narrow valley, each optimiser with the learning rate that brings it lowest in
    60 steps: SGD zigzags across the valley, momentum and Adam run along it. The paths of
    SGD, momentum (Polyak 1964), Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) are
    those of ``torch.optim``.
    """
    surface = SURFACES["valley"]
    paths = {
        label: torch_path(name, surface, surface.start, 10**rate, STEPS)
        for (name, label), rate in zip(NAMES.items(), surface.rates, strict=False)
    }
    told = "; ".join(
        f"{label} to {float(losses[-1]):.2g}, turning back {turns(points)} times"
        for label, (points, losses) in paths.items()
    )
    show_live(
        "descent",
        descent_data(),
        title="Live figure: gradient descent",
        picture=_picture(surface, paths),
        alt=f"Paths of three optimisers down a narrow valley, and their losses: from "
        f"{float(surface.loss(torch.tensor(surface.start))):.3g}, in {STEPS} steps, {told}.",
    )
