"""Exercises 07.4 and 07.5: a GRU as its inventors had it, and the last state of padded rows."""

from __future__ import annotations

import torch
from torch import Tensor

from llm_nb.exercises.c07_lstm.gates import exchanged, named
from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer


def gru_exercise(order: str) -> Exercise:
    """07.4: all states of a GRU with r before the matrix; rows in this ``order`` of r, z, n."""

    def inputs(draw: Draw) -> tuple[Tensor, ...]:
        T, d_x, d = draw.integer(4, 6), draw.integer(2, 4), draw.integer(3, 5)
        matrices = draw.normal(3 * d, d_x), draw.normal(3 * d, d), draw.normal(3 * d)
        return draw.normal(T, d_x), draw.normal(d).tanh(), *matrices

    def walk(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, **how: str | bool) -> Tensor:
        """The solution, with one thing after the other done differently."""
        rows = str(how.get("order", order))
        matrices = (dict(zip(rows, m.chunk(3), strict=True)) for m in (W, U, b))
        w, u, c = matrices
        if how.get("zeros"):
            h = torch.zeros_like(h)
        states = [h]
        for x_t in x:
            r, z = (torch.sigmoid(w[g] @ x_t + u[g] @ h + c[g]) for g in "rz")
            if how.get("after"):
                from_h = r * (u["n"] @ h)
            elif how.get("no_reset"):
                from_h = u["n"] @ h
            else:
                from_h = u["n"] @ (r * h)
            n = w["n"] @ x_t + from_h + c["n"]
            n = n.sigmoid() if how.get("sigmoid") else n.tanh()
            h = z * n + (1 - z) * h if how.get("turned") else (1 - z) * n + z * h
            states.append(h)
        if how.get("last"):
            return h
        return torch.stack(states[:-1] if how.get("early") else states[1:])

    in_order = named(order)
    wrong = (
        WrongAnswer(
            "reset after the product",
            "the reset gate scales U h, as in PyTorch: here it scales h, before the product",
            lambda *a: walk(*a, after=True),
        ),
        WrongAnswer(
            "z and 1 − z exchanged",
            "z and 1 − z are exchanged: here z is how much of the old state is kept",
            lambda *a: walk(*a, turned=True),
        ),
        WrongAnswer(
            "reset and update exchanged",
            f"the reset gate and the update gate are exchanged: the rows stand as {in_order}",
            lambda *a: walk(*a, order=exchanged(order, "r", "z")),
        ),
        WrongAnswer(
            "no reset",
            "the candidate sees the whole old state: the reset gate is not used",
            lambda *a: walk(*a, no_reset=True),
        ),
        WrongAnswer(
            "sigmoid on the candidate",
            "the candidate went through σ: it is no gate and may be negative",
            lambda *a: walk(*a, sigmoid=True),
        ),
        WrongAnswer(
            "starts from zeros",
            "you start from zeros: the state before the first step is given",
            lambda *a: walk(*a, zeros=True),
        ),
        WrongAnswer(
            "one step early",
            "the first row is the state you were given: the rows are the states after each step",
            lambda *a: walk(*a, early=True),
        ),
        WrongAnswer(
            "last state only",
            "this is the last state alone: all are asked for, (T, d_h)",
            lambda *a: walk(*a, last=True),
        ),
    )
    hints = (
        f"Cut W, U and b into three first, `chunk(3)`: {in_order}. For one vector the product is "
        "`U @ h`, without `.T`.",
        "r and z are computed as in (7), from x_t and the state before. What does the candidate get "
        "in place of h?",
        "n = tanh(W_n @ x_t + U_n @ (r * h) + b_n), then (9); append h to a list and "
        "`torch.stack` it at the end.",
    )
    return Exercise("07.4", "The GRU of its inventors", 4, 25, 2, inputs, walk, wrong, hints)


def last_states_exercise(n_marks: int) -> Exercise:
    """07.5: the last states of a bidirectional network over padded rows, each of which ends with
    ``n_marks`` marks that do not count as words."""
    k = n_marks

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        B, T, d = draw.integer(3, 4), k + draw.integer(6, 8), draw.integer(2, 4)
        lengths = k + 2 + draw.integers(T - k - 3, B)  # k + 2 … T - 2
        lengths[draw.integer(0, B - 1)] = T
        return draw.normal(B, T, d), draw.normal(B, T, d), lengths

    def at(states: Tensor, place: Tensor | int) -> Tensor:
        return states[torch.arange(len(states)), place]

    def joined(a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([a, b], dim=-1)

    def expected(forward: Tensor, backward: Tensor, lengths: Tensor) -> Tensor:
        rows = zip(forward, backward, lengths.tolist(), strict=True)
        return torch.stack([joined(there[n - k - 1], back[0]) for there, back, n in rows])

    def mean(forward: Tensor, backward: Tensor, lengths: Tensor) -> Tensor:
        rows = zip(joined(forward, backward), lengths.tolist(), strict=True)
        return torch.stack([row[: n - k].mean(0) for row, n in rows])

    marks = "the mark" if k == 1 else f"the {k} marks"
    wrong: tuple[WrongAnswer, ...] = (
        WrongAnswer(
            "last column",
            "forward you read the last column: for shorter rows that is padding",
            lambda f, b, n: joined(at(f, -1), at(b, 0)),
        ),
        WrongAnswer(
            "marks counted",
            f"forward you read the end of the row: the last word stands before {marks}",
            lambda f, b, n: joined(at(f, n - 1), at(b, 0)),
        ),
        WrongAnswer(
            "one too far",
            "forward you read one step too far: the last of n words stands at place n − 1",
            lambda f, b, n: joined(at(f, n - k), at(b, 0)),
        ),
        WrongAnswer(
            "backward at the last word",
            "backward you read the last word: that half came from the right, so it has read "
            "everything when it stands at the first",
            lambda f, b, n: joined(at(f, n - k - 1), at(b, n - k - 1)),
        ),
        WrongAnswer(
            "both in the last column",
            "both halves are read in the last column, where shorter rows have padding",
            lambda f, b, n: joined(at(f, -1), at(b, -1)),
        ),
        WrongAnswer(
            "halves exchanged",
            "the halves are exchanged: first the forward one, then the backward one",
            lambda f, b, n: joined(at(b, 0), at(f, n - k - 1)),
        ),
        WrongAnswer(
            "mean",
            "this is the mean over the words: the last states are asked for",
            mean,
        ),
        WrongAnswer(
            "sum of the halves",
            "the halves are added: put them end to end, (B, 2 d_h)",
            lambda f, b, n: at(f, n - k - 1) + at(b, 0),
        ),
    )
    if k == 1:  # "one too far" is then the mark itself
        wrong = tuple(w for w in wrong if w.name != "one too far")
    hints = (
        "At which place of its row has each half read all words?",
        f"The forward half at the last word, another place in every row: count {marks} off, and "
        "remember that places count from 0. The backward half at place 0.",
        "A row of places takes one vector from each row: `states[torch.arange(len(places)), places]`. "
        "Put the halves end to end along the last axis.",
    )
    return Exercise("07.5", "The end of every row", 3, 15, 1, inputs, expected, wrong, hints)
