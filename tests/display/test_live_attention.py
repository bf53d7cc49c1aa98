"""The live attention figure computes what torch and the model compute."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from llm_nb.data.microworld.batches import word_vocabulary
from llm_nb.display import live
from llm_nb.display.live.attention import LIMIT, attention_data, first_layer_weights
from llm_nb.models.attention import attention, attention_weights, causal_mask
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.shipped import microworld_model
from tests.display.node import in_node

SENTENCE = "Lucy had a golden bucket. Kevin found the bucket."


def test_random_queries_keys_and_values() -> None:
    torch.manual_seed(0)
    cases, expected = [], []
    for T, d, name in ((1, 3, "causal"), (5, 4, "causal"), (7, 16, "window"), (6, 2, "none")):
        q, k, v = torch.randn(3, 1, 1, T, d, dtype=torch.float64)
        mask = torch.ones(T, T, dtype=torch.bool) if name == "none" else causal_mask(T, T)
        if name == "window":
            mask = mask.triu(-2)
        cases.append(
            {"q": q[0, 0].tolist(), "k": k[0, 0].tolist(), "v": v[0, 0].tolist(), "mask": name}
        )
        expected.append((attention_weights(q, k, mask)[0, 0], attention(q, k, v, mask)[0, 0]))
    found = in_node("attention", "m.attend(x.q, x.k, x.v, m.MASKS[x.mask])", *cases)
    for case, (weights, outputs) in zip(found, expected, strict=True):
        assert_close(
            torch.tensor(case["weights"], dtype=torch.float64), weights, atol=1e-12, rtol=0
        )
        assert_close(
            torch.tensor(case["outputs"], dtype=torch.float64), outputs, atol=1e-12, rtol=0
        )


def test_temperature_divides_the_scores() -> None:
    torch.manual_seed(1)
    q, k = torch.randn(2, 6, 4, dtype=torch.float64)
    case = {"q": q.tolist(), "k": k.tolist(), "v": k.tolist()}
    for temperature in (0.1, 0.7, 4.0):
        [found] = in_node("attention", f"m.attend(x.q, x.k, x.v, () => true, {temperature})", case)
        expected = (q @ k.T / 2 / temperature).softmax(-1)
        assert_close(
            torch.tensor(found["weights"], dtype=torch.float64), expected, atol=1e-12, rtol=0
        )


def test_the_figure_shows_the_models_own_weights() -> None:
    """Every head of the trained model, through the packed numbers: to 1e-3, what packing costs."""
    model, words = microworld_model("gpt2"), word_vocabulary().tokens
    data = attention_data(model, words, SENTENCE)
    expression = """((layer, pieces) => layer.heads.map((head) =>
      m.attend(...head.map((part) => m.project(m.inputs(pieces, layer), part)), m.MASKS.causal).weights
    ))(m.layerOf(x), m.cut(x.sentence, x.limit))"""
    [found] = in_node("attention", expression, data)
    ids = torch.tensor([words.index(w) for w in SENTENCE.replace(".", " .").split()])
    expected = first_layer_weights(model, ids)
    assert_close(torch.tensor(found), expected.detach(), atol=1e-3, rtol=0)
    assert len(ids) <= LIMIT


def test_dropout_is_off_for_the_picture() -> None:
    torch.manual_seed(0)
    model = GPT2(GPT2Config(9, 16, 8, 2, 2, dropout=0.5)).train()
    ids = torch.arange(5)
    weights = first_layer_weights(model, ids)
    assert model.training
    assert_close(weights, model.eval().attention_maps(ids[None])[0, 0].detach())


def test_words_it_does_not_know() -> None:
    """The same word has the same vector wherever it stands; Chinese and marks are cut as well."""
    cut = in_node("attention", "m.cut(x, 5)", "don't stop", "你好, 世界", "a b c d e f", "")
    assert cut == [["don", "'", "t", "stop"], ["你好", ",", "世界"], list("abcde"), []]
    with pytest.raises(ValueError, match="does not know 'elephant'"):
        live.attention(microworld_model("gpt2"), word_vocabulary().tokens, "the elephant")


def test_names_beside_the_cells_are_cut() -> None:
    names = ["twelve signs", "thirteen sign", "语言模型预测下一个词元吗呢"]
    assert in_node("heatmap", "m.shortened(x)", *names) == [
        "twelve signs",
        "thirteen si…",
        "语言模型预测下一个词元…",
    ]
