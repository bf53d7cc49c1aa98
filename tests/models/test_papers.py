"""Parameter counts that papers print. (GPT-2's and BERT's stand beside those models' own tests.)

The Transformer, Vaswani et al. 2017, table 3, "params ×10⁶". Counted is every trained number
once: the one matrix that source, target and output share (V × C); of each attention four C × C
matrices with biases; of each feed-forward network two matrices with biases; of each layer norm
a gain and a bias. Sinusoids are no parameters. The two norms behind the stacks, which
nn.Transformer has and the paper has not, add 4 C.

Section 5.1 speaks of "about 37000" tokens, which makes 63.1 million of the base model, not the 65
of the table. All differences between the table's rows fit, and every one of its eight rows of
base training fits to the last printed digit at one vocabulary of 41,000: so the layers are
the paper's and its vocabulary was larger than it says. The big model's 213 fits at 36,000.
"""

import dataclasses
import functools

import pytest
import torch

from llm_nb.models.transformer import SIZES, Transformer, TransformerConfig

BASE, BIG = SIZES["base"], SIZES["big"]

# What the row changes in the base model, and the millions it prints.
ROWS = {
    "base": ({}, 65),
    "N = 2": ({"n_encoder_layers": 2, "n_decoder_layers": 2}, 36),
    "N = 4": ({"n_encoder_layers": 4, "n_decoder_layers": 4}, 50),
    "N = 8": ({"n_encoder_layers": 8, "n_decoder_layers": 8}, 80),
    "d_model = 256": ({"d_model": 256}, 28),
    "d_model = 1024": ({"d_model": 1024}, 168),
    "d_ff = 1024": ({"d_ff": 1024}, 53),
    "d_ff = 4096": ({"d_ff": 4096}, 90),
}


@functools.cache
def count(config: TransformerConfig, vocab_size: int = 37_000, **changes: int) -> int:
    """Trained numbers of the model, which is built without memory for its weights."""
    sizes = {"source_vocab_size": vocab_size, "target_vocab_size": vocab_size, **changes}
    with torch.device("meta"):
        return sum(
            p.numel() for p in Transformer(dataclasses.replace(config, **sizes)).parameters()
        )


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_transformers_table_at_one_vocabulary(row):
    changes, millions = ROWS[row]
    assert round(count(BASE, 41_000, **changes) / 1e6) == millions


@pytest.mark.parametrize("row", [row for row in ROWS if not row.startswith("d_model")])
def test_differences_to_the_base_row_whatever_the_vocabulary(row):
    changes, millions = ROWS[row]
    difference = (count(BASE, **changes) - count(BASE)) / 1e6
    assert abs(difference - (millions - 65)) <= 1.0  # both figures are rounded


def test_the_base_transformer_with_the_37000_tokens_of_the_text():
    attention, feed_forward, norm = 4 * (512 * 512 + 512), 2 * 512 * 2048 + 2048 + 512, 2 * 512
    encoder = 6 * (attention + feed_forward + 2 * norm)
    decoder = 6 * (2 * attention + feed_forward + 3 * norm)
    assert count(BASE) == 37_000 * 512 + encoder + decoder + 2 * norm == 63_084_544
    assert count(BASE) == pytest.approx(65e6, rel=0.03)


def test_the_big_transformer():
    assert count(BIG) == 214_249_472
    assert count(BIG) == pytest.approx(213e6, rel=0.006)
    assert round(count(BIG, 36_000) / 1e6) == 213


def test_matrices_that_are_not_tied_are_counted_too():
    assert count(dataclasses.replace(BASE, tied="target")) == count(BASE) + 37_000 * 512
    assert count(dataclasses.replace(BASE, tied="none")) == count(BASE) + 2 * 37_000 * 512
