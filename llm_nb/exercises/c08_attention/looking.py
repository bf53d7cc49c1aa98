"""Exercises 08.2 and 08.4: a causal head with a temperature, and a mask that is set too late."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.models.attention import attention, causal_mask


def head_exercise(temperature: float) -> Exercise:
    """08.2: causal scaled dot-product attention whose scores are divided by ``temperature``."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        T, d_k, d_v = draw.integer(4, 6), draw.choice((5, 6, 8)), draw.integer(2, 4)
        return draw.normal(T, d_k), draw.normal(T, d_k), draw.normal(T, d_v)

    def expected(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attention((q / temperature)[None, None], k[None, None], v[None, None], causal=True)[
            0, 0
        ]

    def head(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        scale: float | None = None,
        tau: float = temperature,
        visible: Tensor | None = None,
        dim: int = -1,
    ) -> Tensor:
        scores = q @ k.T * (q.size(-1) ** -0.5 if scale is None else scale) / tau
        visible = causal_mask(len(q), len(k)) if visible is None else visible
        return scores.masked_fill(~visible, -torch.inf).softmax(dim) @ v

    def masked_late(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        weights = (q @ k.T / math.sqrt(q.size(-1)) / temperature).softmax(-1)
        return (weights * causal_mask(len(q), len(k))) @ v

    def masked_with_zero(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.T / math.sqrt(q.size(-1)) / temperature
        return scores.masked_fill(~causal_mask(len(q), len(k)), 0.0).softmax(-1) @ v

    def turned(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return head(q, k, v, visible=causal_mask(len(q), len(k)).T)

    wrong = (
        WrongAnswer(
            "missing √d",
            "the scores are not divided by √d_k: their variance grows with the width, equation (4)",
            lambda q, k, v: head(q, k, v, scale=1.0),
        ),
        WrongAnswer(
            "divided by d",
            "the scores are divided by d_k itself: the square root is what brings their variance "
            "to 1",
            lambda q, k, v: head(q, k, v, scale=1 / q.size(-1)),
        ),
        WrongAnswer(
            "no mask",
            "a query sees what comes after it: there is no causal mask",
            lambda q, k, v: head(q, k, v, visible=torch.ones(len(q), len(k), dtype=torch.bool)),
        ),
        WrongAnswer(
            "mask after the softmax",
            "you mask after the softmax: rows no longer sum to 1, and the future was in their sum",
            masked_late,
        ),
        WrongAnswer(
            "mask of zeros",
            "you set forbidden scores to 0, which is a score like any other: what has the "
            "exponential 0?",
            masked_with_zero,
        ),
        WrongAnswer(
            "wrong axis",
            "the softmax runs down the columns: each query has one unit to share, so rows must "
            "sum to 1",
            lambda q, k, v: head(q, k, v, dim=0),
        ),
        WrongAnswer(
            "mask the wrong way up",
            "a query sees itself and the future, not the past: the triangle is the wrong way up",
            turned,
        ),
        WrongAnswer(
            "no temperature",
            "the temperature changes nothing: it divides the scores once more",
            lambda q, k, v: head(q, k, v, tau=1.0),
        ),
        WrongAnswer(
            "temperature the wrong way",
            "the scores are multiplied by the temperature: it divides them",
            lambda q, k, v: head(q, k, v, tau=1 / temperature),
        ),
    )
    hints = (
        "Write down the shapes first: the scores are (T, T), the result is (T, d_v).",
        "In this order: product, two divisions, mask, softmax, product. Along which axis must the "
        "weights sum to 1?",
        "`torch.ones(T, T, dtype=torch.bool).tril()` is True where looking is allowed; "
        "`masked_fill` with -inf goes where it is not.",
    )
    return Exercise("08.2", "A head with a temperature", 4, 20, 1, inputs, expected, wrong, hints)


def padding_exercise(pad: int) -> Exercise:
    """08.4: weights of queries over a padded text; a text of nothing but padding gets zeros."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor]:
        B, T, S = 3, draw.integer(2, 4), draw.integer(5, 7)
        ids = pad + 1 + draw.integers(5, B, S)
        for row in range(B):
            ids[row, S - draw.integer(1, 3) :] = pad
        ids[draw.integer(0, B - 1)] = pad  # nothing at all
        return draw.normal(B, T, S), ids

    def weights(scores: Tensor, ids: Tensor, real: Tensor | None = None, dim: int = -1) -> Tensor:
        real = ids != pad if real is None else real
        real = real[:, None].expand_as(scores)
        made = scores.masked_fill(~real, -torch.inf).softmax(dim)
        return made.nan_to_num(0.0)

    def late(scores: Tensor, ids: Tensor) -> Tensor:
        return scores.softmax(-1) * (ids != pad)[:, None]

    def evenly(scores: Tensor, ids: Tensor) -> Tensor:
        return scores.masked_fill((ids == pad)[:, None], -1e9).softmax(-1)

    def bare(scores: Tensor, ids: Tensor) -> Tensor:
        return scores.masked_fill((ids == pad)[:, None], -torch.inf).softmax(-1)

    def zeros(scores: Tensor, ids: Tensor) -> Tensor:
        made = scores.masked_fill((ids == pad)[:, None], 0.0).softmax(-1)
        return made * (ids != pad).any(-1)[:, None, None]

    wrong = (
        WrongAnswer(
            "mask after the softmax",
            "you mask after the softmax: the padding has had its share, and rows sum to less than 1",
            late,
        ),
        WrongAnswer(
            "no mask",
            "padding gets weight like any word: nothing is masked",
            lambda scores, ids: scores.softmax(-1),
        ),
        WrongAnswer(
            "NaN where nothing is left",
            "a text of nothing but padding gives NaN: zeros are asked for there",
            bare,
        ),
        WrongAnswer(
            "evenly where nothing is left",
            "a text of nothing but padding shares its weight evenly over the padding: zeros are "
            "asked for",
            evenly,
        ),
        WrongAnswer(
            "mask of zeros",
            "the scores of the padding are set to 0, which is a score like any other",
            zeros,
        ),
        WrongAnswer(
            "exchanged",
            "only the padding gets weight: the mask is the wrong way round",
            lambda scores, ids: weights(scores, ids, ids == pad),
        ),
        WrongAnswer(
            "wrong axis",
            "the softmax runs over the queries: rows, one a query, must sum to 1",
            lambda scores, ids: weights(scores, ids, dim=1),
        ),
    )
    hints = (
        "`ids` has an axis less than `scores`: `ids[:, None]` stands for every query.",
        "-inf before the softmax does all but one thing. What does the softmax of a row of -inf "
        "give, and what is wanted?",
        "Set what is not finite to 0 afterwards, with `nan_to_num`, or blank those rows.",
    )
    return Exercise("08.4", "The mask that came too late", 4, 20, 2, inputs, weights, wrong, hints)
