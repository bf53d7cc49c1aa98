"""Many sources at once give what each gives alone, in the order asked."""

import pytest
import torch

from llm_nb.generation import beam_search
from llm_nb.generation.translating import translate
from llm_nb.models.seq2seq import Seq2Seq, Seq2SeqConfig
from llm_nb.models.transformer import Transformer, TransformerConfig

BEGIN, STOP = 1, 2
SOURCES = [[5, 6, 7, 3], [8], [9, 4, 4], [5, 6, 7, 8, 9, 3, 4], [7, 7]]


def models():
    torch.manual_seed(3)
    yield Transformer(TransformerConfig(11, 13, 30, 12, 20, 3, 1, 1, tied="none", dropout=0.5))
    yield Seq2Seq(Seq2SeqConfig(11, 13, 8, 8, 8))


@pytest.mark.parametrize("n_beams", [1, 3])
def test_together_equals_one_by_one(n_beams):
    for model in models():
        for weight in model.parameters():
            weight.data *= 2.0  # far from evenly spread: one way of rounding decides nothing
        settings = {"n_beams": n_beams, "longest": 9}
        together = translate(model, SOURCES, BEGIN, STOP, batch_size=2, **settings)
        for source, found in zip(SOURCES, together, strict=True):
            assert translate(model, [source], BEGIN, STOP, **settings) == [found]
            given, begin = model.given(torch.tensor([source])), torch.tensor([[BEGIN]])
            if n_beams > 1:
                ids = (
                    beam_search(given, begin, 9, n_beams=n_beams, stop=STOP).ids[0, 0, 1:].tolist()
                )
                assert (ids[: ids.index(STOP)] if STOP in ids else ids) == found
        assert len({tuple(ids) for ids in together}) > 1
        assert all(STOP not in ids for ids in together)
        assert model.training  # as it was


def test_the_length_is_bounded():
    model = next(models())
    model.target.weight.data[STOP] = 0.0
    assert max(map(len, translate(model, SOURCES, BEGIN, STOP, longest=4))) <= 4
    assert max(map(len, translate(model, SOURCES, BEGIN, STOP))) <= 24  # 2 · 7 + 10
    assert max(map(len, translate(model, [[5] * 29], BEGIN, STOP))) <= 29  # the context


def test_an_empty_source_is_one_clear_sentence():
    with pytest.raises(ValueError, match="a source is empty"):
        translate(next(models()), [[5], []], BEGIN, STOP)
