"""Exercises 11.2 and 11.4: a mask that slides, and an attention that prefers what is near."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.models.attention import causal_mask


def _behind(n_queries: int, n_keys: int, shift: int | None = None) -> Tensor:
    """(T, S) how many places key s lies behind query t; negative: ahead."""
    shift = n_keys - n_queries if shift is None else shift
    return torch.arange(n_queries)[:, None] + shift - torch.arange(n_keys)


def _additive(allowed: Tensor) -> Tensor:
    return torch.zeros(allowed.shape).masked_fill(~allowed, -torch.inf)


def mask_exercise(window: int) -> Exercise:
    """11.2: the additive causal mask of the last ``window`` positions."""

    def inputs(draw: Draw) -> tuple[int, int]:
        n_queries = 1 if draw.case == 1 else draw.integer(window + 1, window + 5)
        past = 0 if draw.case == 0 else draw.integer(window + 1, window + 5)
        return n_queries, n_queries + past

    def expected(n_queries: int, n_keys: int) -> Tensor:
        near = ~causal_mask(n_queries, n_keys).tril(n_keys - n_queries - window)
        return _additive(causal_mask(n_queries, n_keys) & near)

    def allowed(n_queries: int, n_keys: int, low: int = 0, high: int = window - 1) -> Tensor:
        behind = _behind(n_queries, n_keys)
        return (low <= behind) & (behind <= high)

    def top_left(n_queries: int, n_keys: int) -> Tensor:
        behind = _behind(n_queries, n_keys, shift=0)
        return _additive((behind >= 0) & (behind < window))

    wrong = (
        WrongAnswer(
            "triangle at the top left",
            "your first query stands at position 0, but the queries are the last of the keys: "
            "move everything right by n_keys - n_queries",
            top_left,
        ),
        WrongAnswer(
            "no window",
            f"a query sees its whole past: it may see {window} positions, itself and the "
            f"{window - 1} before it",
            lambda t, s: _additive(allowed(t, s, 0, s)),
        ),
        WrongAnswer(
            "window one too wide",
            f"a query sees {window + 1} positions: itself is one of the {window}",
            lambda t, s: _additive(allowed(t, s, 0, window)),
        ),
        WrongAnswer(
            "blind to itself",
            "a query cannot see its own position: the mask begins one place too early",
            lambda t, s: _additive(allowed(t, s, 1, window)),
        ),
        WrongAnswer(
            "forward instead of back",
            "a query sees what comes after it and not what came before: the triangle is the "
            "wrong way up",
            lambda t, s: _additive(allowed(t, s, 1 - window, 0)),
        ),
        WrongAnswer(
            "future allowed",
            "the window ends on the left but not on the right: a query sees all that follows",
            lambda t, s: _additive(allowed(t, s, -s)),
        ),
        WrongAnswer(
            "zero and infinity exchanged",
            "you have -inf where looking is allowed and 0 where it is not: the mask is added "
            "before a softmax, which turns -inf into weight 0",
            lambda t, s: _additive(~allowed(t, s)),
        ),
        WrongAnswer(
            "ones and zeros",
            "ones and zeros would multiply; this mask is added to the scores, so allowed is 0 "
            "and forbidden is -inf",
            lambda t, s: allowed(t, s).float(),
        ),
        WrongAnswer(
            "booleans",
            "True and False say what is allowed, but cannot be added to scores: turn them into "
            "0 and -inf",
            allowed,
        ),
        WrongAnswer(
            "a large number for infinity",
            "a large negative number is not -inf: a row of scores below it would let the "
            "forbidden places win",
            lambda t, s: torch.zeros(t, s).masked_fill(~allowed(t, s), -1e9),
        ),
    )
    hints = (
        "Draw the matrix for 2 queries and 5 keys on paper. Which position in the text does each "
        "row stand for?",
        "Query number t stands at position `t + (n_keys - n_queries)`. Make a "
        "`(n_queries, n_keys)` table of how far each key lies behind each query, with two `arange`s and broadcasting.",
        f"Allowed is where that distance is at least 0 and less than {window}. Start from zeros "
        "of the right shape and use `masked_fill` with `-inf` elsewhere.",
    )
    return Exercise("11.2", "A mask that slides", 3, 15, 1, inputs, expected, wrong, hints)


def attention_exercise(slope: float) -> Exercise:
    """11.4: one causal head whose scores fall by ``slope`` with every place of distance."""

    def inputs(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        T, past = draw.integer(3, 5), 0 if draw.case == 0 else draw.integer(2, 4)
        if draw.case == 1:
            T = 1
        d_k, d_v = draw.choice((3, 5, 6)), draw.integer(2, 4)
        S = T + past
        return draw.normal(T, d_k), draw.normal(S, d_k), draw.normal(S, d_v)

    def expected(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        bias = -slope * _behind(len(q), len(k)).float()
        bias = bias + _additive(causal_mask(len(q), len(k)))
        return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias)[0]

    def head(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        scale: float | None = None,
        penalty: float = slope,
        visible: Tensor | None = None,
        dim: int = -1,
    ) -> Tensor:
        scores = q @ k.T * (q.size(-1) ** -0.5 if scale is None else scale)
        scores = scores - penalty * _behind(len(q), len(k))
        visible = causal_mask(len(q), len(k)) if visible is None else visible
        return scores.masked_fill(~visible, -torch.inf).softmax(dim) @ v

    def masked_late(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.T / math.sqrt(q.size(-1)) - slope * _behind(len(q), len(k))
        return (scores.softmax(-1) * causal_mask(len(q), len(k))) @ v

    wrong = (
        WrongAnswer(
            "missing √d",
            "the scores are not divided by √d_k: the wider the head, the sharper its softmax",
            lambda q, k, v: head(q, k, v, scale=1.0),
        ),
        WrongAnswer(
            "divided by d",
            "the scores are divided by d_k itself: it is the square root that keeps their "
            "variance at 1",
            lambda q, k, v: head(q, k, v, scale=1 / q.size(-1)),
        ),
        WrongAnswer(
            "no mask",
            "queries look into the future: set the scores of later keys to -inf before the softmax",
            lambda q, k, v: head(q, k, v, visible=torch.ones(len(q), len(k), dtype=torch.bool)),
        ),
        WrongAnswer(
            "triangle at the top left",
            "with more keys than queries your mask hides keys that are past: the queries are the "
            "last len(q) of the len(k) positions",
            lambda q, k, v: head(q, k, v, visible=_behind(len(q), len(k), shift=0) >= 0),
        ),
        WrongAnswer(
            "wrong axis",
            "the softmax runs over the queries: each query shares out its own attention, so the "
            "rows must sum to 1",
            lambda q, k, v: head(q, k, v, dim=0),
        ),
        WrongAnswer(
            "mask after the softmax",
            "you mask after the softmax, so the future has taken its share already and rows no "
            "longer sum to 1: mask the scores",
            masked_late,
        ),
        WrongAnswer(
            "no penalty",
            "the distance changes nothing: subtract it, times the slope, from the scores",
            lambda q, k, v: head(q, k, v, penalty=0.0),
        ),
        WrongAnswer(
            "penalty with the wrong sign",
            "far keys gain where they should lose: the penalty is subtracted",
            lambda q, k, v: head(q, k, v, penalty=-slope),
        ),
        WrongAnswer(
            "penalty divided too",
            "the penalty is divided by √d_k along with the scores: subtract it after the division",
            lambda q, k, v: head(q, k, v, penalty=slope * q.size(-1) ** -0.5),
        ),
    )
    hints = (
        "Begin with equation (4) of the chapter for a single head, without any mask, and look at "
        "the shapes: scores are `(T, S)`.",
        "The table of distances from 11.2 serves twice: where it is negative the key lies ahead, "
        "and elsewhere it is what the penalty multiplies.",
        f"In this order: scores over the square root of the width, minus {slope} times the "
        "distance, `-inf` where the distance is negative, softmax over the last axis, times `v`.",
    )
    return Exercise(
        "11.4", "A head that prefers what is near", 5, 25, 2, inputs, expected, wrong, hints
    )
