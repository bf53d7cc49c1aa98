"""Skip-gram and CBOW: the equation, its gradient, the windows, and what they learn."""

import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llm_nb.data.corpora import language_reference
from llm_nb.models import windows as reading
from llm_nb.models.windows import (
    Windows,
    checked_documents,
    cumulative_noise,
    keep_probabilities,
    read,
)
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


def test_windows_are_those_of_a_slow_loop():
    """Over many draws: who is paired with whom, and how often, by the definition."""
    documents = [list(range(0, 7)), list(range(7, 40))]
    counts = torch.ones(40)
    pairs, draws = torch.zeros(40, 40), 600
    text, document = torch.arange(40), torch.tensor([0] * 7 + [1] * 33)
    generator = torch.Generator().manual_seed(0)
    for _ in range(draws):
        windows = reading.cut(text, document, 3, cumulative_noise(counts), generator)
        centres, contexts, negatives = windows.pairs()
        assert negatives.shape == (len(centres), reading.POOL)
        found = torch.zeros(40, 40)
        found.index_put_((centres, contexts), torch.ones(len(centres)), accumulate=True)
        assert found.max() == 1
        pairs += found
    for i in range(40):
        for j in range(40):
            same = any(i in d and j in d for d in documents)
            # At distance k, a pair needs a reach of k or more out of 1, 2, 3.
            chance = (4 - abs(i - j)) / 3 if same and 1 <= abs(i - j) <= 3 else 0
            sigma = math.sqrt(chance * (1 - chance) / draws)
            assert abs(pairs[i, j] / draws - chance) <= 5 * sigma + 1e-6


def test_bags_hold_the_same_pairs():
    windows = some_windows(np.random.default_rng(3), 9)
    contexts, centres, _ = windows.bags()
    row, column = (contexts >= 0).nonzero(as_tuple=True)
    bags = sorted(zip(centres[row].tolist(), contexts[row, column].tolist(), strict=True))
    pairs = sorted(zip(*(ids.tolist() for ids in windows.pairs()[:2]), strict=True))
    assert bags == pairs


def test_an_epoch_reads_every_word_once():
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 30, n) for n in (2, 3, 500, 16, 31)]
    seen, shares = torch.zeros(30), []
    for share, windows in read(documents, 30, window=1, subsample=0):
        block, centre = windows.inside.any(2).nonzero(as_tuple=True)
        seen += torch.bincount(windows.centres[block, centre], minlength=30)
        shares.append(share)
    assert seen.tolist() == np.bincount(np.concatenate(documents), minlength=30).tolist()
    assert shares == sorted(shares)
    assert 0 == shares[0] <= shares[-1] < 1


def test_long_documents_and_many_chunks(monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 100)
    monkeypatch.setattr(reading, "PIECE", 40)
    documents = [np.arange(90) % 7, np.arange(50) % 7, np.arange(81) % 7]
    n = sum(
        int(w.inside.any(2).sum()) for _, w in read(documents, 7, window=2, subsample=0, epochs=3)
    )
    assert n == 3 * (90 + 50 + 80)  # 81 = 40 + 40 + 1, and a single word has no pair


def test_frequent_words_are_thinned_out():
    counts = torch.tensor([900, 99, 1, 0])
    keep = keep_probabilities(counts, 0.01)
    f = np.array([0.9, 0.099, 0.001])
    expected = np.minimum(np.sqrt(0.01 / f) + 0.01 / f, 1)
    np.testing.assert_allclose(keep[:3], expected, rtol=1e-12)
    assert keep[3] == 1
    assert keep_probabilities(counts, 0).tolist() == [1, 1, 1, 1]
    text = np.random.default_rng(0).choice(3, 40_000, p=[0.9, 0.099, 0.001])
    kept = torch.zeros(3)
    for _, windows in read([text], 3, window=1, subsample=0.01):
        block, centre = windows.inside.any(2).nonzero(as_tuple=True)
        kept += torch.bincount(windows.centres[block, centre], minlength=3)
    counts = torch.from_numpy(np.bincount(text))
    expected = keep_probabilities(counts, 0.01)
    np.testing.assert_allclose(kept[:2] / counts[:2], expected[:2], atol=0.02)


def test_noise_is_counts_to_three_quarters():
    counts = torch.tensor([16, 0, 81, 1])
    noise = cumulative_noise(counts)
    np.testing.assert_allclose(noise, np.cumsum([8, 0, 27, 1]) / 36)
    generator = torch.Generator().manual_seed(0)
    text = torch.zeros(64_000, dtype=torch.long)
    drawn = reading.cut(text, text, 1, noise, generator).negatives.flatten()
    share = torch.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(share, np.array([8, 0, 27, 1]) / 36, atol=0.01)
    assert share[1] == 0


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_planted_classes_are_found(kind):
    documents = planted()
    config = Word2VecConfig(20, dim=16, window=4, subsample=0)
    torch.manual_seed(0)
    model = kind(config)
    held_out = next(read(planted(n_sentences=60, seed=1), 20, window=4, subsample=0, seed=1))[1]
    batch = held_out.pairs() if kind is SkipGram else held_out.bags()
    start = float(model.loss(batch))
    assert start == pytest.approx(6 * math.log(2), abs=0.01)  # six coin tosses
    train(model, documents, epochs=5, seed=0)
    # Without learning who stands near whom, the best score is one number for pairs and noise
    # alike: σ = 1/6, for one pair comes with five negatives.
    blind = -math.log(1 / 6) - 5 * math.log(5 / 6)
    assert float(model.loss(batch)) < blind - 0.2 < start
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
        ([[1, 20]], "id 20 is outside the vocabulary of 20"),
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


def test_documents_are_left_as_they_were():
    documents = [np.arange(5), torch.arange(4), [1, 2, 3], []]
    assert [piece.tolist() for piece in checked_documents(documents, 9)] == [
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3],
        [1, 2, 3],
    ]
