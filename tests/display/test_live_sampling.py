"""Temperature, top-k and top-p in JavaScript keep what generation/sampling.py keeps."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import next_token_probs
from tests.display.node import in_node

DIALS = [
    {"temperature": t, "topK": k, "topP": p}
    for t, k, p in itertools.product((0.3, 1.0, 2.0), (None, 1, 7, 999), (None, 0.05, 0.5, 0.93, 1))
] + [{"temperature": 0, "topK": 3, "topP": 0.5}]


def python(logits: torch.Tensor, dials: dict) -> torch.Tensor:
    return next_token_probs(logits[None], dials["temperature"], dials["topK"], dials["topP"])[0]


def javascript(logits: torch.Tensor, dials: list[dict]) -> list[torch.Tensor]:
    cases = [{"logits": logits.tolist(), "dials": each} for each in dials]
    return [
        torch.tensor(found, dtype=torch.float32)
        for found in in_node("sampling", "Array.from(m.nextTokenProbs(x.logits, x.dials))", *cases)
    ]


@pytest.mark.parametrize("scale", [0.5, 3.0, 20.0])
def test_the_same_tokens_stay(scale: float) -> None:
    """Same tokens, same probabilities. What differs weighs less than a sum in float32 resolves: at
    top-p 1, Python leaves out the last ones where its running sum has reached 1 by rounding."""
    torch.manual_seed(int(scale))
    logits = scale * torch.randn(200)
    for dials, found in zip(DIALS, javascript(logits, DIALS), strict=True):
        wanted = python(logits, dials)
        differ = (found > 0) != (wanted > 0)
        assert float(found.maximum(wanted)[differ].sum()) < 1e-6, dials
        if dials["topP"] != 1:
            assert not differ[found.maximum(wanted) > 1e-30].any(), dials
        assert_close(found, wanted, atol=1e-6, rtol=1e-4)
        assert found.sum() == pytest.approx(1)


def test_with_ties_as_many_stay_with_the_same_shares() -> None:
    """Which of equal tokens stay torch leaves open; how many, and with what, is fixed."""
    logits = torch.tensor([2.0, 1.0, 1.0, 2.0, 1.0, 0.0, 0.0, 2.0])
    dials = [
        {"temperature": 1, "topK": k, "topP": p}
        for k in (1, 2, 4, 5, None)
        for p in (None, 0.2, 0.6, 0.9)
    ]
    for each, found in zip(dials, javascript(logits, dials), strict=True):
        assert_close(found.sort().values, python(logits, each).sort().values, atol=1e-6, rtol=0)
    [found] = javascript(logits, [{"temperature": 1, "topK": 2}])
    assert (found > 0).nonzero().flatten().tolist() == [0, 3]  # the smaller ids
    [greedy] = javascript(logits, [{"temperature": 0}])
    assert torch.equal(greedy, python(logits, {"temperature": 0, "topK": None, "topP": None}))


def test_the_largest_come_in_order() -> None:
    torch.manual_seed(3)
    numbers = torch.randn(500)
    top = numbers.topk(10)
    [found] = in_node("sampling", "m.largest(x, 10)", numbers.tolist())
    assert [i for i, _ in found] == top.indices.tolist()
    assert in_node("sampling", "m.largest(x, 3)", [1, 5, 5, 5, 2]) == [[[1, 5], [2, 5], [3, 5]]]


def test_draws_have_the_given_shares() -> None:
    """A chance picks the token in whose part of [0, 1) it falls; none of probability 0 is drawn."""
    source = "Array.from({length: 1000}, (_, i) => m.sample(x, (i + 0.5) / 1000))"
    [drawn] = in_node("sampling", source, [0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    assert [drawn.count(i) for i in range(6)] == [0, 250, 0, 500, 250, 0]
    [last] = in_node("sampling", "m.sample(x, 0.9999999)", [0.3, 0.6, 0.0])  # a sum under 1
    assert last == 1


def test_the_chance_of_a_place_depends_on_seed_and_place_alone() -> None:
    source = "Array.from({length: x[1]}, (_, n) => m.chance(x[0], n))"
    one, same, other = in_node("writer", source, [0, 2000], [0, 2000], [1, 2000])
    assert one == same
    assert len({*one, *other}) > 3990
    for chances in (one, other):
        assert all(0 <= c < 1 for c in chances)
        shares = torch.histc(torch.tensor(chances), 10, 0, 1) / 200
        assert_close(shares, torch.ones(10), atol=0.3, rtol=0)  # 4 standard deviations
    pairs = torch.corrcoef(torch.tensor([one[:-1], one[1:]]))[0, 1]
    assert abs(float(pairs)) < 0.1  # 4 standard deviations
