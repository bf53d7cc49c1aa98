"""The numbers of chapter 8's paper exercises, against torch, for every class."""

from itertools import product
from math import log

import pytest
import torch

from llm_nb.exercises.c08_attention import CHOICES, Parameters
from llm_nb.models.attention import MultiHeadAttention, attention_weights


def test_a_dictionary_on_paper() -> None:
    for ratio, far, near in product(*(CHOICES[n] for n in ("ratio", "far", "near"))):
        p = Parameters(ratio=ratio, far=far, near=near)
        scores = torch.tensor([log(ratio), 0.0], dtype=torch.float64, requires_grad=True)
        shares = scores.softmax(0)
        assert p.share == pytest.approx(shares[0].item())
        assert p.answer == pytest.approx((shares @ shares.new_tensor([far, near])).item())
        (slope,) = torch.autograd.grad(shares[0], scores)
        assert slope.tolist() == pytest.approx([p.slope, -p.slope])
        assert p.doubled == pytest.approx((2 * scores).softmax(0)[0].item())
    for d in CHOICES["d_wide"]:
        assert Parameters(d_wide=d).typical == int(d**0.5)  # a whole number, as it is printed


def test_what_length_costs() -> None:
    names = ("n_words", "d_model", "n_heads", "block")
    for values in product(*(CHOICES[name] for name in names)):
        p = Parameters(**dict(zip(names, values, strict=True)))
        with torch.device("meta"):
            layer = MultiHeadAttention(p.d_model, p.n_heads, bias=False)
            q, k, v = layer.heads(torch.empty(1, p.n_words, p.d_model))
            A, result = attention_weights(q, k), q @ k.mT @ v
            scores = q @ k[:, :, : p.block].mT
        assert p.tables_mb == pytest.approx(4 * A.numel() / 1e6)
        assert p.vectors_mb == pytest.approx(4 * sum(x.numel() for x in (q, k, v, result)) / 1e6)
        assert p.blocks_mb == pytest.approx(4 * scores.numel() / 1e6)
        assert p.n_weights == sum(w.numel() for w in layer.parameters())
        assert p.scores_g == pytest.approx(2 * A.numel() * layer.d_head / 1e9)
        assert p.matrices_g == pytest.approx(p.n_words * p.n_weights / 1e9)
        assert p.tables_mb > p.vectors_mb  # "beyond it the weights are the larger part"
        assert p.scores_g > p.matrices_g  # beyond the balance
        even = Parameters(n_words=p.balance, d_model=p.d_model)
        assert even.scores_g == pytest.approx(even.matrices_g)
        whole = Parameters(n_words=int(p.equal_words), d_model=p.d_model, n_heads=p.n_heads)
        assert whole.tables_mb == pytest.approx(whole.vectors_mb)
