"""Exercises 03.5 and 03.6: the interval of an arithmetic coder, and perplexity over many texts."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer


def interval_exercise(start: int) -> Exercise:
    """03.5: where a text lies on the line from 0 to 1, its first symbol's history being ``start``."""

    def inputs(draw: Draw) -> tuple[list[int], Tensor]:
        V, T = draw.integer(3, 4), draw.integer(4, 5)
        ids = draw.integers(V, T).tolist()
        ids[draw.integer(0, 1)] = 1  # not all symbols begin at 0
        return ids, draw.normal(V, V).double().softmax(-1)

    def expected(ids: list[int], probs: Tensor) -> tuple[float, float]:
        low, width, before = Fraction(0), Fraction(1), start
        for symbol in ids:
            row = [Fraction(p) for p in probs[before].tolist()]
            low, width = low + width * sum(row[:symbol]), width * row[symbol]
            before = symbol
        return float(low), float(width)

    def walk(ids: list[int], probs: Tensor, **how: bool) -> tuple[float, float]:
        low, width, before = 0.0, 1.0, start
        if how.get("first_free"):
            before, ids = ids[0], ids[1:]
        for symbol in ids:
            row = probs[:, before] if how.get("column") else probs[before]
            end = symbol + 1 if how.get("itself") else symbol
            begins, share = float(row[:end].sum()), float(row[symbol])
            if how.get("narrow_first"):
                low, width = low + width * share * begins, width * share
            elif how.get("unscaled"):
                low, width = low + begins, width * share
            else:
                low, width = low + width * begins, width * share
            if not how.get("one_row"):
                before = symbol
        return (low, low + width) if how.get("ends") else (low, width)

    wrong = (
        WrongAnswer(
            "not scaled",
            "the beginnings are added as they are: a part of a part is smaller, so multiply by the "
            "width",
            lambda ids, p: walk(ids, p, unscaled=True),
        ),
        WrongAnswer(
            "narrowed first",
            "the width is narrowed before the lower end is moved: the lower end moves by the old "
            "width",
            lambda ids, p: walk(ids, p, narrow_first=True),
        ),
        WrongAnswer(
            "itself among those before",
            "the lower end passes the symbol itself: only the symbols with smaller numbers lie "
            "below it",
            lambda ids, p: walk(ids, p, itself=True),
        ),
        WrongAnswer(
            "one row for all",
            "every symbol is given the same row: the history moves on with the text",
            lambda ids, p: walk(ids, p, one_row=True),
        ),
        WrongAnswer(
            "first symbol free",
            f"the first symbol costs nothing: it is chosen too, after the history {start}",
            lambda ids, p: walk(ids, p, first_free=True),
        ),
        WrongAnswer(
            "columns",
            "you read columns of the table: the row is the history, and rows sum to 1",
            lambda ids, p: walk(ids, p, column=True),
        ),
        WrongAnswer(
            "both ends",
            "these are the two ends: asked for are the lower end and the width",
            lambda ids, p: walk(ids, p, ends=True),
        ),
    )
    hints = (
        "Do it on paper for two symbols with probabilities ¼ and ¾. Where does each of the four "
        "texts of length two lie?",
        "Three things change with every symbol: the lower end, the width, and the history. In which "
        "order, if the lower end needs the old width?",
        f"Begin with 0.0, 1.0 and the history {start}. The lower end rises by the width times the "
        "sum of the row left of the symbol; the width shrinks to the symbol's share of it.",
    )
    return Exercise(
        "03.5", "Where a text lies", 4, 25, 2, inputs, expected, wrong, hints, atol=1e-9
    )


def perplexity_exercise(skip: int) -> Exercise:
    """03.6: one perplexity for many texts, whose first ``skip`` tokens are given."""

    def inputs(draw: Draw) -> tuple[list[Tensor]]:
        lengths = [skip + 1, skip + draw.integer(5, 7), skip + draw.integer(2, 4)]
        return ([draw.normal(n).abs() * 2 + 0.1 for n in lengths],)

    def cut(losses: list[Tensor]) -> list[Tensor]:
        return [text[skip:] for text in losses]

    def expected(losses: list[Tensor]) -> float:
        return math.exp(torch.cat(cut(losses)).double().mean().item())

    def mean_of_means(losses: list[Tensor]) -> float:
        return math.exp(sum(t.mean().item() for t in cut(losses)) / len(losses))

    def mean_of_perplexities(losses: list[Tensor]) -> float:
        return sum(math.exp(t.mean().item()) for t in cut(losses)) / len(losses)

    def over_all(losses: list[Tensor]) -> float:
        return math.exp(torch.cat(cut(losses)).sum().item() / sum(map(len, losses)))

    wrong = (
        WrongAnswer(
            "mean of perplexities",
            "you average perplexities: average the losses, over all tokens, and exponentiate once",
            mean_of_perplexities,
        ),
        WrongAnswer(
            "mean of means",
            "every text weighs the same, however long: every token must",
            mean_of_means,
        ),
        WrongAnswer(
            "exponent for each token",
            "you exponentiate token by token and average then: the mean comes first",
            lambda losses: torch.cat(cut(losses)).exp().mean().item(),
        ),
        WrongAnswer(
            "powers of two",
            "the losses are in nats: their mean is an exponent of e, not of 2",
            lambda losses: 2 ** torch.cat(cut(losses)).mean().item(),
        ),
        WrongAnswer(
            "given tokens counted",
            f"the first {skip} of each text were given, not predicted: leave them out",
            lambda losses: math.exp(torch.cat(losses).mean().item()),
        ),
        WrongAnswer(
            "given tokens divide",
            f"the losses of the first {skip} of each text are left out, but their number still "
            "divides",
            over_all,
        ),
        WrongAnswer(
            "no exponent",
            "this is the mean loss in nats: perplexity is its exponential",
            lambda losses: torch.cat(cut(losses)).mean().item(),
        ),
    )
    hints = (
        "A perplexity is one number for all tokens that were predicted. Which are those, and how "
        "many?",
        "Join what counts of all texts into one long row (`torch.cat`) before you average anything.",
        f"Drop the first {skip} of each, join, take one mean, and only then `math.exp`; `.item()` "
        "makes a plain number of it.",
    )
    return Exercise(
        "03.6", "One perplexity for many texts", 3, 15, 1, inputs, expected, wrong, hints
    )
