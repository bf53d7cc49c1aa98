"""Exercises 03.2 and 03.4: tables of bigram probabilities, with add-k and with Kneser–Ney."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from llm_nb.exercises.exercise import Draw, Exercise, WrongAnswer
from llm_nb.models.ngram import AddK, KneserNey


def _inputs(draw: Draw) -> tuple[Tensor, int]:
    """A text in which the last symbol of the vocabulary never occurs."""
    V = draw.integer(4, 6)
    ids = draw.integers(V - 1, draw.integer(14, 20))
    ids[:2] = torch.tensor([0, 1])
    return ids, V


def _pairs(ids: Tensor, V: int) -> Tensor:
    """(V, V) how often column w followed row h."""
    counts = torch.zeros(V, V)
    counts.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)
    return counts


def _rows(model: AddK | KneserNey, V: int) -> Tensor:
    return torch.from_numpy(np.stack([model.next_probs([h]) for h in range(V)])).float()


def add_exercise(k: float) -> Exercise:
    """03.2: p(w | h) with ``k`` added to every count."""

    def expected(ids: Tensor, V: int) -> Tensor:
        return _rows(AddK(2, V, k).fit(ids.numpy()), V)

    def wrapped(ids: Tensor, V: int) -> Tensor:
        c = _pairs(torch.cat([ids, ids[:1]]), V) + k
        return c / c.sum(1, keepdim=True)

    def occurrences(ids: Tensor, V: int) -> Tensor:
        total = torch.bincount(ids, minlength=V)[:, None]
        return (_pairs(ids, V) + k) / (total + k * V)

    def ratio(ids: Tensor, V: int, top: float = k, bottom: float | None = None) -> Tensor:
        c = _pairs(ids, V)
        below = k * V if bottom is None else bottom
        return torch.nan_to_num((c + top) / (c.sum(1, keepdim=True) + below))

    def columns(ids: Tensor, V: int) -> Tensor:
        c = _pairs(ids, V) + k
        return c / c.sum(0, keepdim=True)

    def joint(ids: Tensor, V: int) -> Tensor:
        c = _pairs(ids, V) + k
        return c / c.sum()

    wrong = (
        WrongAnswer(
            "turned",
            "rows and columns are exchanged: the row is the history, the column what follows it",
            lambda ids, V: expected(ids, V).T.contiguous(),
        ),
        WrongAnswer(
            "nothing added",
            f"nothing is added to the counts, so unseen pairs get 0: add {k} to each",
            lambda ids, V: ratio(ids, V, 0.0, 0.0),
        ),
        WrongAnswer(
            "added above only",
            "what is added to the counts is missing from what divides them: the rows sum to more "
            "than 1",
            lambda ids, V: ratio(ids, V, bottom=0.0),
        ),
        WrongAnswer(
            "added once below",
            f"{k} is added once to the divisor, but it was added to V counts",
            lambda ids, V: ratio(ids, V, bottom=k),
        ),
        WrongAnswer(
            "last symbol is a history",
            "the last symbol of the text is counted as a history, though nothing follows it",
            occurrences,
        ),
        WrongAnswer(
            "a ring",
            "the first symbol is counted as following the last: the text ends there",
            wrapped,
        ),
        WrongAnswer(
            "wrong axis",
            "the columns sum to 1: it is what follows one history, a row, that shares out 1",
            columns,
        ),
        WrongAnswer(
            "joint",
            "the whole table sums to 1: these are probabilities of pairs, not of a symbol given "
            "its history",
            joint,
        ),
    )
    hints = (
        "How many pairs of neighbours has a text of T symbols? Count them into a table of V rows "
        "and V columns first, with a plain loop.",
        "What must a row sum to? That says what has to divide it, also where a history never "
        "occurred.",
        f"Make the table of counts, add {k} to all of it, and divide each row by its own sum "
        "(`keepdim=True` keeps the shape right).",
    )
    return Exercise(
        "03.2", "Counting, and a little more", 3, 15, 1, _inputs, expected, wrong, hints
    )


def kneser_ney_exercise(discount: float) -> Exercise:
    """03.4: interpolated Kneser–Ney of order 2 with one ``discount``."""
    D = discount

    def expected(ids: Tensor, V: int) -> Tensor:
        return _rows(KneserNey(2, V, discounts=(0.0, D)).fit(ids.numpy()), V)

    def mixed(ids: Tensor, V: int, lower: Tensor | None = None, **how: bool) -> Tensor:
        """The solution, with one thing after the other done differently."""
        c = _pairs(ids, V)
        seen = c > 0
        n = c.sum(1, keepdim=True)
        below = seen.sum(0) / seen.sum() if lower is None else lower
        taken = c - D if how.get("negative") else (c - D).clamp(min=0)
        own = c if how.get("nothing_taken") else taken
        kinds = 1.0 if how.get("once") else seen.sum(1, keepdim=True)
        spread = torch.zeros_like(n) if how.get("nothing_given") else D * kinds
        rows = (own + spread * below) / n
        unseen = torch.full((V,), 1 / V) if how.get("even") else below
        return torch.where(n > 0, rows, unseen.expand(V, V))

    def plain(ids: Tensor, V: int) -> Tensor:
        return mixed(ids, V, torch.bincount(ids, minlength=V) / len(ids))

    def after(ids: Tensor, V: int) -> Tensor:
        seen = _pairs(ids, V) > 0
        return mixed(ids, V, seen.sum(1) / seen.sum())

    wrong = (
        WrongAnswer(
            "plain counts below",
            "the lower order counts how often a symbol occurs: Kneser and Ney count after how many "
            "different symbols",
            plain,
        ),
        WrongAnswer(
            "kinds after instead of before",
            "the lower order counts what comes after a symbol: it is the different symbols before "
            "it that matter",
            after,
        ),
        WrongAnswer(
            "uniform below",
            "what was saved is handed out evenly: hand it out as the lower order says",
            lambda ids, V: mixed(ids, V, torch.full((V,), 1 / V)),
        ),
        WrongAnswer(
            "nothing handed out",
            "what the discount saved is lost, so the rows sum to less than 1",
            lambda ids, V: mixed(ids, V, nothing_given=True),
        ),
        WrongAnswer(
            "nothing taken",
            "the counts have paid no discount, so the rows sum to more than 1",
            lambda ids, V: mixed(ids, V, nothing_taken=True),
        ),
        WrongAnswer(
            "discount saved once",
            "one discount is handed out, but every different symbol after the history has paid one",
            lambda ids, V: mixed(ids, V, once=True),
        ),
        WrongAnswer(
            "below zero",
            "pairs that were never seen pay a discount too: nobody pays more than there is",
            lambda ids, V: mixed(ids, V, negative=True),
        ),
        WrongAnswer(
            "even guess after the unknown",
            "after a history that never occurred you guess evenly: the lower order knows better",
            lambda ids, V: mixed(ids, V, even=True),
        ),
    )
    hints = (
        "Start from the table of counts of 03.2, without anything added, and from a second one that "
        "only says which pairs occurred.",
        "Of the second table, the sums of the columns say how many different symbols stood before "
        "each; divided by their total they are the lower order. The sums of its rows are N(h·).",
        f"Equation (9) with D = {D}, row by row: counts less D, but not under 0 (`clamp`), over the "
        "row's total; plus D times N(h·) over that total, times the lower order. Where the total is "
        "0, the lower order alone.",
    )
    return Exercise("03.4", "Places instead of times", 5, 30, 2, _inputs, expected, wrong, hints)
