"""GPT-2 in JavaScript computes what torch computes: each kernel, then the whole model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from llm_nb.data.batches import consecutive_windows, token_stream
from llm_nb.data.corpora import standard_library
from llm_nb.metrics import model_bits_per_byte
from llm_nb.models.attention import attention_weights
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import from_pretrained
from llm_nb.models.web import rounded, web_model
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE
from tests.display.node import in_node

KERNEL = {"atol": 1e-5, "rtol": 1e-5}
Shown = Callable[[str, object], None]
READ = """((model) => x.texts.map((ids) => {
  const text = m.reading(model);
  return ids.map((id) => { text.feed(id); return Array.from(text.logits()); });
}))(m.readModel(x.file))"""


def typed(values: str) -> str:
    return f"Float32Array.from({values})"


def test_layer_norm() -> None:
    torch.manual_seed(0)
    for n in (1, 7, 192):
        x, gain, bias = 3 * torch.randn(3, n) + 1
        source = f"""(out => {{ m.layerNorm(out, {typed("x[0]")}, x[1], x[2], 1e-5); return out; }})
          (new Float32Array({n}))"""
        [found] = in_node("gpt2", source, torch.stack([x, gain, bias]).tolist())
        assert_close(torch.tensor(found), F.layer_norm(x, (n,), gain, bias), **KERNEL)


def test_gelu_is_the_one_by_tanh() -> None:
    x = torch.cat([torch.linspace(-8, 8, 400), torch.tensor([0.0, 60.0, -60.0])])
    [found] = in_node("gpt2", f"(v => {{ m.gelu(v); return v; }})({typed('x')})", x.tolist())
    assert_close(torch.tensor(found), F.gelu(x, approximate="tanh"), **KERNEL)


def test_softmax() -> None:
    torch.manual_seed(1)
    cases = [torch.randn(50) * s for s in (0.1, 5.0, 100.0)] + [torch.tensor([1e4, 1e4])]
    found = in_node(
        "gpt2", f"(v => {{ m.softmax(v); return v; }})({typed('x')})", *[c.tolist() for c in cases]
    )
    for case, probs in zip(cases, found, strict=True):
        assert_close(torch.tensor(probs), case.softmax(-1), **KERNEL)


@pytest.mark.parametrize("n", [1, 3, 4, 6, 192])
def test_linear_with_and_without_a_bias(n: int) -> None:
    """Widths that four does not divide too."""
    torch.manual_seed(n)
    x, W, b = torch.randn(n), torch.randn(5, n), torch.randn(5)
    source = f"(out => {{ m.linear(out, {typed('x.x')}, {typed('x.W')}, x.b); return out; }})(new Float32Array(5))"
    case = {"x": x.tolist(), "W": W.flatten().tolist()}
    found = in_node("gpt2", source, case | {"b": b.tolist()}, case | {"b": None})
    assert_close(torch.tensor(found), torch.stack([F.linear(x, W, b), F.linear(x, W)]), **KERNEL)


def test_a_row_of_attention() -> None:
    torch.manual_seed(2)
    T, H, d = 6, 3, 4
    q, k = torch.randn(2, T, H * d)
    parts = [t.view(T, H, d).transpose(0, 1)[None] for t in (q, k)]
    wanted = attention_weights(parts[0], parts[1], causal=True)[0]
    source = """[0, 1, 2].map((h) => [...Array(6).keys()].map((t) => {
      const out = new Float32Array(6);
      m.attentionRow(out, x.q, x.k, t, 12, 4 * h, 4);
      return Array.from(out);
    }))"""
    case = {"q": q.flatten().tolist(), "k": k.flatten().tolist()}
    [found] = in_node("gpt2", source, case)
    assert_close(torch.tensor(found), wanted, **KERNEL)


@pytest.fixture(scope="module")
def shipped() -> tuple[GPT2, ByteLevelBPE]:
    return from_pretrained(GPT2, SHIPPED), ByteLevelBPE.load(SHIPPED / "tokenizer.json")


def random_texts(vocab_size: int, lengths: tuple[int, ...]) -> list[list[int]]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(vocab_size, (n,), generator=generator).tolist() for n in lengths]


def test_logits_of_odd_sizes() -> None:
    """A width that four does not divide, one head, one layer, one position."""
    for sizes in ((6, 1, 1, 9), (10, 2, 5, 4), (12, 3, 2, 1)):
        C, L, H, T = sizes
        torch.manual_seed(C)
        tokenizer = ByteLevelBPE.train(["low lower lowest"], 259)
        model = GPT2(GPT2Config(tokenizer.vocab_size, T, C, L, H, init_std=0.3)).eval()
        for tensor in model.parameters():
            tensor.data.add_(0.1 * torch.randn_like(tensor))  # biases and gains that matter
        texts = random_texts(tokenizer.vocab_size, (T,))
        case = {"file": web_model(model, tokenizer, "odd"), "texts": texts}
        [[found]] = in_node("gpt2", READ, case)
        with torch.no_grad():
            wanted = rounded(model)(torch.tensor(texts))[0]
        assert_close(torch.tensor(found), wanted, **KERNEL)


def test_logits_of_the_shipped_model(
    shipped: tuple[GPT2, ByteLevelBPE], record_property: Shown
) -> None:
    """With the same 8-bit weights, on code and on random ids over the whole context."""
    model, tokenizer = shipped
    code = standard_library().validation[3]
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(code)][: model.context]
    texts = [ids[:100], *random_texts(tokenizer.vocab_size, (20,))]
    whole = {"file": web_model(model, tokenizer, "x"), "texts": texts}
    [found] = in_node("gpt2", READ, whole)
    small = rounded(model)
    worst = 0.0
    for text, logits in zip(texts, found, strict=True):
        with torch.no_grad():
            wanted = small(torch.tensor([text]))[0]
        worst = max(worst, float((torch.tensor(logits) - wanted).abs().max()))
    record_property("shown", f"logits differ from torch's, same weights, by at most {worst:.1e}")
    assert worst < 1e-4
    last = """((text) => { for (const id of x.ids) text.feed(id); return [text.full, Array.from(text.logits()),
      Array.from({length: 6}, (_, l) => Array.from({length: 6}, (_, h) => Array.from(text.weights(l, h, 255))))]; })
      (m.reading(m.readModel(x.file)))"""
    [[full, logits, weights]] = in_node("gpt2", last, {"file": whole["file"], "ids": ids})
    with torch.no_grad():
        wanted = small(torch.tensor([ids]))[0, -1]
        maps = small.attention_maps(torch.tensor([ids]))[:, 0, :, -1]
    assert full == (len(ids) == model.context)
    assert_close(torch.tensor(logits), wanted, atol=1e-4, rtol=0)
    assert_close(torch.tensor(weights), maps, atol=1e-5, rtol=0)


def test_cutting_back_and_going_on_is_reading_afresh(shipped: tuple[GPT2, ByteLevelBPE]) -> None:
    model, tokenizer = shipped
    source = """((model) => {
      const one = m.reading(model), two = m.reading(model);
      [7, 8, 9, 10].forEach((id) => one.feed(id));
      one.cut(2);
      [7, 8].forEach((id) => two.feed(id));
      [one, two].forEach((text) => text.feed(300));
      const early = Array.from(one.logits(0));
      const fresh = m.reading(model);
      fresh.feed(7);
      return [Array.from(one.logits()), Array.from(two.logits()), early, Array.from(fresh.logits())];
    })(m.readModel(x))"""
    [[one, two, early, fresh]] = in_node("gpt2", source, web_model(model, tokenizer, "x"))
    assert one == two
    assert early == fresh


def test_what_rounding_costs(shipped: tuple[GPT2, ByteLevelBPE], record_property: Shown) -> None:
    """Against the weights as they were trained, on held-out code."""
    model, tokenizer = shipped
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = token_stream(tokenizer.encode, standard_library().validation[:20], end)
    windows = list(islice(consecutive_windows(ids, model.context, 8), 4))
    small = rounded(model)
    before, after = (
        model_bits_per_byte(each, windows, tokenizer.byte_lengths) for each in (model, small)
    )
    with torch.no_grad():
        a, b = model(windows[0][0]), small(windows[0][0])
    moved = (a - b).abs()
    agree = float((a.argmax(-1) == b.argmax(-1)).float().mean())
    record_property(
        "shown",
        f"8 bits: logits move by {moved.mean():.3f} on average, {moved.max():.2f} at most; the best "
        f"token stays in {agree:.1%}; bits per byte {before:.4f} → {after:.4f} on "
        f"{sum(t.numel() for _, t in windows)} tokens",
    )
    assert moved.max() > 0
    assert after < 1.01 * before


def test_what_it_will_not_read(shipped: tuple[GPT2, ByteLevelBPE]) -> None:
    model, tokenizer = shipped
    file = web_model(model, tokenizer, "x")
    caught = "(() => { try { %s } catch (error) { return error.message; } })()"
    [message] = in_node("gpt2", caught % "m.readModel({...x, format: 0})", {"format": 1})
    assert "format 0, and this figure reads 1" in message
    source = "const t = m.reading(m.readModel(x)); for (let i = 0; i < 257; i++) t.feed(1);"
    assert in_node("gpt2", caught % source, file) == ["the context of 256 tokens is full"]
    source = "m.reading(m.readModel(x)).feed(4096)"
    assert in_node("gpt2", caught % source, file) == ["id 4096 is outside the vocabulary of 4096"]


def test_a_full_context_goes_on_with_its_later_half() -> None:
    assert in_node("writer", "m.forget(x, 4)", [9, 1, 2, 3]) == [[9, 2, 3]]
