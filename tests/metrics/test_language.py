"""Perplexity and bits per byte, counted right at window edges, document ends and padding."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from llm_nb.data.batches import consecutive_windows, token_stream
from llm_nb.metrics import (
    bits_per_byte,
    compressed_bits_per_byte,
    model_bits_per_byte,
    perplexity,
    total_bits,
)
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE


class Uniform(nn.Module):
    """Gives every id the same probability."""

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size, self.weight = vocab_size, nn.Parameter(torch.zeros(1))

    def forward(self, ids):
        return self.weight.expand(*ids.shape, self.vocab_size)


@pytest.mark.parametrize("context", [3, 8, 100])
def test_a_uniform_model_needs_log2_v_a_token_whatever_the_windows(context):
    ids = np.arange(50, dtype=np.int32) % 32
    bits = total_bits(Uniform(32), consecutive_windows(ids, context, 4))
    assert bits == pytest.approx(49 * 5)


def test_bits_per_byte_divides_by_the_text_not_by_its_tokens():
    documents = ["a naïve café, 北京", "second document"]
    tokenizer = ByteLevelBPE.train(documents, 280, [END_OF_TEXT])
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = token_stream(tokenizer.encode, documents, end)
    windows = list(consecutive_windows(ids, 5, 2))
    value = model_bits_per_byte(Uniform(tokenizer.vocab_size), windows, tokenizer.byte_lengths)
    n_bytes = sum(len(text.encode()) for text in documents)
    assert value == pytest.approx((len(ids) - 1) * math.log2(tokenizer.vocab_size) / n_bytes)


class Fixed(nn.Module):
    """The probabilities of ``table`` (V, V), row by present id."""

    def __init__(self, table):
        super().__init__()
        self.log_probs = nn.Parameter(torch.tensor(table).log())

    def forward(self, ids):
        return self.log_probs[ids]


@pytest.mark.parametrize("context", [1, 2, 3, 7])
def test_perplexity_by_hand_whatever_the_windows(context):
    model = Fixed([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.25, 0.5]])
    ids = np.array([0, 1, 1, 2, 0], dtype=np.int32)  # 1/4 · 1/8 · 3/4 · 1/4
    windows = list(consecutive_windows(ids, context, 2))
    expected = (1 / 4 * 1 / 8 * 3 / 4 * 1 / 4) ** (-1 / 4)
    assert perplexity(model, windows) == pytest.approx(expected, rel=1e-6)


def test_perplexity_weighs_targets_not_batches_and_leaves_padding_out():
    model = Fixed([[0.9, 0.1], [0.5, 0.5]])
    full = torch.zeros(1, 6, dtype=torch.long), torch.zeros(1, 6, dtype=torch.long)
    padded = torch.tensor([[0, 1, 0, 0]]), torch.tensor([[1, -100, -100, -100]])
    expected = (0.9**6 * 0.1) ** (-1 / 7)
    assert perplexity(model, [full, padded]) == pytest.approx(expected, rel=1e-6)
    assert perplexity(Uniform(32), [full, padded]) == pytest.approx(32)
    with pytest.raises(ValueError, match="no target counts"):
        perplexity(model, [])
    with pytest.raises(ValueError, match="no target counts"):
        perplexity(model, [(padded[0], torch.full((1, 4), -100))])


def test_perplexity_and_bits_per_byte_tell_the_same():
    ids = np.arange(50, dtype=np.int32) % 32
    windows = list(consecutive_windows(ids, 8, 4))
    value = model_bits_per_byte(Uniform(32), windows, [2] * 32)
    assert value == pytest.approx(math.log2(perplexity(Uniform(32), windows)) / 2)


def test_evaluation_leaves_mode_and_random_numbers_alone():
    model = nn.Sequential(nn.Embedding(8, 8), nn.Dropout(0.5)).train()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    windows = list(consecutive_windows(np.arange(8, dtype=np.int32), 4, 2))
    assert total_bits(model, windows) == total_bits(model, windows)
    assert model.training
    assert torch.equal(torch.rand(1), expected)


def test_compressors_and_bad_input():
    assert compressed_bits_per_byte("ab" * 1000, "xz") < 1
    assert compressed_bits_per_byte("ab" * 1000, "gzip") < 1
    text = "".join(map(chr, np.random.default_rng(0).integers(32, 127, 4000)))
    for method in ("gzip", "xz"):
        assert compressed_bits_per_byte(text, method) > 6  # nothing in it repeats
        assert compressed_bits_per_byte(text, method, after=text) < 0.2  # all of it is known
    with pytest.raises(ValueError, match="unknown compressor 'zip'"):
        compressed_bits_per_byte("a", "zip")
    with pytest.raises(ValueError, match="text is empty"):
        bits_per_byte(1.0, 0)
