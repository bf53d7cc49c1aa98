"""Exercises 06.2 and 06.4: a state that changes slowly, and a gradient cut at borders."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer


def leaky_exercise(leak: float) -> Exercise:
    """06.2: h_t = (1 - leak) h_{t-1} + leak tanh(W x_t + U h_{t-1} + b)."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        d_x, d_h = draw.integer(2, 3), draw.integer(4, 5)
        W, U, b = draw.normal(d_h, d_x), draw.normal(d_h, d_h), draw.normal(d_h)
        return draw.normal(draw.integer(4, 6), d_x) + 0.5, W, U, b

    def walk(
        x: Tensor, W: Tensor, U: Tensor, b: Tensor, kept: float = 1 - leak, **how: bool
    ) -> Tensor:
        h, states = torch.zeros_like(b), []
        for x_t in x:
            old = torch.zeros_like(h) if how.get("forgets") else h
            inner = W @ x_t + (U.T if how.get("turned") else U) @ old
            inner = inner if how.get("no_bias") else inner + b
            new = inner if how.get("linear") else inner.tanh()
            states.append(h)
            h = kept * h + (1.0 if how.get("added") else 1 - kept) * new
            if how.get("around"):
                h = (kept * states[-1] + (1 - kept) * inner).tanh()
            if not how.get("before"):
                states[-1] = h
        return torch.stack(states)

    def plain(x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
        return walk(x, W, U, b, kept=0.0)

    def exchanged(x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
        return walk(x, W, U, b, kept=leak)

    def how(**what: bool) -> Callable[..., Tensor]:
        return lambda x, W, U, b: walk(x, W, U, b, **what)

    wrong = (
        WrongAnswer(
            "no memory in the rule",
            "U never meets the old state: the state inside tanh is that of the step before",
            how(forgets=True),
        ),
        WrongAnswer(
            "plain network",
            f"this is equation (1): of the new state only {leak} comes from tanh, the rest is kept",
            plain,
        ),
        WrongAnswer(
            "shares exchanged",
            f"the shares are exchanged: {leak} belongs to the new part, the larger one to the old",
            exchanged,
        ),
        WrongAnswer(
            "nothing taken from the new",
            f"the tanh is added whole: it counts only {leak}",
            how(added=True),
        ),
        WrongAnswer(
            "U turned",
            "U is transposed: U h with a column h is `U @ h`, or `h @ U.T` for rows",
            how(turned=True),
        ),
        WrongAnswer("no bias", "b is missing inside the tanh", how(no_bias=True)),
        WrongAnswer("no tanh", "the tanh is missing, so the states grow", how(linear=True)),
        WrongAnswer(
            "tanh around all",
            "the tanh stands around the whole sum: it bends only the new part",
            how(around=True),
        ),
        WrongAnswer(
            "one step early",
            "the row of step t holds the state before it: append after the update, so that h_0 is "
            "not among the results",
            how(before=True),
        ),
        WrongAnswer(
            "last state alone",
            "this is the last state: asked for are all of them, a row for each step",
            lambda x, W, U, b: walk(x, W, U, b)[-1],
        ),
    )
    hints = (
        "Begin with the loop of the chapter, which makes a list of states. Only the line with (1) "
        "is another one.",
        "Two names help: the state before, and the new part, `torch.tanh(W @ x_t + U @ h + b)`.",
        f"h becomes {1 - leak:g} times h plus {leak} times the new part; append it, and "
        "`torch.stack` the list in the end.",
    )
    return Exercise("06.2", "A state that leaks", 3, 15, 1, inputs, walk, wrong, hints)


def cut_exercise(cut: int) -> Exercise:
    """06.4: the gradient by U when none is passed back over the border of windows of ``cut``."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        rest = draw.integer(1, 2) if draw.case else 2  # at 1, counting from the end is one late
        T, d = 2 * cut + rest, draw.integer(3, 4)
        return draw.normal(T + 1, d).tanh(), draw.normal(T, d), draw.normal(d, d)

    def walk(
        states: Tensor, direct: Tensor, U: Tensor, window: int = cut, shift: int = 0, **how: bool
    ) -> Tensor:
        total, later = torch.zeros_like(U), torch.zeros_like(direct[0])
        for t in reversed(range(len(direct))):
            if (t + 1 - shift) % window == 0:
                later = torch.zeros_like(later)
            at = states[t] if how.get("slope_before") else states[t + 1]
            slope = 1 - at.abs() if how.get("no_square") else 1 - at**2
            if how.get("no_slope"):
                slope = torch.ones_like(slope)
            delta = slope * direct[t] + later if how.get("outside") else slope * (direct[t] + later)
            total = total + torch.outer(delta, states[t + 1 if how.get("after") else t])
            later = (U if how.get("turned") else U.T) @ delta
        return total

    def how(window: int = cut, shift: int = 0, **what: bool) -> Callable[..., Tensor]:
        return lambda states, direct, U: walk(states, direct, U, window, shift, **what)

    wrong = (
        WrongAnswer(
            "not cut",
            f"the gradient runs over all borders: it starts from nothing every {cut} steps",
            how(window=10**9),
        ),
        WrongAnswer(
            "cut at every step",
            "nothing is passed back at all: within a window, h_t feels what it did to h_(t+1) too",
            how(window=1),
        ),
        WrongAnswer(
            "border one step late",
            f"the borders lie one step off: the first window is steps 1 to {cut}, so δ of step "
            f"{cut} hears nothing from step {cut + 1}",
            how(shift=1),
        ),
        WrongAnswer(
            "windows from the end",
            "the windows are counted from the end of the text: they begin at its beginning",
            lambda states, direct, U: walk(states, direct, U, cut, len(direct) % cut),
        ),
        WrongAnswer(
            "last window dropped",
            f"the steps after the last full window are missing: the text need not be a multiple of "
            f"{cut} long",
            lambda states, direct, U: walk(states, direct[: len(direct) // cut * cut], U),
        ),
        WrongAnswer(
            "U not transposed",
            "on the way back U stands transposed: U takes states forward, Uᵀ gradients back",
            how(turned=True),
        ),
        WrongAnswer(
            "no slope", "the slope of tanh is missing: each δ is (1 - h²) times", how(no_slope=True)
        ),
        WrongAnswer(
            "slope without square", "the slope of tanh is 1 - h², not 1 - |h|", how(no_square=True)
        ),
        WrongAnswer(
            "slope of the state before",
            "the slope is taken at the state before the step: it is that of h_t, which the tanh of "
            "step t made",
            how(slope_before=True),
        ),
        WrongAnswer(
            "later outside the slope",
            "what comes from later is added after the slope: it passes through the tanh too",
            how(outside=True),
        ),
        WrongAnswer(
            "state after",
            "U met the state before the step: δ_t goes with h_(t-1), as in (6)",
            how(after=True),
        ),
        WrongAnswer(
            "result turned",
            "the result is transposed: δ goes down the rows, h along the columns, as in U itself",
            lambda states, direct, U: walk(states, direct, U).T.contiguous(),
        ),
    )
    hints = (
        "Write it without borders first: walk from the last step to the first, with equation (5), "
        "and add up δ_t h_(t-1)ᵀ (`torch.outer`). With h_0 first, row t of `states` in Python is "
        "the state *before* the step whose row in `direct` is t.",
        "What comes from later is a vector that starts as zeros. Where a window ends it has to be "
        "zeros again. Which steps are those?",
        f"In Python's counting a window ends at step t if (t + 1) % {cut} is 0; `later` is zeros there. "
        "δ is the slope at row t + 1 of `states`, times the sum of row t of `direct` and `later`; the "
        "next `later` is Uᵀ times δ.",
    )
    return Exercise("06.4", "Cut at the borders", 5, 30, 2, inputs, walk, wrong, hints)
