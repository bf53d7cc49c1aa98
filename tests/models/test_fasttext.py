"""fastText: n-grams, the hash with its signed bytes, the gradient, vectors of unseen words."""

import importlib
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.models.fasttext import FastText, FastTextConfig, fnv1a, ngrams
from llm_nb.models.windows import Windows, read
from llm_nb.models.word2vec import train

WORDS = ["her", "here", "where", "there", "naïve", "词向量", "a"]
SMALL = FastText(FastTextConfig(len(WORDS), dim=1, buckets=99), WORDS)


def some_windows(rng, V, B=2, L=4, window=2, M=3):
    C = L + 2 * window
    inside = torch.from_numpy(rng.random((B, L, C)) < 0.5)
    sizes = ((B, L), (B, C), (B, M))
    centres, contexts, negatives = (torch.from_numpy(rng.integers(0, V, s)) for s in sizes)
    return Windows(centres, contexts, inside, negatives)


def test_the_papers_example():
    assert ngrams("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>"]
    assert "<her>" in ngrams("her")
    assert "her" in ngrams("where")
    assert ngrams("a") == ["<a>"]
    assert ngrams("ab", 1, 2) == ["a", "b", "<a", "ab", "b>"]


def test_the_hash_by_hand():
    assert fnv1a("") == 2166136261
    assert fnv1a("a") == (2166136261 ^ 97) * 16777619 % 2**32 == 0xE40C292C  # standard in ASCII
    value = 2166136261
    for byte in "é".encode():  # two bytes, both over 127: minus 61 and minus 87 as signed ones
        value = (value ^ ((byte - 256) % 2**32)) * 16777619 % 2**32
    assert fnv1a("é") == value


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_hashes_and_ngrams_are_gensims(word):
    inner = pytest.importorskip("gensim.models.fasttext_inner")
    assert fnv1a(word) == inner.ft_hash_bytes(word.encode())
    assert ngrams(word) == inner.compute_ngrams(word, 3, 6)
    rows = [row - len(WORDS) for row in SMALL.bucket_rows(word)]
    theirs = importlib.import_module("gensim.models.fasttext").ft_ngram_hashes(word, 3, 6, 99)
    assert sorted(rows) == sorted(theirs)


@pytest.mark.parametrize("seed", range(20))
def test_the_written_gradient_is_autograds(seed):
    rng = np.random.default_rng(seed)
    # So few buckets that words share them, and even that a word has one of them twice.
    config = FastTextConfig(len(WORDS), dim=5, negatives=3, buckets=int(rng.integers(1, 30)))
    model = FastText(config, WORDS).double()
    for table in model.parameters():
        table.data = torch.from_numpy(rng.normal(size=tuple(table.shape)))
    windows = some_windows(rng, len(WORDS))
    batch = windows.pairs()
    gradients = torch.autograd.grad(model.loss(batch) * len(batch[0]), [model.z, model.u])
    before = [table.detach().clone() for table in (model.z, model.u)]
    model.step(windows, 1e-3)
    for old, new, gradient in zip(before, (model.z, model.u), gradients, strict=True):
        torch.testing.assert_close((old - new.detach()) / 1e-3, gradient, rtol=1e-6, atol=1e-6)


def test_a_word_is_the_mean_of_its_rows():
    model = FastText(FastTextConfig(len(WORDS), dim=4, buckets=500), WORDS)
    rows = [1, *(len(WORDS) + fnv1a(g) % 500 for g in ngrams("here"))]
    torch.testing.assert_close(model.word_vectors(torch.tensor([1, 1]))[1], model.z[rows].mean(0))
    unseen = model.z[rows[1:]].mean(0)  # without the row of its own
    torch.testing.assert_close(model.unseen_vector("here"), unseen)
    scores = model(torch.tensor([1]), torch.tensor([[2, 3]]))
    torch.testing.assert_close(scores, (model.z[rows].mean(0) @ model.u[2:4].T)[None].detach())


def test_an_unseen_word_is_near_its_kin():
    """Stems of one class share contexts; a form that was left out is near its own stem."""
    stems, endings = ["warmth", "bright", "copper", "violin"], ["", "s", "ed", "ing", "er"]
    words = [stem + ending for stem in stems for ending in endings]
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 5, 8) + 5 * c for c in rng.integers(0, 4, 1500)]
    torch.manual_seed(0)
    config = FastTextConfig(20, dim=16, window=4, subsample=0, buckets=2000)
    model = FastText(config, words)
    batch = next(read(documents[:60], 20, window=4, subsample=0, seed=1))[1].pairs()
    assert model.loss(batch).item() == pytest.approx(6 * math.log(2), abs=0.01)
    train(model, documents, epochs=3, lr=0.2)
    assert model.loss(batch).item() < -math.log(1 / 6) - 5 * math.log(5 / 6) - 0.2
    known = F.normalize(model.word_vectors(torch.arange(20)).detach(), dim=1)
    for i, stem in enumerate(stems):
        unseen = F.normalize(model.unseen_vector(stem + "able").detach(), dim=0)
        nearest = (known @ unseen).topk(3).indices
        assert bool((nearest // 5 == i).all()), stem


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"dim": 0}, "dim is 0"),
        ({"min_n": 4, "max_n": 3}, "n-grams from 4 to 3"),
        ({"min_n": 0}, "n-grams from 0 to 6"),
        ({"buckets": 0}, "buckets is 0"),
    ],
)
def test_impossible_sizes(setting, message):
    with pytest.raises(ValueError, match=message):
        FastTextConfig(10, **setting)


@pytest.mark.parametrize("words", [["a"], ["a", "a"], ["a", ""]])
def test_words_must_be_those_of_the_vocabulary(words):
    with pytest.raises(ValueError, match="give each id its own word"):
        FastText(FastTextConfig(2, buckets=10), words)


def test_a_word_without_ngrams():
    model = FastText(FastTextConfig(2, min_n=5, buckets=10), ["ab", "abcd"])
    assert model.word_vectors(torch.tensor([0])).shape == (1, 100)  # its own row is left
    with pytest.raises(ValueError, match="'xy' has no n-gram of 5 letters"):
        model.unseen_vector("xy")
