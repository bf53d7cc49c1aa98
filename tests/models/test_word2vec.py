"""Skip-gram and CBOW: the equation, its gradient, the windows, and what they learn."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llm_nb.data.corpora import language_reference
from llm_nb.models.windows import Windows, read
from llm_nb.models.word2vec import CBOW, MAX_SUMMED_RATE, SkipGram, Word2VecConfig, train

CLASSES = 4


def planted(n_words=20, n_sentences=1500, seed=0):
    """Word w is of class w % 4; a sentence holds words of one class, so these share contexts."""
    rng = np.random.default_rng(seed)
    return [rng.choice(np.arange(c, n_words, CLASSES), 8) for c in rng.integers(0, 4, n_sentences)]


def some_windows(rng, V, B=3, L=5, window=2, M=4):
    """Blocks with every kind of trouble: recurring words, noise that equals a true context."""
    C = L + 2 * window
    inside = torch.from_numpy(rng.random((B, L, C)) < rng.choice([0.1, 0.5, 1.0]))
    inside[torch.from_numpy(rng.random((B, L)) < 0.2)] = False  # a centre without pairs

    def ids(*size):
        return torch.from_numpy(rng.integers(0, V, size))

    return Windows(ids(B, L), ids(B, C), inside, ids(B, M))


def randomised(model, rng):
    for table in model.parameters():
        table.data = torch.from_numpy(rng.normal(size=tuple(table.shape)))
    return model


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
@pytest.mark.parametrize("seed", range(40))
def test_the_written_gradient_is_autograds(kind, seed):
    rng = np.random.default_rng(seed)
    V, K = int(rng.integers(2, 12)), int(rng.integers(1, 7))
    config = Word2VecConfig(V, dim=int(rng.integers(1, 9)), negatives=K)
    model = randomised(kind(config), rng)
    windows = some_windows(rng, V, M=int(rng.integers(1, 6)))
    batch = windows.pairs() if kind is SkipGram else windows.bags()
    if not len(batch[0]):
        windows.inside[0, 0, 1] = True
        batch = windows.pairs() if kind is SkipGram else windows.bags()
    gradients = torch.autograd.grad(model.loss(batch) * len(batch[0]), [model.v, model.u])
    before = [table.detach().clone() for table in (model.v, model.u)]
    lr = 1e-3  # so small that nothing is scaled down
    model.step(windows, lr)
    for old, new, gradient in zip(before, (model.v, model.u), gradients, strict=True):
        torch.testing.assert_close((old - new.detach()) / lr, gradient, rtol=1e-6, atol=1e-6)


def test_the_loss_is_equation_4():
    rng = np.random.default_rng(0)
    model = randomised(SkipGram(Word2VecConfig(5, dim=3, negatives=2)), rng)
    v, u = model.v.detach().numpy(), model.u.detach().numpy()

    def log_sigmoid(x):
        return -math.log1p(math.exp(-x))

    first = log_sigmoid(u[1] @ v[0]) + log_sigmoid(-u[3] @ v[0]) + log_sigmoid(-u[4] @ v[0])
    second = log_sigmoid(u[2] @ v[0]) + log_sigmoid(-u[2] @ v[0]) + log_sigmoid(-u[0] @ v[0])
    batch = (torch.tensor([0, 0]), torch.tensor([1, 2]), torch.tensor([[3, 4], [2, 0]]))
    assert model.loss(batch).item() == pytest.approx(-(first + second) / 2, rel=1e-12)


def test_cbow_is_the_mean_of_its_window():
    model = randomised(CBOW(Word2VecConfig(6, dim=3)), np.random.default_rng(1))
    scores = model(torch.tensor([[1, 2, -1], [5, -1, -1]]), torch.tensor([0, 3]))
    expected = [(model.v[1] + model.v[2]) / 2 @ model.u[0], model.v[5] @ model.u[3]]
    torch.testing.assert_close(scores, torch.stack(expected))


def test_a_word_that_recurs_often_in_a_step_is_held_back():
    model = randomised(SkipGram(Word2VecConfig(3, dim=4, negatives=1)), np.random.default_rng(0))
    size, reach = 50, 52
    inside = torch.zeros(1, size, reach, dtype=torch.bool)
    inside[0, torch.arange(size), torch.arange(size) + 2] = True  # one pair a centre
    zeros = torch.zeros(1, size, dtype=torch.long)
    windows = Windows(zeros, torch.ones(1, reach, dtype=torch.long), inside, zeros[:, :1] + 2)
    [gradient] = torch.autograd.grad(model.loss(windows.pairs()) * size, [model.v])
    before = model.v.detach().clone()
    model.step(windows, 1.0)  # word 0 would move by 50 pairs × 2 terms at once
    torch.testing.assert_close(before - model.v, gradient * MAX_SUMMED_RATE / (2 * size))


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_planted_classes_are_found(kind):
    documents = planted()
    config = Word2VecConfig(20, dim=16, window=4, subsample=0)
    torch.manual_seed(0)
    model = kind(config)
    held_out = next(read(planted(n_sentences=60, seed=1), 20, window=4, subsample=0, seed=1))[1]
    batch = held_out.pairs() if kind is SkipGram else held_out.bags()
    start = model.loss(batch).item()
    assert start == pytest.approx(6 * math.log(2), abs=0.01)  # six coin tosses
    train(model, documents, epochs=5, seed=0)
    # Without learning who stands near whom, the best score is one number for pairs and noise
    # alike: σ = 1/6, for one pair comes with five negatives.
    blind = -math.log(1 / 6) - 5 * math.log(5 / 6)
    assert model.loss(batch).item() < blind - 0.2 < start
    v = F.normalize(model.v.detach(), dim=1)
    nearest = (v @ v.T).fill_diagonal_(-1).topk(4, dim=1).indices  # a class has five words
    assert bool((nearest % CLASSES == (torch.arange(20) % CLASSES)[:, None]).all())


def test_real_text_beats_not_learning():
    corpus = language_reference()
    words = [re.findall(r"[a-z]+", text.lower()) for text in corpus.train]
    names = sorted({w for document in words for w in document})
    ids = {w: i for i, w in enumerate(names)}
    documents = [[ids[w] for w in d] for d in words if len(d) > 1]
    held_out = [
        [ids[w] for w in re.findall(r"[a-z]+", text.lower()) if w in ids]
        for text in corpus.validation
    ]
    counts = torch.bincount(torch.tensor([i for d in documents for i in d])).double()
    torch.manual_seed(0)
    model = SkipGram(Word2VecConfig(len(names), dim=50, subsample=0))
    train(model, documents, epochs=8, lr=0.05)
    pieces = [windows for _, windows in read(held_out, len(names), subsample=0)]
    generator = torch.Generator().manual_seed(5)  # noise of the training text, held fixed
    ours = blind = n = 0.0
    log_count, log_noise = counts.log(), counts.pow(0.75).log()
    log_count, log_noise = log_count - counts.sum().log(), log_noise - counts.pow(0.75).sum().log()
    offset = (log_count - log_noise - math.log(5)).float()  # the best score that sees no centre
    for piece in pieces:
        centres, contexts, _ = piece.pairs()
        noise = torch.multinomial(
            counts.pow(0.75), 5 * len(centres), replacement=True, generator=generator
        ).view(-1, 5)
        ours += float(model.loss((centres, contexts, noise)).detach()) * len(centres)
        blind += -float(F.logsigmoid(offset[contexts]).sum() + F.logsigmoid(-offset[noise]).sum())
        n += len(centres)
    assert ours / n < blind / n - 0.1
    assert blind / n < 6 * math.log(2)


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_the_same_seed_gives_the_same_vectors(kind):
    documents = planted(n_sentences=200)

    def trained(seed):
        torch.manual_seed(3)
        model = kind(Word2VecConfig(20, dim=8))
        train(model, documents, epochs=2, seed=seed)
        return model.v.detach()

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


@pytest.mark.parametrize("V", [2, 3, 20])
@pytest.mark.parametrize("lr", [0.025, 0.5])
def test_small_vocabularies_and_high_rates_stay_stable(V, lr):
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, V + 1)
    documents = [rng.choice(V, 100, p=weights / weights.sum()) for _ in range(60)]
    for kind in (SkipGram, CBOW):
        model = kind(Word2VecConfig(V, subsample=0))
        train(model, documents, epochs=5, lr=lr)
        assert float(model.v.detach().abs().max()) < 3


def test_progress_is_told_and_the_rate_falls(monkeypatch):
    rates, shares = [], []
    monkeypatch.setattr(SkipGram, "step", lambda self, windows, lr: rates.append(lr))
    model = SkipGram(Word2VecConfig(20, subsample=0))
    train(model, planted(), epochs=2, lr=0.1, min_lr=0.01, after_step=shares.append)
    assert rates[0] == 0.1
    assert rates == sorted(rates, reverse=True)
    assert min(rates) == 0.01
    np.testing.assert_allclose(rates, np.maximum(0.01, 0.1 * (1 - np.array(shares))))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"vocab_size": 1}, "vocab_size is 1"),
        ({"dim": 0}, "dim is 0"),
        ({"window": 0}, "window is 0"),
        ({"negatives": 0}, "negatives is 0"),
        ({"subsample": -1.0}, "subsample is -1.0"),
        ({"subsample": float("nan")}, "subsample is nan"),
    ],
)
def test_impossible_sizes(setting, message):
    with pytest.raises(ValueError, match=message):
        Word2VecConfig(**{"vocab_size": 10, **setting})


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "no document has two words"),
        ([[], [1]], "no document has two words"),
        ([[1, 20]], "id 20 is outside 0 … 19"),
        ([[1, -1]], "id -1 is outside"),
        ([[4, 4, 4]], "a single word makes up the whole corpus"),
        ([[0.5, 1.0]], "not a flat sequence of whole numbers"),
        ([[[1, 2], [3, 4]]], "not a flat sequence"),
    ],
)
def test_impossible_texts(documents, message):
    with pytest.raises(ValueError, match=message):
        train(SkipGram(Word2VecConfig(20)), documents)


@pytest.mark.parametrize(
    "setting", [{"epochs": 0}, {"lr": 0.0}, {"lr": float("nan")}, {"lr": 0.01, "min_lr": 0.1}]
)
def test_impossible_rates(setting):
    with pytest.raises(ValueError, match="give one epoch or more"):
        train(SkipGram(Word2VecConfig(20)), planted(), **setting)


def test_vectors_that_are_not_finite_are_reported():
    model = SkipGram(Word2VecConfig(20))
    model.v.data[3, 0] = float("nan")
    with pytest.raises(ValueError, match=r"not finite: lower lr, now 0\.025"):
        train(model, planted(n_sentences=20), epochs=1)
