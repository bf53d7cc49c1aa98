"""Exercises 07.2 and 07.6: one step of an LSTM, and which step wrote what the cell holds."""

from __future__ import annotations

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.models.recurrent_cells import Weights
from llm_nb.models.recurrent_cells import lstm_step as package_step

_LSTM = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}
_GRU = {"r": "reset gate", "z": "update gate", "n": "candidate"}


def named(order: str) -> str:
    """The gates of an LSTM or a GRU, a letter each, by their names."""
    return ", ".join((_LSTM | _GRU)[letter] for letter in order)


def exchanged(order: str, a: str, b: str) -> str:
    """The order in which ``a`` and ``b`` have changed places."""
    return order.translate(str.maketrans(a + b, b + a))


def step_exercise(order: str) -> Exercise:
    """07.2: h and c after one step, the rows of the matrices in this ``order`` of i, f, g, o."""

    def inputs(draw: Draw) -> tuple[Tensor, ...]:
        B, d_x, d = draw.integer(2, 3), draw.integer(2, 4), draw.integer(3, 5)
        matrices = draw.normal(4 * d, d_x), draw.normal(4 * d, d), draw.normal(4 * d)
        return draw.normal(B, d_x), draw.normal(B, d).tanh(), draw.normal(B, d), *matrices

    def parts(z: Tensor, order: str = order, dim: int = -1) -> dict[str, Tensor]:
        return dict(zip(order, z.chunk(4, dim=dim), strict=True))

    def expected(
        x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor
    ) -> tuple[Tensor, Tensor]:
        W, U, b = (torch.cat([parts(m, dim=0)[g] for g in "ifgo"]) for m in (W, U, b))
        h, c = package_step(x, h, c, Weights(W, U, b, torch.zeros_like(b)))
        return h, c

    def walk(
        x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor, **how: str | bool
    ) -> tuple[Tensor, Tensor]:
        """The solution, with one thing after the other done differently."""
        all_four = x @ W.T + b if how.get("blind") else x @ W.T + h @ U.T + b
        z = parts(all_four, str(how.get("order", order)))
        i, f, o = (z[gate].sigmoid() for gate in "ifo")
        g = z["g"].sigmoid() if how.get("sigmoid") else z["g"] if how.get("bare") else z["g"].tanh()
        if how.get("coupled"):
            i = 1 - f
        new = f * c + (g if how.get("ungated") else i * g)
        shown = c if how.get("old") else new
        h = o * (shown if how.get("unsquashed") else shown.tanh())
        return (new, h) if how.get("turned") else (h, new)

    in_order = named(order)
    wrong = (
        WrongAnswer(
            "candidate and output gate exchanged",
            f"the candidate and the output gate are exchanged: the rows stand as {in_order}",
            lambda *a: walk(*a, order=exchanged(order, "g", "o")),
        ),
        WrongAnswer(
            "input and forget gate exchanged",
            f"the input gate and the forget gate are exchanged: the rows stand as {in_order}",
            lambda *a: walk(*a, order=exchanged(order, "i", "f")),
        ),
        WrongAnswer(
            "sigmoid on the candidate",
            "the candidate went through σ: it is no gate and may be negative, equation (3)",
            lambda *a: walk(*a, sigmoid=True),
        ),
        WrongAnswer(
            "bare candidate",
            "the candidate has not gone through tanh, equation (3)",
            lambda *a: walk(*a, bare=True),
        ),
        WrongAnswer(
            "ungated",
            "the candidate is written whole: the input gate decides how much of it",
            lambda *a: walk(*a, ungated=True),
        ),
        WrongAnswer(
            "coupled",
            "you write 1 − f of the candidate: that is the GRU's economy; an LSTM has an input gate",
            lambda *a: walk(*a, coupled=True),
        ),
        WrongAnswer(
            "old cell shown",
            "h is made from the cell before the step: first (4), then (5)",
            lambda *a: walk(*a, old=True),
        ),
        WrongAnswer(
            "cell not squashed",
            "h is o ⊙ c: the cell goes through tanh before it is shown, equation (5)",
            lambda *a: walk(*a, unsquashed=True),
        ),
        WrongAnswer(
            "blind to h",
            "the gates do not see h: every one of them has a matrix U too",
            lambda *a: walk(*a, blind=True),
        ),
        WrongAnswer(
            "returned the wrong way round",
            "the two results are exchanged: first h, then c",
            lambda *a: walk(*a, turned=True),
        ),
    )
    hints = (
        "One product with W, one with U, one bias: that gives all four at once, (B, 4 d_h). What "
        "cuts it into four?",
        f"`z.chunk(4, dim=-1)` does. In order they are {in_order}. Which of them goes through tanh?",
        "After (2) and (3) only two lines are left: c = f * c + i * g, then h = o * c.tanh(), with "
        "the new c.",
    )
    return Exercise("07.2", "One step of an LSTM", 4, 20, 1, inputs, expected, wrong, hints)


def writers_exercise(start: float) -> Exercise:
    """07.6: what each step contributed to the cell at the end, which held ``start`` at first."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        T, d = draw.integer(4, 6), draw.integer(2, 4)
        return draw.normal(T, d).sigmoid(), draw.normal(T, d).sigmoid(), draw.normal(T, d).tanh()

    def expected(f: Tensor, i: Tensor, g: Tensor) -> Tensor:
        c, parts = torch.full_like(f[0], start), torch.zeros(len(f) + 1, f.size(1))
        parts[0] = start
        for t in range(len(f)):
            c = f[t] * c + i[t] * g[t]
            parts = parts * f[t]  # what stands is let stand, or not
            parts[t + 1] = i[t] * g[t]
        torch.testing.assert_close(parts.sum(0), c)
        return parts

    def after(f: Tensor) -> Tensor:
        """(T + 1, d): the product of the gates of all later steps, for the start and each step."""
        return torch.cat([f.flip(0).cumprod(0).flip(0), torch.ones_like(f[:1])])

    def written(i: Tensor, g: Tensor) -> Tensor:
        return torch.cat([torch.full_like(g[:1], start), i * g])

    def own(f: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return torch.cat([start * after(f)[:1], i * g * after(f)[:-1]])

    def before(f: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return written(i, g) * torch.cat([torch.ones_like(f[:1]), f.cumprod(0)])

    def cells(f: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return torch.stack([expected(f[:t], i[:t], g[:t]).sum(0) for t in range(len(f) + 1)])

    def one_later(f: Tensor, i: Tensor, g: Tensor) -> Tensor:
        return written(i, g) * torch.cat([f, torch.ones_like(f[:1])])

    wrong = (
        WrongAnswer(
            "own gate counted",
            "a step's own forget gate is counted against what that step writes: it acts on what was "
            "there before, so only the later ones count",
            own,
        ),
        WrongAnswer(
            "earlier gates",
            "you multiply the gates of the steps before: what a step has written is worn down by "
            "the steps after it",
            before,
        ),
        WrongAnswer(
            "one later gate",
            "only the next step's gate is counted: all later ones are",
            one_later,
        ),
        WrongAnswer(
            "nothing forgotten",
            "nothing is forgotten: what was written is multiplied by every later forget gate",
            lambda f, i, g: written(i, g),
        ),
        WrongAnswer(
            "input gate left out",
            "the candidate counts whole: a step writes i ⊙ g",
            lambda f, i, g: written(torch.ones_like(i), g) * after(f),
        ),
        WrongAnswer(
            "start left out",
            f"the first row is missing: what is left of the {start} at the start",
            lambda f, i, g: expected(f, i, g)[1:],
        ),
        WrongAnswer(
            "start at the end",
            f"what is left of the {start} at the start stands in the last row: put it first",
            lambda f, i, g: expected(f, i, g).roll(-1, 0),
        ),
        WrongAnswer(
            "shares that are left",
            "this is what would be left of a 1 written then: multiply by what was written",
            lambda f, i, g: after(f),
        ),
        WrongAnswer(
            "the cell at every step",
            "this is the cell at the start and after each step: asked for are the parts of the last",
            cells,
        ),
        WrongAnswer(
            "the sum",
            "this is the cell at the end: it is the sum of what is asked for",
            lambda f, i, g: expected(f, i, g).sum(0),
        ),
    )
    hints = (
        "Take three steps and write c_3 out by equation (4), without brackets. Which factors has "
        "the term of step 1, and which has the start?",
        "Each term is i_t ⊙ g_t times the forget gates of all later steps, equation (6). The last "
        "one has none, the start has them all.",
        "Walk from the end: keep a running product that begins with ones, use it for step t, then "
        "multiply f_t into it. What is left over belongs to the start.",
    )
    return Exercise("07.6", "Who wrote that?", 4, 25, 2, inputs, expected, wrong, hints)
