"""The live figure of a recurrent cell with gates to push, and of gradients along a sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from llm_nb.display import figures
from llm_nb.display.live.frame import show_live
from llm_nb.models.recurrent_cells import Weights, gru_step, lstm_step, rnn_step

STEPS = 30
NAMES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}

# One unit, one input: for each gate in torch's order the weights of x and of h, and the bias.
CELLS = {
    "rnn": {"w": [1.0], "u": [0.7], "b": [0.0]},
    "lstm": {"w": [6.0, 1.0, 2.0, 0.0], "u": [0.5, 0.5, 0.7, 0.5], "b": [-4.0, 5.0, 0.0, 1.0]},
    "gru": {"w": [1.0, -4.0, 2.0], "u": [0.5, 0.5, 0.7], "b": [0.0, 3.0, 0.0]},
}
HINTS = {
    "rnn": "Every step back multiplies the gradient by u (1 − h²), which is below 1 at u = 1 too, "
    "unless h is 0; with u above 1 the state settles where tanh is flat, and the gradient fades "
    "all the same. Then set the input of step 1 to 0: h stays 0, and with u = 1.2 the gradient "
    "explodes.",
    "lstm": "Push the bias of the forget gate from 5 down to 1, where Keras begins it, and to 0. "
    "Back at 5, open the input gate (bias 2): the cell is written to at every step, c runs out of "
    "the range of tanh, and h no longer feels what is in the memory.",
    "gru": "z is how much of the old state is kept. Push its bias down to 0 and to −3: almost an "
    "RNN. Back at 3, take the inputs “1, then noise” and choose steps: z closes where x is large "
    "and positive, and there the gradient drops.",
}


def layer(w: list[float], u: list[float], b: list[float]) -> Weights:
    """A layer of one unit and one input in torch's layout, float64."""
    x, h, bias = (torch.tensor(values, dtype=torch.float64) for values in (w, u, b))
    return Weights(x[:, None], h[:, None], bias, torch.zeros_like(bias))


def gradients(cell: str, w: Weights, x: Tensor, unit: int = 0) -> dict[str, Tensor]:
    """The gradient of one unit of the last state by every state and input, by autograd.

    Args:
        cell: "rnn", "lstm" or "gru".
        x: (T, D).
        unit: which of the H units of h_T.

    Returns:
        "h" and in an LSTM "c", each (T + 1, H), the zero state first, and "x" (T, D). Those of
        h_t are with c_t held; those of c_t count the way through h_t too.
    """
    steps = [row.detach().clone().requires_grad_() for row in x[:, None]]  # T of (1, D)
    zero = x.new_zeros(1, w.w_hh.size(1))
    h, c = zero.clone().requires_grad_(), zero.clone().requires_grad_()
    states, cells = [h], [c]
    for x_t in steps:
        if cell == "lstm":
            h, c = lstm_step(x_t, h, c, w)
            cells.append(c)
        else:
            h = rnn_step(x_t, h, w, torch.tanh) if cell == "rnn" else gru_step(x_t, h, w)
        states.append(h)
    parts = {"h": states, "x": steps} | ({"c": cells} if cell == "lstm" else {})
    return {
        name: torch.cat(
            torch.autograd.grad(h[0, unit], tensors, retain_graph=True, materialize_grads=True)
        )
        for name, tensors in parts.items()
    }


def gates_data() -> dict[str, Any]:
    """What gates.js begins with: the weights of the three cells, steps, and what to try."""
    return {"steps": STEPS, "cells": CELLS, "hints": HINTS}


def gates() -> None:
    """Show a recurrent cell live: inputs, gates and weights are the reader's to push.

    It begins with a 1 as the first of 30 inputs and nothing after it. Conventions are those of
    ``llm_nb.models.recurrent``, hence of torch: in a GRU, z is how much is kept.
    """
    pulse = torch.zeros(STEPS, 1, dtype=torch.float64)
    pulse[0] = 1
    fading = {}
    for name, weights in CELLS.items():
        of = gradients(name, layer(**weights), pulse)
        fading[NAMES[name]] = of["c" if name == "lstm" else "h"].abs().squeeze(1)
    picture = figures.curves(
        {name: (range(STEPS + 1), sizes) for name, sizes in fading.items()},
        xlabel="step t",
        ylabel="gradient of the last state\nwith respect to the memory of step t",
    )
    picture.axes[0].set_yscale("log")
    told = ", ".join(f"{float(sizes[0]):.2g} in the {name}" for name, sizes in fading.items())
    show_live(
        "gates",
        gates_data(),
        title="Live figure: a recurrent cell with gates to push",
        picture=picture,
        alt="The gradient of the last state with respect to the memory "
        f"{STEPS} steps before it: {told}.",
    )
