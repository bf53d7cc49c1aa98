"""A model as one script for a page: what it holds, that it is the same each time, what it refuses."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.web import round_rows, rounded, web_bytes, web_model, write_web_script
from llm_nb.text.bpe import ByteLevelBPE

TOKENIZER = ByteLevelBPE.train(["low lower lowest"], 260, special_tokens=["<|end|>"])


def small(**changes) -> GPT2:
    torch.manual_seed(0)
    sizes = {"vocab_size": TOKENIZER.vocab_size, "context": 5, "d_model": 6, "n_layers": 2}
    return GPT2(GPT2Config(**sizes | {"n_heads": 3, "init_std": 0.4} | changes)).eval()


def test_rows_are_rounded_to_half_a_step():
    torch.manual_seed(1)
    weight = torch.randn(7, 30) * torch.logspace(-3, 3, 7)[:, None]
    weight[4] = 0
    whole, scales = round_rows(weight)
    assert whole.dtype == torch.int8
    assert whole.abs().amax(1).tolist() == [127, 127, 127, 127, 0, 127, 127]
    error = (whole.float() * scales[:, None] - weight).abs()
    assert bool((error <= scales[:, None] * 0.5001).all())


def test_the_numbers_in_the_file_are_those_of_the_rounded_model():
    model = small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    data = json.loads(json.dumps(web_model(model, TOKENIZER, "x")))
    raw = base64.b64decode(data["weights"])
    assert len(raw) == web_bytes(model)
    for name, tensor in rounded(model).state_dict().items():
        entry = data["tensors"][name]
        shape = entry["shape"]
        floats = np.frombuffer(raw, "<f4", shape[0], 4 * entry["at"]).copy()
        if len(shape) == 2:
            whole = np.frombuffer(raw, np.int8, shape[0] * shape[1], entry["whole"])
            found = torch.from_numpy(whole.reshape(shape) * floats[:, None])
        else:
            found = torch.from_numpy(floats)
        assert_close(found, tensor, atol=0, rtol=0)
    assert_close(dict(model.state_dict()), before, atol=0, rtol=0)  # it is left as it was
    assert data["specials"] == ["<|end|>"]
    assert [tuple(p) for p in np.reshape(data["merges"], (-1, 2)).tolist()] == TOKENIZER.merges


def test_the_same_bytes_each_time_and_another_digest_for_another_model(tmp_path):
    one, two = tmp_path / "m.js", tmp_path / "other" / "m.js"
    two.parent.mkdir()
    weights, size = write_web_script(small(), TOKENIZER, one)
    assert (weights, size) == (web_bytes(small()), one.stat().st_size)
    write_web_script(small(), TOKENIZER, two)
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes().startswith(b'globalThis.llmNbModel={"format":1,"name":"m"')
    other = small()
    other.ln_f.bias.data[0] += 1
    digests = {web_model(m, TOKENIZER, "m")["digest"] for m in (small(), other)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("model", "tokenizer", "message"),
    [
        (torch.nn.Linear(2, 2), TOKENIZER, "the model is a Linear: only a GPT2 runs in a page"),
        (small(), "gpt2", "the tokenizer is a str: the page has ByteLevelBPE only"),
        (small(vocab_size=300), TOKENIZER, "the model has 300 ids and the tokenizer 260"),
        (
            small(),
            ByteLevelBPE(TOKENIZER.merges, ["<|end|>"], pattern=r"\s+|\S+"),
            "the page has GPT-2's pattern built in",
        ),
        (
            small(d_model=1536, n_layers=2),
            TOKENIZER,
            r"take 57\.\d MB in 8 bits, more than the 32 MB",
        ),
    ],
)
def test_what_it_refuses(model, tokenizer, message):
    with pytest.raises(ValueError, match=message):
        web_model(model, tokenizer, "x")


def test_a_model_that_is_broken_is_named():
    model = small()
    model.blocks[1].fc.weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"blocks\.1\.fc\.weight holds NaN"):
        web_model(model, TOKENIZER, "x")
