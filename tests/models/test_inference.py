"""The fast layouts: float32 changes nothing, int8 a little, bad input is named."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llm_nb.generation import beam_search, generate, left_pad
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.inference import (
    FastGPT2,
    Int8Linear,
    PackedLinear,
    TransposedLinear,
    for_inference,
)

CONFIG = GPT2Config(vocab_size=61, context=32, d_model=16, n_layers=2, n_heads=2)


def random_model(seed):
    torch.manual_seed(seed)
    model = GPT2(CONFIG)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return random_model(0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 8), (5, 8), (2, 3, 8)])
@pytest.mark.parametrize("sizes", [(8, 24), (8, 8)])
def test_every_layout_is_the_same_map(sizes, shape, bias):
    linear, x = nn.Linear(*sizes, bias=bias), torch.randn(shape)
    with torch.no_grad():
        wanted = linear(x)
        assert_close(TransposedLinear(linear)(x), wanted)
        if PackedLinear.is_available():
            assert_close(PackedLinear(linear, 5)(x), wanted)
        error = (Int8Linear(linear)(x) - wanted).abs().max()
    # Half a step of the weights (1/254 of the largest) and of x (1/127 of its range), 8 products.
    largest = linear.weight.abs().max() * x.abs().max()
    assert 0 < error < 8 * largest * (1 / 254 + 1 / 127)


@pytest.mark.parametrize("rows", [1, 4])
def test_the_fast_model_writes_the_same(model, rows):
    fast = FastGPT2(model, rows=rows)
    ids, mask = left_pad([[1, 2, 3], [4], [5, 6, 7, 8, 9], [0, 60]][:rows])
    with torch.no_grad():
        assert_close(fast(ids, mask), model(ids, mask)[:, -1:], atol=1e-5, rtol=1e-5)
    options = {"attention_mask": mask, "temperature": 0}
    assert torch.equal(generate(fast, ids, 20, **options), generate(model, ids, 20, **options))
    beams = [beam_search(m, ids, 9, n_beams=3, attention_mask=mask).ids for m in (fast, model)]
    assert torch.equal(*beams)


def test_int8_is_near_and_a_quarter_of_the_size():
    distances = []
    for seed in range(20):
        model = random_model(seed)
        fast = FastGPT2(model, rows=4, int8=True)
        ids = torch.randint(61, (4, 9))
        with torch.no_grad():
            small, whole = fast(ids)[:, 0].log_softmax(-1), model(ids)[:, -1].log_softmax(-1)
        distances.append(float((small - whole).abs().mean() / whole.std()))
    # Over 50 such groups of seeds the mean was 0.0113 to 0.0143; with weights of 6 bits, 0.024 up.
    assert 0 < sum(distances) / 20 < 0.016
    assert torch.ops.quantized.linear_unpack(fast.head.packed)[0].element_size() == 1


def test_the_model_itself_stays_as_it_was(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    laid_out = for_inference(model, rows=2)
    assert model.training
    assert not laid_out.training
    model.eval()
    assert laid_out.wte.weight is model.wte.weight  # shared, not copied
    assert type(model.blocks[0].fc) is nn.Linear
    assert type(laid_out.blocks[0].fc) is not nn.Linear
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_each_number_of_rows_has_its_layout(model):
    kinds = [type(for_inference(model, rows=n).blocks[0].fc) for n in (1, 8, 1000)]
    several = PackedLinear if PackedLinear.is_available() else nn.Linear
    assert kinds == [TransposedLinear, several, nn.Linear]
    assert type(for_inference(model, rows=1000, int8=True).blocks[0].fc) is Int8Linear


def test_bad_input_is_one_clear_sentence(model):
    with pytest.raises(ValueError, match="rows is 0"):
        for_inference(model, rows=0)
    with pytest.raises(ValueError, match="for the CPU"):
        for_inference(GPT2(CONFIG).to("meta"))
    with pytest.raises(ValueError, match="train the GPT2"):
        FastGPT2(model).train()
