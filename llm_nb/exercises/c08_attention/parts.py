"""Exercises 08.5 and 08.6: sinusoidal positions, and two halves of a softmax made one."""

from __future__ import annotations

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer


def clocks_exercise(base: float) -> Exercise:
    """08.5: the sinusoids of equation (9) with ``base`` in the place of 10000."""

    def inputs(draw: Draw) -> tuple[int, int]:
        return draw.integer(4, 9), 2 * draw.integer(3, 5)

    def table(
        T: int, C: int, base: float = base, first: int = 0, power: float = 1.0, turn: bool = False
    ) -> Tensor:
        places = torch.arange(first, first + T, dtype=torch.float64)[:, None]
        rates = base ** (-power * torch.arange(0, C, 2, dtype=torch.float64) / C)
        pair = [(places * rates).sin(), (places * rates).cos()]
        return torch.stack(pair[::-1] if turn else pair, dim=-1).flatten(1).float()

    def halves(T: int, C: int) -> Tensor:
        whole = table(T, C)
        return torch.cat([whole[:, ::2], whole[:, 1::2]], dim=1)

    def own_rates(T: int, C: int) -> Tensor:
        places = torch.arange(T, dtype=torch.float64)[:, None]
        angles = places * base ** (-torch.arange(C, dtype=torch.float64) / C)
        made = angles.sin()
        made[:, 1::2] = angles[:, 1::2].cos()
        return made.float()

    other = 1000.0 if base == 10_000.0 else 10_000.0
    wrong = (
        WrongAnswer(
            "halves",
            "all sines stand on the left and all cosines on the right: they alternate, a pair a "
            "rate",
            halves,
        ),
        WrongAnswer(
            "sine and cosine exchanged",
            "sine and cosine are exchanged: even columns have the sine",
            lambda T, C: table(T, C, turn=True),
        ),
        WrongAnswer(
            "positions from 1",
            "your first row belongs to position 1: positions count from 0",
            lambda T, C: table(T, C, first=1),
        ),
        WrongAnswer(
            "a rate for every column",
            "the cosine of a pair turns at a rate of its own: both columns of a pair have the same",
            own_rates,
        ),
        WrongAnswer(
            "half the exponent",
            "the rates fall too slowly: the exponent is 2i/C, where i counts pairs",
            lambda T, C: table(T, C, power=0.5),
        ),
        WrongAnswer(
            "another base",
            f"the base is not {other:g} here: look at the question",
            lambda T, C: table(T, C, base=other),
        ),
        WrongAnswer(
            "turned on its side",
            "rows and columns are exchanged: a row is a position",
            lambda T, C: table(T, C).T.contiguous(),
        ),
    )
    hints = (
        "How many different rates are there for C columns? Make them first, as one row.",
        "A column of positions times a row of rates gives all the angles, (T, C/2).",
        "`torch.zeros(T, C)`, then fill `[:, 0::2]` and `[:, 1::2]`.",
    )
    return Exercise("08.5", "Clocks", 3, 20, 2, inputs, table, wrong, hints, atol=1e-4)


def merge_exercise(order: str) -> Exercise:
    """08.6: the online softmax's state of two blocks from the states of each, in this ``order``."""

    def state(x: Tensor, v: Tensor) -> dict[str, Tensor]:
        m = x.amax(1, keepdim=True)
        e = (x - m).exp()
        return {"m": m, "l": e.sum(1, keepdim=True), "o": e @ v}

    def inputs(draw: Draw) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        T, d = draw.integer(3, 5), draw.integer(2, 4)
        both = []
        for n in (draw.integer(2, 4), draw.integer(2, 4)):
            made = state(2 * draw.normal(T, n), draw.normal(n, d))
            both.append(tuple(made[letter] for letter in order))
        return both[0], both[1]

    def merge(a: tuple[Tensor, ...], b: tuple[Tensor, ...], how: str = "") -> tuple[Tensor, ...]:
        one, two = (dict(zip(order, each, strict=True)) for each in (a, b))
        m = torch.maximum(one["m"], two["m"])
        if how == "mean":
            m = (one["m"] + two["m"]) / 2
        f, g = (one["m"] - m).exp(), (two["m"] - m).exp()
        if how == "turned":
            f, g = 1 / f, 1 / g
        if how == "bare":
            f, g = torch.ones_like(f), torch.ones_like(g)
        if how == "second bare":
            g = torch.ones_like(g)
        total, o = f * one["l"] + g * two["l"], f * one["o"] + g * two["o"]
        if how == "sum bare":
            total = one["l"] + two["l"]
        if how == "divided":
            o = o / total
        if how == "old maximum":
            m = one["m"]
        made = {"m": m, "l": total, "o": o}
        return tuple(made[letter] for letter in order)

    wrong = (
        WrongAnswer(
            "nothing repaired",
            "sums from different maxima are added as they are: bring both to the new maximum first",
            lambda a, b: merge(a, b, "bare"),
        ),
        WrongAnswer(
            "sum not repaired",
            "the mixture is brought to the new maximum, the sum is not",
            lambda a, b: merge(a, b, "sum bare"),
        ),
        WrongAnswer(
            "second not repaired",
            "the first state is brought to the new maximum, the second is not: either may have the "
            "smaller one",
            lambda a, b: merge(a, b, "second bare"),
        ),
        WrongAnswer(
            "factor turned over",
            "the factor is turned over: what was measured from a smaller maximum must shrink",
            lambda a, b: merge(a, b, "turned"),
        ),
        WrongAnswer(
            "old maximum returned",
            "sum and mixture are right, the maximum is still the first block's",
            lambda a, b: merge(a, b, "old maximum"),
        ),
        WrongAnswer(
            "mean of the maxima",
            "the new maximum is not the mean of the two: take the larger, query by query",
            lambda a, b: merge(a, b, "mean"),
        ),
        WrongAnswer(
            "divided already",
            "the mixture is divided by the sum already: then it cannot be merged with a third block",
            lambda a, b: merge(a, b, "divided"),
        ),
    )
    hints = (
        "Equation (11) is the case in which the second state has just been computed with the new "
        "maximum. What does it need otherwise?",
        "Both old states get a factor, exp(its old maximum − the new one). At least one of the two "
        "factors is 1, query by query.",
        "`torch.maximum` for the new maximum; sum and mixture are added after each was multiplied "
        "by its state's factor.",
    )
    return Exercise("08.6", "Two halves of a softmax", 4, 25, 2, inputs, merge, wrong, hints)
