"""Exercises 09.2, 09.3 and 09.6: a shifted target, the learning rate, smoothed labels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer

END, IGNORE = 2, -100
Rows = list[list[int]]


def shift_exercise(begin: int) -> Exercise:
    """09.2: what the decoder reads and what it must predict; ``begin`` is the id of <s>."""

    def inputs(draw: Draw) -> tuple[Rows]:
        lengths = [draw.integer(4, 6), *(draw.integer(1, 3) for _ in range(draw.integer(1, 2)))]
        return ([[draw.integer(7, 30) for _ in range(n)] for n in lengths],)

    def filled(rows: Rows, filling: int, left: bool = False) -> Tensor:
        widest = max(map(len, rows))
        made = ([filling] * (widest - len(row)) for row in rows)
        return torch.tensor(
            [more + row if left else row + more for row, more in zip(rows, made, strict=True)]
        )

    def parts(rows: Rows) -> tuple[Rows, Rows]:
        return [[begin, *row] for row in rows], [[*row, END] for row in rows]

    def expected(rows: Rows) -> tuple[Tensor, Tensor]:
        read, labels = parts(rows)
        return filled(read, 0), filled(labels, IGNORE)

    def turned(rows: Rows) -> tuple[Tensor, Tensor]:
        read, labels = expected(rows)
        return labels, read

    def unshifted(rows: Rows) -> tuple[Tensor, Tensor]:
        both = [[begin, *row, END] for row in rows]
        return filled(both, 0), filled(both, IGNORE)

    def on_the_left(rows: Rows) -> tuple[Tensor, Tensor]:
        read, labels = parts(rows)
        return filled(read, 0, left=True), filled(labels, IGNORE, left=True)

    def no_end(rows: Rows) -> tuple[Tensor, Tensor]:
        read = [[begin, *row[:-1]] for row in rows]
        return filled(read, 0), filled(rows, IGNORE)

    def counted(rows: Rows) -> tuple[Tensor, Tensor]:
        read, labels = parts(rows)
        return filled(read, 0), filled(labels, 0)

    def ignored(rows: Rows) -> tuple[Tensor, Tensor]:
        read, labels = parts(rows)
        return filled(read, IGNORE), filled(labels, IGNORE)

    def sliced(rows: Rows) -> tuple[Tensor, Tensor]:
        whole = filled([[begin, *row, END] for row in rows], 0)
        labels = whole[:, 1:]
        return whole[:, :-1], labels.masked_fill(labels == 0, IGNORE)

    wrong = (
        WrongAnswer(
            "not shifted",
            "input and labels are the same rows: the label of each place is the word after it",
            unshifted,
        ),
        WrongAnswer(
            "returned the wrong way round",
            "the two are exchanged: first what is read, then the labels",
            turned,
        ),
        WrongAnswer(
            "no end",
            "nobody learns when to stop: the last label of a row is </s>",
            no_end,
        ),
        WrongAnswer(
            "padding counted",
            f"padding would count in the loss: its label is {IGNORE}",
            counted,
        ),
        WrongAnswer(
            "padding not an id",
            f"{IGNORE} stands in what is read, and no vector has that number: read 0 there",
            ignored,
        ),
        WrongAnswer(
            "padded on the left",
            "the padding stands on the left: put it on the right",
            on_the_left,
        ),
        WrongAnswer(
            "end read",
            "in the shorter rows </s> is read as a word: what is read ends before it",
            sliced,
        ),
    )
    hints = (
        "Write the two rows for one sentence of two words under each other. How long is each?",
        "What is read has <s> before the words, the labels have </s> behind them: equally long.",
        "Then fill both up on the right to the longest row, with 0 and with −100.",
    )
    return Exercise("09.2", "One place apart", 3, 15, 1, inputs, expected, wrong, hints)


def rate_exercise(power: float) -> Exercise:
    """09.3: equation (5) with n to the power −``power`` after the warm-up."""

    def inputs(draw: Draw) -> tuple[int, int, int]:
        w = draw.integer(20, 400)
        step = (draw.integer(2, w - 2), draw.integer(2 * w, 9 * w))[draw.case % 2]
        return step, 4 * draw.integer(3, 100), w

    def rate(n: int, C: int, w: int, p: float = power) -> float:
        return C**-0.5 * min(n**-p, n * w ** -(1 + p))

    other = 0.5 if power != 0.5 else 0.75
    wrong = (
        WrongAnswer(
            "the larger branch",
            "you take the larger of the two: the rate is the smaller one",
            lambda n, C, w: C**-0.5 * max(n**-power, n * w ** -(1 + power)),
        ),
        WrongAnswer(
            "another power",
            f"after the warm-up it falls with the power {other}: look at the question",
            lambda n, C, w: rate(n, C, w, other),
        ),
        WrongAnswer(
            "a broken joint",
            "the two branches do not meet at n = w: the power of w is one more than that of n",
            lambda n, C, w: C**-0.5 * min(n**-power, n * w ** -(2 + power)),
        ),
        WrongAnswer(
            "no width",
            "the width is left out: everything is divided by the root of C",
            lambda n, C, w: rate(n, 1, w),
        ),
        WrongAnswer(
            "divided by the width",
            "you divide by C: it is the root of C",
            lambda n, C, w: rate(n, C * C, w),
        ),
        WrongAnswer(
            "steps from 0",
            "you count steps from 0: the first step has n = 1 already",
            lambda n, C, w: rate(n + 1, C, w),
        ),
        WrongAnswer(
            "no warm-up",
            "there is no warm-up: below n = w the rate rises in a straight line",
            lambda n, C, w: C**-0.5 * n**-power,
        ),
    )
    hints = (
        "What must both branches give at n = w?",
        "The rising branch is n times something that does not depend on n. Solve for it at n = w.",
        "That something is w to the power of −1 − p. Take the smaller branch, divide by √C.",
    )
    return Exercise("09.3", "Up, then down", 3, 20, 2, inputs, rate, wrong, hints, atol=1e-7)


def smooth_exercise(eps: float) -> Exercise:
    """09.6: the mean smoothed loss, ``eps`` spread over the other words only."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor]:
        T, V = draw.integer(5, 8), draw.integer(4, 7)
        labels = draw.integers(V, T)
        labels[-2:] = IGNORE
        return 2 * draw.normal(T, V), labels

    def each(logits: Tensor, labels: Tensor, right: float, other: float) -> Tensor:
        """(T,): the loss of every place whose label is no padding."""
        real = labels != IGNORE
        log_p, y = logits[real].log_softmax(-1), labels[real]
        at = log_p.gather(-1, y[:, None])[:, 0]
        return -right * at - other * (log_p.sum(-1) - at)

    def expected(logits: Tensor, labels: Tensor) -> Tensor:
        return each(logits, labels, 1 - eps, eps / (logits.size(1) - 1)).mean()

    def counted(logits: Tensor, labels: Tensor) -> Tensor:
        return each(logits, labels, 1 - eps, eps / (logits.size(1) - 1)).sum() / len(labels)

    def not_normed(logits: Tensor, labels: Tensor) -> Tensor:
        return each(logits, labels, 1.0, eps / (logits.size(1) - 1)).mean()

    def exchanged(logits: Tensor, labels: Tensor) -> Tensor:
        return each(logits, labels, eps, (1 - eps) / (logits.size(1) - 1)).mean()

    wrong = (
        WrongAnswer(
            "over all words",
            "the share is spread over all words, as in (6): here only the others get it",
            lambda z, y: F.cross_entropy(z, y, label_smoothing=eps),
        ),
        WrongAnswer(
            "not smoothed",
            "this is the plain cross-entropy: the labels are not smoothed",
            lambda z, y: F.cross_entropy(z, y),
        ),
        WrongAnswer(
            "padding in the mean",
            "you divide by all places: padding does not count",
            counted,
        ),
        WrongAnswer(
            "the sum",
            "this is the sum over places: asked for is the mean",
            lambda z, y: each(z, y, 1 - eps, eps / (z.size(1) - 1)).sum(),
        ),
        WrongAnswer(
            "labels over 1",
            f"the labels sum to more than 1: the right word's is 1 − {eps}",
            not_normed,
        ),
        WrongAnswer(
            "shares exchanged",
            f"the right word gets {eps} and the others the rest: it is the other way round",
            exchanged,
        ),
        WrongAnswer(
            "bits",
            "this is in bits: the loss is in nats",
            lambda z, y: expected(z, y) / math.log(2),
        ),
    )
    hints = (
        "Begin with `log_softmax`. What has the right word's column to do with the sum of a row?",
        "Put the labels of all words into a table (T, V) that is eps / (V − 1) everywhere but at "
        "the right word.",
        "Leave out the rows whose label is −100 *before* you use the label as a column number.",
    )
    return Exercise("09.6", "Spread among the others", 4, 25, 2, inputs, expected, wrong, hints)
