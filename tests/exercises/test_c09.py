"""The numbers of chapter 9's paper exercises, against models and losses, for every class."""

from itertools import product
from math import exp

import pytest
import torch
import torch.nn.functional as F

from llm_nb.exercises.c09_transformer import CHOICES, Parameters
from llm_nb.models.attention import MultiHeadAttention
from llm_nb.models.transformer import DecoderLayer, EncoderLayer, Transformer, TransformerConfig


def size(module: torch.nn.Module) -> int:
    return sum(w.numel() for w in module.parameters())


@pytest.mark.parametrize("d_model", CHOICES["d_model"])
def test_counting_a_transformer(d_model: int) -> None:
    sizes = product(*(CHOICES[n] for n in ("d_ff", "n_layers", "vocab_size")))
    for d_ff, n_layers, vocab in list(sizes)[:: 5 if d_model == 256 else 13]:
        p = Parameters(d_model=d_model, d_ff=d_ff, n_layers=n_layers, vocab_size=vocab)
        config = TransformerConfig(vocab, vocab, 8, d_model, d_ff, 4, n_layers, n_layers)
        with torch.device("meta"):
            encoder, decoder = EncoderLayer(config), DecoderLayer(config)
            whole = Transformer(config)
        assert (p.n_attention, p.n_ff) == (size(encoder.attn), size(encoder.ff))
        assert (p.n_encoder_layer, p.n_decoder_layer) == (size(encoder), size(decoder))
        assert (p.n_table, p.n_whole) == (size(whole.target), size(whole))
        parts = [part for part in whole.modules() if isinstance(part, MultiHeadAttention)]
        attention = sum(map(size, parts))
        assert p.attention_percent == pytest.approx(100 * attention / size(whole))


def test_where_scores_cost_what_matrices_cost() -> None:
    for C, d_ff in product(CHOICES["d_model"], CHOICES["d_ff"]):
        p = Parameters(d_model=C, d_ff=d_ff)
        S = p.even_length
        assert 2 * S * (4 * C * C + 2 * C * d_ff) == 4 * S * S * C
        assert S / 20 > 20  # "nearly all the work is in the matrices"


def test_a_label_that_is_not_sure() -> None:
    for V, doubt, sure in product(*(CHOICES[n] for n in ("n_words", "doubt", "sure"))):
        p = Parameters(n_words=V, doubt=doubt, sure=sure)
        label = torch.tensor([0])

        def loss(right: float, smoothing: float, V: int = V, label=label) -> float:
            others = torch.full((V,), (1 - right) / (V - 1), dtype=torch.float64)
            others[0] = right
            return F.cross_entropy(others.log()[None], label, label_smoothing=smoothing).item()

        assert p.q_right + (V - 1) * p.q_other == pytest.approx(1)
        assert p.lowest == pytest.approx(loss(p.q_right, doubt))
        assert exp(p.gap) == pytest.approx(p.q_right / p.q_other)
        assert p.exp_lowest == pytest.approx(exp(p.lowest))
        assert p.sure_loss == pytest.approx(loss(sure, doubt))
        assert p.sure_plain == pytest.approx(loss(sure, 0.0))
        assert p.sure_loss > p.lowest  # "which is more than the minimum"
        assert loss(p.q_right, 0.0) > p.sure_plain  # "which is more"
