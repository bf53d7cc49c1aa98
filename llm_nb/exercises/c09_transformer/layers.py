"""Exercise 09.5: a pre-norm layer that forgot what runs past it."""

from __future__ import annotations

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer

_EPS = 1e-5


def mend_exercise(branch: float) -> Exercise:
    """09.5: x + branch · FFN(LN(x)), equation (4) with a factor on the part."""

    def inputs(draw: Draw) -> tuple[Tensor, ...]:
        T, C, d = draw.integer(3, 5), draw.integer(4, 6), draw.integer(5, 8)
        x = 2 * draw.normal(T, C) + 1
        return x, 1 + draw.normal(C), draw.normal(C), draw.normal(C, d), draw.normal(d, C)

    def norm(x: Tensor, g: Tensor, b: Tensor, dim: int = -1, n: int = 0) -> Tensor:
        centred = x - x.mean(dim, keepdim=True)
        return g * centred / (x.var(dim, keepdim=True, correction=n) + _EPS).sqrt() + b

    def ff(x: Tensor, W_1: Tensor, W_2: Tensor) -> Tensor:
        return (x @ W_1).clamp(min=0) @ W_2

    def expected(x: Tensor, g: Tensor, b: Tensor, W_1: Tensor, W_2: Tensor) -> Tensor:
        return x + branch * ff(norm(x, g, b), W_1, W_2)

    def from_normed(x: Tensor, g: Tensor, b: Tensor, W_1: Tensor, W_2: Tensor) -> Tensor:
        x = norm(x, g, b)
        return x + branch * ff(x, W_1, W_2)

    def whole_scaled(x: Tensor, g: Tensor, b: Tensor, W_1: Tensor, W_2: Tensor) -> Tensor:
        return branch * (x + ff(norm(x, g, b), W_1, W_2))

    wrong = (
        WrongAnswer(
            "the norm on the stream",
            "the sum begins at LN(x): x itself must run past the part untouched",
            from_normed,
        ),
        WrongAnswer(
            "nothing runs past",
            "x is replaced by the part's output: add the output to x",
            lambda x, g, b, W_1, W_2: branch * ff(norm(x, g, b), W_1, W_2),
        ),
        WrongAnswer(
            "post-norm",
            "the norm stands behind the sum: that is equation (3), asked for is (4)",
            lambda x, g, b, W_1, W_2: norm(x + branch * ff(x, W_1, W_2), g, b),
        ),
        WrongAnswer(
            "no norm",
            "the part reads x as it is: it should read LN(x)",
            lambda x, g, b, W_1, W_2: x + branch * ff(x, W_1, W_2),
        ),
        WrongAnswer(
            "the part unscaled",
            f"the part's output counts whole: it should be multiplied by {branch}",
            lambda x, g, b, W_1, W_2: x + ff(norm(x, g, b), W_1, W_2),
        ),
        WrongAnswer(
            "the stream scaled too",
            f"x is multiplied by {branch} as well: only the part's output is",
            whole_scaled,
        ),
        WrongAnswer(
            "over positions",
            "mean and variance are taken down the columns: each position has its own",
            lambda x, g, b, W_1, W_2: x + branch * ff(norm(x, g, b, dim=0), W_1, W_2),
        ),
        WrongAnswer(
            "bare norm",
            "gain and bias of the norm are left out, equation (2)",
            lambda x, g, b, W_1, W_2: (
                x + branch * ff(norm(x, torch.ones_like(g), torch.zeros_like(b)), W_1, W_2)
            ),
        ),
        WrongAnswer(
            "variance by n − 1",
            "the variance is divided by C − 1: a layer norm divides by C",
            lambda x, g, b, W_1, W_2: x + branch * ff(norm(x, g, b, n=1), W_1, W_2),
        ),
    )
    hints = (
        "Follow x alone through equation (4): what happens to it on the way from bottom to top?",
        "Only what the part reads is normalised. Give the normalised vectors a name of their own.",
        "Three steps: normalise into a new variable, run the two matrices, add the scaled result "
        "to the old x.",
    )
    return Exercise("09.5", "The stream that was cut", 3, 15, 1, inputs, expected, wrong, hints)
