"""Bits per byte, counted right at window edges and document ends."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from llm_nb.data.batches import consecutive_windows, token_stream
from llm_nb.metrics import bits_per_byte, compressed_bits_per_byte, model_bits_per_byte, total_bits
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
    with pytest.raises(ValueError, match="unknown compressor 'zip'"):
        compressed_bits_per_byte("a", "zip")
    with pytest.raises(ValueError, match="text is empty"):
        bits_per_byte(1.0, 0)
