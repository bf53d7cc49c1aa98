"""Windows of a text: who is paired with whom, how often, and the noise."""

import math

import numpy as np
import torch

from llm_nb.models import windows as reading
from llm_nb.models.windows import (
    Windows,
    checked_documents,
    cumulative_noise,
    keep_probabilities,
    read,
)


def some_windows(rng, V, B=3, L=5, window=2, M=4):
    inside = torch.from_numpy(rng.random((B, L, L + 2 * window)) < 0.5)
    inside[0, 0] = False  # a centre without pairs
    sizes = ((B, L), (B, L + 2 * window), (B, M))
    centres, contexts, negatives = (torch.from_numpy(rng.integers(0, V, s)) for s in sizes)
    return Windows(centres, contexts, inside, negatives)


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


def test_documents_are_left_as_they_were():
    documents = [np.arange(5), torch.arange(4), [1, 2, 3], []]
    assert [piece.tolist() for piece in checked_documents(documents, 9)] == [
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3],
        [1, 2, 3],
    ]
