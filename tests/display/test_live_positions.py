"""The live figure of positions computes what the package, torch and RoFormer compute."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llm_nb.display import live
from llm_nb.display.live.positions import POSITIONS, cosine_table, positions_data
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.positions import sinusoids
from llm_nb.shipped import microworld_model
from tests.display.node import in_node

modeling_roformer = pytest.importorskip("transformers.models.roformer.modeling_roformer")


def double(rows: object) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_the_table_is_the_packages() -> None:
    sizes = [(64, 32), (128, 4), (1, 128), (40, 6)]
    found = in_node("positions", "m.sinusoids(...x)", *sizes)
    for (T, d), table in zip(sizes, found, strict=True):
        # The package's table is rounded to float32.
        assert_close(double(table), sinusoids(T, d).double(), atol=6e-8, rtol=0)


def test_other_bases() -> None:
    for base in (10, 100_000):
        [found] = in_node("positions", "m.sinusoids(...x)", [50, 12, base])
        angles = torch.arange(50.0, dtype=torch.float64)[:, None] * base ** (
            -torch.arange(0, 12, 2, dtype=torch.float64) / 12
        )
        assert_close(double(found)[:, 0::2], angles.sin(), atol=1e-12, rtol=0)
        assert_close(double(found)[:, 1::2], angles.cos(), atol=1e-12, rtol=0)


def test_one_rotation_takes_every_position_k_further() -> None:
    table = sinusoids(64, 16).double()
    for k in (-7, 1, 20):
        [rotations] = in_node("positions", f"m.rates(16).map((rate) => m.rotation(rate, {k}))", 0)
        start, count = max(0, -k), 64 - abs(k)
        pairs = table[start : start + count].view(count, 8, 2)
        turned = torch.einsum("pij,tpj->tpi", double(rotations), pairs).flatten(1)
        assert_close(turned, table[start + k : start + k + count], atol=1e-6, rtol=0)


def test_cosines_and_what_they_are_by_distance() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(9, 5, dtype=torch.float64)
    [found] = in_node("positions", "m.cosines(x, x)", vectors.tolist())
    table = cosine_table(vectors)
    assert_close(double(found), table, atol=1e-12, rtol=0)
    [distances] = in_node("positions", "m.byDistance(x)", table.tolist())
    for k, at in enumerate(distances, start=-8):
        line = table.diagonal(k)
        assert_close(
            double([at["low"], at["mean"], at["high"]]),
            torch.stack([line.min(), line.mean(), line.max()]),
            atol=1e-12,
            rtol=0,
        )


def test_sinusoids_know_only_the_distance_and_learned_positions_do_not() -> None:
    data = positions_data(microworld_model("gpt2"), "GPT-2")
    [sine] = in_node("positions", "m.byDistance(m.cosines(x, x))", sinusoids(64, 32).tolist())
    assert max(at["high"] - at["low"] for at in sine) < 1e-6
    wave = torch.arange(-63.0, 64.0)[:, None] * 10000 ** (-torch.arange(16.0) / 16)
    assert_close(torch.tensor([at["mean"] for at in sine]), wave.cos().mean(1), atol=1e-5, rtol=0)
    own = microworld_model("gpt2").wpe.weight.detach()[:POSITIONS]
    [learned] = in_node("positions", "m.byDistance(m.cosines(x, x))", own.tolist())
    assert max(at["high"] - at["low"] for at in learned[62:65:2]) > 0.5  # neighbours
    assert data["learned"]["shape"] == [POSITIONS, 64]


def test_rope_is_roformers() -> None:
    """The same rotation as in the RoPE paper's own model, and scores that know only the distance."""
    torch.manual_seed(1)
    T, d = 20, 16
    q, k = torch.randn(2, d, dtype=torch.float64)
    embedding = modeling_roformer.RoFormerSinusoidalPositionalEmbedding(T, d)
    embedding.weight.data = embedding.create_weight()
    sines = embedding(torch.Size([1, T]))[None].double()
    rotate = modeling_roformer.RoFormerSelfAttention.apply_rotary_position_embeddings
    query, key = (x.expand(1, 1, T, d) for x in (q, k))
    at_every_place = torch.cat(rotate(sines, query, key))[:, 0]  # (2, T, d)
    [found] = in_node(
        "positions",
        "x.map((v) => Array.from({ length: 20 }, (_, t) => m.rope(v, t)))",
        [q.tolist(), k.tolist()],
    )
    assert_close(double(found), at_every_place, atol=1e-6, rtol=0)
    [scores] = in_node("positions", "m.ropeCosines(x[0], x[1], 20)", [q.tolist(), k.tolist()])
    expected = at_every_place[0] @ at_every_place[1].T / (q.norm() * k.norm())
    assert_close(double(scores), expected, atol=1e-6, rtol=0)
    for distance in range(-19, 20):
        line = double(scores).diagonal(distance)
        assert float(line.max() - line.min()) < 1e-12


def test_some_pairs_are_chosen_evenly() -> None:
    assert in_node("positions", "m.some(...x)", [3, 8], [16, 8], [64, 8]) == [
        [0, 1, 2],
        [0, 2, 4, 6, 9, 11, 13, 15],
        [0, 9, 18, 27, 36, 45, 54, 63],
    ]


def test_too_few_positions_are_refused() -> None:
    model = GPT2(GPT2Config(vocab_size=8, context=32, d_model=8, n_layers=1, n_heads=2))
    with pytest.raises(ValueError, match="the model has 32 positions"):
        live.positions(model, "small")
