"""Exercises 06.5 and 06.6: gradients shortened together, and a loss over padded batches."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer


def clip_exercise(max_norm: float) -> Exercise:
    """06.5: all gradients shortened by one factor, to a common length of ``max_norm`` at most."""

    def inputs(draw: Draw) -> tuple[list[Tensor]]:
        shapes = [(draw.integer(2, 3), 4), (draw.integer(3, 5),), (2, draw.integer(2, 3))]
        raw = [draw.normal(*shape) for shape in shapes]
        # Short ones, none at all, and long ones.
        length = {0: 0.5 * max_norm, 1: 0.0}.get(draw.case, (3 + draw.integer(0, 4)) * max_norm)
        return ([g * length / _length(raw) for g in raw],)

    def scaled(gradients: list[Tensor], factor: float) -> list[Tensor]:
        return [g * factor for g in gradients]

    def at_most(length: float) -> float:
        return min(1.0, max_norm / length) if length else 1.0

    def expected(gradients: list[Tensor]) -> list[Tensor]:
        return scaled(gradients, at_most(_length(gradients)))

    def always(gradients: list[Tensor]) -> list[Tensor]:
        length = _length(gradients)
        return scaled(gradients, max_norm / length if length else math.nan)

    def rms(gradients: list[Tensor]) -> list[Tensor]:
        count = sum(g.numel() for g in gradients)
        return scaled(gradients, at_most(_length(gradients) / math.sqrt(count)))

    def unguarded(gradients: list[Tensor]) -> list[Tensor]:
        length = _length(gradients)
        return scaled(gradients, min(1.0, max_norm / length) if length else math.nan)

    wrong: tuple[WrongAnswer, ...] = (
        WrongAnswer(
            "each alone",
            "each gradient is shortened by its own length, which turns the direction of the step: "
            "one length for all together",
            lambda gradients: [g * at_most(g.norm().item()) for g in gradients],
        ),
        WrongAnswer(
            "values cut",
            "every number is cut off on its own, which turns the direction of the step: multiply "
            "all by one factor",
            lambda gradients: [g.clamp(-max_norm, max_norm) for g in gradients],
        ),
        WrongAnswer(
            "short ones stretched",
            "gradients that are short enough are stretched: the factor is at most 1",
            always,
        ),
        WrongAnswer(
            "nothing divided by nothing",
            "where all gradients are zero, 0 / 0 makes NaN: that length needs no division",
            unguarded,
        ),
        WrongAnswer(
            "lengths added",
            "the lengths are added: it is their squares that add up, and the root comes last",
            lambda gradients: scaled(gradients, at_most(sum(g.norm().item() for g in gradients))),
        ),
        WrongAnswer(
            "no root",
            "the root is missing: you divide by the square of the length",
            lambda gradients: scaled(gradients, at_most(_length(gradients) ** 2)),
        ),
        WrongAnswer(
            "root of the mean",
            "you divide the squares by how many there are: the length is the root of their sum",
            rms,
        ),
        WrongAnswer(
            "divided by the limit",
            f"the factor is {max_norm} over the length, and the {max_norm} is missing",
            lambda gradients: scaled(gradients, min(1.0, 1 / max(_length(gradients), 1e-12))),
        ),
        WrongAnswer("nothing shortened", "long gradients come back as long as they were", list),
    )
    if max_norm == 1.0:  # then the limit cannot be seen missing
        wrong = tuple(w for w in wrong if w.name != "divided by the limit")
    hints = (
        "How long is the vector that you get by putting all numbers of all tensors into one row?",
        "`math.sqrt(sum((g**2).sum().item() for g in gradients))` is that length. What may the "
        "factor never exceed, and when is there nothing to do?",
        f"If the length is {max_norm} or less, return the gradients as they are; otherwise multiply "
        f"each by {max_norm} / length.",
    )
    return Exercise("06.5", "One factor for all", 3, 15, 1, inputs, expected, wrong, hints)


def _length(gradients: list[Tensor]) -> float:
    return math.sqrt(sum((g.double() ** 2).sum().item() for g in gradients))


def loss_exercise(pad: int) -> Exercise:
    """06.6: bits a word of a padded batch; targets that are ``pad`` stand for nothing."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor]:
        B, T, V = 3, draw.integer(4, 6), draw.integer(5, 6)
        y = draw.integers(V - 1, B, T)
        y += (y >= pad).long()  # any word but the padding
        for row, length in enumerate((T, T - 1, draw.integer(1, 2))):
            y[row, length:] = pad
        return 2 * draw.normal(B, T, V), y

    def per_place(logits: Tensor, y: Tensor) -> Tensor:
        return -logits.log_softmax(-1).gather(-1, y[..., None])[..., 0]  # (B, T)

    def expected(logits: Tensor, y: Tensor) -> float:
        return (per_place(logits, y)[y != pad].mean() / math.log(2)).item()

    def two_terms(sign: float) -> Callable[[Tensor, Tensor], float]:
        def loss(logits: Tensor, y: Tensor) -> float:
            came = F.one_hot(y, logits.size(-1))
            others = ((1 - came) * torch.log1p(-logits.softmax(-1))).sum(-1)
            both = per_place(logits, y) - sign * others
            return (both[y != pad].mean() / math.log(2)).item()

        return loss

    def row_means(logits: Tensor, y: Tensor) -> float:
        rows = [p[t != pad].mean() for p, t in zip(per_place(logits, y), y, strict=True)]
        return (torch.stack(rows).mean() / math.log(2)).item()

    def nats(logits: Tensor, y: Tensor) -> float:
        return per_place(logits, y)[y != pad].mean().item()

    def wrong_axis(logits: Tensor, y: Tensor) -> float:
        costs = -logits.log_softmax(1).gather(-1, y[..., None])[..., 0]
        return (costs[y != pad].mean() / math.log(2)).item()

    def of_the_mean(logits: Tensor, y: Tensor) -> float:
        return -per_place(logits, y)[y != pad].neg().exp().mean().log2().item()

    def spread(logits: Tensor, y: Tensor) -> float:
        return (per_place(logits, y)[y != pad].sum() / y.numel() / math.log(2)).item()

    wrong = (
        WrongAnswer(
            "as described",
            "the loss still rewards probability on wrong words: only the word that came counts",
            two_terms(-1),
        ),
        WrongAnswer(
            "both terms, bracketed",
            "the wrong words are judged too, as V questions of yes or no: a softmax answers one "
            "question, and the surprise at its answer is -log of one probability",
            two_terms(1),
        ),
        WrongAnswer(
            "padding judged",
            f"places with target {pad} are judged: nothing stands there, leave them out",
            lambda logits, y: (per_place(logits, y).mean() / math.log(2)).item(),
        ),
        WrongAnswer(
            "padding divides",
            "the padding's losses are left out, but its places still divide",
            spread,
        ),
        WrongAnswer(
            "rows weigh alike",
            "every row weighs the same, however short: every word must",
            row_means,
        ),
        WrongAnswer("nats", "this is in nats: divide by ln 2 for bits", nats),
        WrongAnswer(
            "softmax over time",
            "the softmax runs along the steps: it belongs on the last axis, over the vocabulary",
            wrong_axis,
        ),
        WrongAnswer(
            "log of the mean",
            "the probabilities are averaged before the logarithm: each word's surprise comes first",
            of_the_mean,
        ),
        WrongAnswer(
            "sum",
            "this is the sum over all words: divide by how many there are",
            lambda logits, y: (per_place(logits, y)[y != pad].sum() / math.log(2)).item(),
        ),
    )
    hints = (
        "One number for each place, (B, T), is all that is needed: the probability that the model "
        "gave to the word that came.",
        "`logits.log_softmax(-1)` and `gather`, or `F.cross_entropy(…, ignore_index=…)` over "
        "flattened places. Which places count?",
        f"`F.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index={pad})` is the mean in "
        "nats over the places that count; divide by `math.log(2)` and take `.item()`.",
    )
    return Exercise("06.6", "A loss that judges", 4, 20, 2, inputs, expected, wrong, hints)
