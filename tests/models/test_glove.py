"""GloVe: counting against a slow loop, the equation and AdaGrad, and what it recovers."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llm_nb.models import windows as reading
from llm_nb.models.glove import GloVe, GloVeConfig, cooccurrences, train


def as_dict(cells):
    return {(i, j): x for i, j, x in zip(*(c.tolist() for c in cells), strict=True)}


def randomised(model, rng):
    model.double()
    for table in model.parameters():
        table.data = torch.from_numpy(rng.normal(size=tuple(table.shape)))
    return model


def some_cells(rng, V, N):
    i, j = (torch.from_numpy(rng.integers(0, V, N)) for _ in range(2))
    return i, j, torch.from_numpy(rng.lognormal(2, 3, N))  # some over x_max


def test_counts_by_hand():
    a, b, c = 0, 1, 2
    expected = {(a, b): 1 + 1 / 2, (b, c): 1, (a, c): 1 / 2 + 1}  # the text a b c a
    expected |= {(j, i): x for (i, j), x in expected.items()}
    assert as_dict(cooccurrences([[a, b, c, a]], 3, window=2)) == expected
    assert as_dict(cooccurrences([[a, a, a]], 2, window=2)) == {(a, a): 2 * (1 + 1 + 1 / 2)}


@pytest.mark.parametrize("window", [1, 3, 50])
def test_counts_are_those_of_a_slow_loop(window, monkeypatch):
    rng = np.random.default_rng(window)
    documents = [rng.integers(0, 6, n).tolist() for n in (1, 2, 9, 30)]
    slow = Counter()
    for text in documents:
        for i, j in ((i, j) for i in range(len(text)) for j in range(len(text)) if i != j):
            if abs(i - j) <= window:
                slow[text[i], text[j]] += 1 / abs(i - j)
    cells = cooccurrences(documents, 6, window)
    fast = as_dict(cells)
    assert fast.keys() == slow.keys()
    assert all(fast[key] == pytest.approx(slow[key], rel=1e-6) for key in slow)
    assert list(fast) == sorted(fast)
    monkeypatch.setattr(reading, "PIECE", 9)
    assert as_dict(cooccurrences(documents[:3], 6, window)) == as_dict(
        cooccurrences([[0], *documents[1:3]], 6, window)
    )


def test_the_weighting_by_hand():
    model = GloVe(GloVeConfig(2))
    weights = model.weights(torch.tensor([1.0, 16.0, 100.0, 1e6]))
    np.testing.assert_allclose(weights, [100**-0.75, 0.16**0.75, 1, 1], rtol=1e-6)


def test_the_loss_is_equation_8():
    rng = np.random.default_rng(0)
    model = randomised(GloVe(GloVeConfig(4, dim=3)), rng)
    w, wt, b, bt = (t.detach().numpy() for t in (model.w, model.w_tilde, model.b, model.b_tilde))
    cells = [(0, 1, 5.0), (3, 3, 250.0)]
    by_hand = [
        min((x / 100) ** 0.75, 1) * (w[i] @ wt[j] + b[i, 0] + bt[j, 0] - math.log(x)) ** 2
        for i, j, x in cells
    ]
    i, j, x = (torch.tensor(column) for column in zip(*cells, strict=True))
    assert model.loss((i, j, x.double())).item() == pytest.approx(sum(by_hand) / 2, rel=1e-12)


def test_one_cell_at_a_time_is_torchs_adagrad():
    rng = np.random.default_rng(1)
    config = GloVeConfig(5, dim=3)
    ours, theirs = randomised(GloVe(config), rng), GloVe(config).double()
    theirs.load_state_dict(ours.state_dict())
    optimiser = torch.optim.Adagrad(
        theirs.parameters(), lr=0.05, initial_accumulator_value=1.0, eps=0
    )
    for i, j, x in zip(*some_cells(rng, 5, 60), strict=True):
        cell = (i[None], j[None], x[None])
        ours.step(cell, 0.05)
        optimiser.zero_grad()
        theirs.loss(cell).backward()
        optimiser.step()
    for name, table in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name), table, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_written_gradient_is_autograds(seed):
    """With recurring words, too: gradients add up, and so do the squares of each cell's own."""
    rng = np.random.default_rng(seed)
    V, N = int(rng.integers(2, 9)), int(rng.integers(1, 30))
    model = randomised(GloVe(GloVeConfig(V, dim=int(rng.integers(1, 6)))), rng)
    cells = some_cells(rng, V, N)
    names, tables = zip(*model.named_parameters(), strict=True)
    total = torch.autograd.grad(model.loss(cells) * N, tables)
    single = [
        torch.autograd.grad(model.loss(tuple(c[n : n + 1] for c in cells)), tables)
        for n in range(N)
    ]
    before = [table.detach().clone() for table in tables]
    model.step(cells, 0.1)
    for k, name in enumerate(names):
        squares = 1 + sum(gradients[k].square() for gradients in single)
        expected = before[k] - 0.1 * total[k] / squares.sqrt()
        torch.testing.assert_close(model.get_parameter(name).detach(), expected)
        torch.testing.assert_close(model.get_buffer(f"squares_of_{name}"), squares)


def test_planted_log_counts_are_recovered():
    rng = np.random.default_rng(0)
    V, d = 30, 4
    w, wt, b = rng.normal(0, 0.7, (V, d)), rng.normal(0, 0.7, (V, d)), rng.normal(1, 1, V)
    log_x = w @ wt.T + b[:, None] + b
    i, j = (torch.from_numpy(k.ravel()) for k in np.indices((V, V)))
    x = torch.from_numpy(np.exp(log_x)).float().ravel()
    held_out = torch.from_numpy(rng.random(V * V) < 0.1)
    torch.manual_seed(0)
    model = GloVe(GloVeConfig(V, dim=d))
    unseen = (i[held_out], j[held_out], x[held_out])
    start = model.loss(unseen).item()
    train(model, (i[~held_out], j[~held_out], x[~held_out]), epochs=400, lr=0.3, batch_size=64)
    assert model.loss(unseen).item() < 0.03 * start


def test_planted_classes_are_found():
    rng = np.random.default_rng(0)
    documents = [rng.choice(np.arange(c, 20, 4), 8) for c in rng.integers(0, 4, 400)]
    # A rare mixed sentence: a pair that never occurs is no cell and teaches nothing.
    documents += [rng.integers(0, 20, 8) for _ in range(60)]
    cells = cooccurrences(documents, 20)
    torch.manual_seed(0)
    model = GloVe(GloVeConfig(20, dim=8))
    start, told = model.loss(cells).item(), []
    train(model, cells, epochs=60, batch_size=32, after_epoch=told.append)
    assert told == list(range(1, 61))
    assert model.loss(cells).item() < 0.1 * start
    v = F.normalize(model.vectors, dim=1)
    nearest = (v @ v.T).fill_diagonal_(-1).topk(4, dim=1).indices
    assert bool((nearest % 4 == (torch.arange(20) % 4)[:, None]).all())
    torch.testing.assert_close(model.vectors, (model.w + model.w_tilde).detach())


def test_the_same_seed_gives_the_same_vectors():
    cells = cooccurrences([np.random.default_rng(0).integers(0, 9, 200)], 9)

    def trained(seed):
        torch.manual_seed(0)
        model = GloVe(GloVeConfig(9, dim=4))
        train(model, cells, epochs=2, batch_size=8, seed=seed)
        return model.vectors

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"vocab_size": 1}, "vocab_size is 1"), ({"dim": 0}, "dim is 0"), ({"x_max": 0.0}, "x_max is 0"),
     ({"alpha": float("nan")}, "alpha is nan")],
)  # fmt: skip
def test_impossible_sizes(setting, message):
    with pytest.raises(ValueError, match=message):
        GloVeConfig(**{"vocab_size": 10, **setting})


def test_impossible_texts():
    with pytest.raises(ValueError, match="no document has two words"):
        cooccurrences([[1]], 3)
    with pytest.raises(ValueError, match="id 3 is outside"):
        cooccurrences([[1, 3]], 3)
    with pytest.raises(ValueError, match="window is 0"):
        cooccurrences([[1, 2]], 3, window=0)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (([], [], []), "give as many of each"),
        (([0, 1], [1, 0], [1.0]), "2 rows, 2 columns, 1 counts"),
        (([0], [7], [1.0]), "id 7 is outside 0 … 4"),
        (([0, 1], [1, 0], [1.0, 0.0]), "a count is 0.0"),
        (([0, 1], [1, 0], [1.0, float("nan")]), "a count is nan"),
    ],
)
def test_impossible_cells(cells, message):
    i, j, x = cells
    with pytest.raises(ValueError, match=message):
        train(
            GloVe(GloVeConfig(5)),
            (torch.tensor(i).long(), torch.tensor(j).long(), torch.tensor(x)),
        )


@pytest.mark.parametrize("setting", [{"epochs": 0}, {"lr": 0.0}, {"batch_size": 0}])
def test_impossible_settings(setting):
    with pytest.raises(ValueError, match="give numbers over 0"):
        train(GloVe(GloVeConfig(5)), cooccurrences([[1, 2]], 5), **setting)


def test_vectors_that_are_not_finite_are_reported():
    model = GloVe(GloVeConfig(5))
    model.w.data[1, 0] = float("nan")
    with pytest.raises(ValueError, match=r"no longer finite: lower lr, now 0\.05"):
        train(model, cooccurrences([[1, 2]], 5))
