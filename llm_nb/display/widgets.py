"""What torch must answer when a reader asks: a fit that is run again, and any attention head.

>>> from llm_nb.display.widgets import Slider, retrain
>>> def fit(rate: float) -> dict:  # twenty steps of gradient descent on w² / 2, from w = 1
...     w = [(1 - rate) ** step for step in range(20)]
...     return {"training": (list(range(20)), [x * x / 2 for x in w])}
>>> retrain(fit, {"rate": Slider("Learning rate", [0.01, 0.1, 1.9], 0.1)})  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from llm_nb.display import figures
from llm_nb.display.controls import Field, Menu, Slider, controlled
from llm_nb.display.style import DASHES, house_style
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.modes import evaluating
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

__all__ = ["Fitted", "Slider", "draw_fit", "draw_losses", "head_browser", "retrain"]

LONGEST = 40  # tokens of an attention map whose labels can still be read
Losses = Mapping[str, tuple[Sequence[float], Sequence[float]]]


@dataclass(frozen=True)
class Fitted:
    """A function of one number that was fitted to points, and how that went.

    Args:
        points: name → (x, y), as ``{"training": …, "validation": …}``.
        line: (x, y) of the fitted function, x in order.
        losses: name → (steps, losses above 0), of the same names.
    """

    points: Mapping[str, tuple[ArrayLike, ArrayLike]]
    line: tuple[ArrayLike, ArrayLike]
    losses: Losses


def draw_losses(losses: Losses) -> tuple[Figure, str]:
    """The losses of a fit over its steps, on a logarithmic axis, and what they come to in words.

    Args:
        losses: name → (steps, losses above 0), as ``{"training": …, "validation": …}``.
    """
    with house_style():
        figure, axes = plt.subplots(figsize=(6, 3.6))
        _plot_losses(axes, losses)
    return figure, _in_words(losses)


def draw_fit(fitted: Fitted) -> tuple[Figure, str]:
    """The points with the fitted line on the left, the losses on the right, and words for them."""
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        for (name, (x, y)), marker in zip(fitted.points.items(), "os^D", strict=False):
            left.plot(x, y, marker, label=f"{name} points", markerfacecolor="none")
        left.plot(*fitted.line, color="#333333", label="what was fitted")
        heights = np.concatenate([np.ravel(y) for _, y in fitted.points.values()])
        room = 0.4 * np.ptp(heights)
        left.set(xlabel="x", ylabel="y", ylim=(heights.min() - room, heights.max() + room))
        left.locator_params(axis="x", nbins=5)
        left.legend(fontsize=9)
        _plot_losses(right, fitted.losses)
    return figure, _in_words(fitted.losses)


def _plot_losses(axes: Axes, losses: Losses) -> None:
    for (name, (steps, values)), dash in zip(losses.items(), DASHES, strict=False):
        axes.plot(steps, values, dash, label=f"{name} loss")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend(fontsize=9)


def _in_words(losses: Losses) -> str:
    parts = []
    for name, (steps, values) in losses.items():
        low, step = min(zip(values, steps, strict=True))
        parts.append(
            f"the {name} loss begins at {values[0]:.3g}, is lowest at step {step:g} with {low:.3g} "
            f"and ends at {values[-1]:.3g}"
        )
    return "; ".join(parts)


def retrain(
    fit: Callable[..., Any],
    controls: Mapping[str, Slider],
    draw: Callable[[Any], tuple[Figure, str]] = draw_losses,
    *,
    title: str = "Train it again",
) -> None:
    """Show the result of ``fit``, with sliders that run it again where a kernel answers.

    A fit should take less than a second, and raise an error that says what to change where it
    cannot succeed (a loss that is NaN): the reader sees it in one line, and keeps the last picture.

    Args:
        fit: takes the controls' values by name and trains afresh, from the same seed each time, so
            that what changes in the picture comes from the controls alone.
        controls: name → slider.
        draw: takes what ``fit`` returns; returns a figure and, in words, what it shows.
        title: says in a few words what is trained.
    """

    def fitted(**values: float) -> tuple[Figure, str]:
        figure, alt = draw(fit(**values))
        settings = ", ".join(controls[name].words(value) for name, value in values.items())
        return figure, f"{settings}: {alt}."

    controlled(fitted, controls, title)


def head_browser(
    model: GPT2, tokenizer: ByteLevelBPE, text: str, *, layer: int = 1, head: int = 1
) -> None:
    """Show any attention head of ``model`` on any text: field, layer and head are the reader's.

    Args:
        model: whose attention is drawn, on the device where it is.
        tokenizer: cuts the text; where it has an end-of-text token, that stands at the beginning.
        text: what to begin with, at most ``LONGEST`` tokens.
        layer, head: what to begin with, each counted from 1.

    Raises:
        ValueError: the text is empty or too long, or there is no such layer or head.
    """
    longest = min(LONGEST, model.config.context)

    def browse(text: str, layer: int, head: int) -> tuple[Figure, str]:
        begin = [i for t, i in tokenizer.special_tokens.items() if t == END_OF_TEXT]
        ids = begin + tokenizer.encode(text)
        if not text:
            raise ValueError("the text is empty: type a few words")
        if len(ids) > longest:
            raise ValueError(f"the text has {len(ids)} tokens: keep it to {longest}")
        weights = attention_map(model, ids, layer, head)
        pieces = [repr(tokenizer.decode([i]))[1:-1] for i in ids]
        name = f"layer {layer + 1}, head {head + 1}"
        figure = figures.attention_heads(weights[None].numpy(), pieces, [name], columns=1)
        return figure, _describe(weights, pieces, name)

    numbers = {
        "Layer": (layer, model.config.n_layers),
        "Head": (head, model.config.n_heads),
    }
    for label, (first, count) in numbers.items():
        if not 1 <= first <= count:
            raise ValueError(f"{label.lower()} is {first}: choose 1 to {count}")
    menus = {
        label.lower(): Menu(label, [str(n + 1) for n in range(count)], first - 1)
        for label, (first, count) in numbers.items()
    }
    controlled(browse, {"text": Field("Text", text), **menus}, "Browse the heads")


def attention_map(model: GPT2, ids: list[int], layer: int, head: int) -> Tensor:
    """Who looks at whom, (T, T), in one head (both counted from 0), whatever mode ``model`` is in."""
    # Dropout in the blocks below would change what this one sees.
    with evaluating(model), torch.no_grad():
        maps = model.attention_maps(torch.tensor([ids], device=model.wte.weight.device))
    return maps[layer, 0, head].float().cpu()


def _describe(weights: Tensor, pieces: list[str], name: str) -> str:
    """Where a head (T, T) looks, by the three habits that are commonest, and at the last token."""
    T = len(pieces)
    best = int(weights[-1].argmax())
    said = f"Attention weights of {name} over {T} tokens"
    if T > 1:
        first, itself = weights[1:, 0].mean(), weights.diagonal()[1:].mean()
        before = weights.diagonal(-1).mean()
        said += (
            f": a token gives on average {before:.2f} to the token before it, {first:.2f} to the "
            f"first of all and {itself:.2f} to itself"
        )
    return f"{said}; the last, “{pieces[-1]}”, looks most at “{pieces[best]}” ({weights[-1, best]:.2f})."
