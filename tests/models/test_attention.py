"""The two back ends are equal, the masks forbid what they say, and so says PyTorch's module."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llm_nb.models.attention import (
    MultiHeadAttention,
    attention,
    attention_weights,
    causal_mask,
    length_mask,
    padding_mask,
)

BACKENDS = ["sdpa", "reference"]


def qkv(T, S, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(2, 3, T, 8, generator=generator)
    k, v = (torch.randn(2, 3, S, 8, generator=generator) for _ in range(2))
    return q, k, v


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("T", "S"), [(5, 5), (1, 7), (3, 7)])
def test_the_back_ends_are_equal(T, S, causal, masked):
    q, k, v = qkv(T, S)
    mask = None
    if masked:  # padding on the left of the first row of the batch
        mask = torch.ones(2, 1, 1, S, dtype=torch.bool)
        mask[0, ..., :2] = False
    reference = attention(q, k, v, mask, causal, backend="reference")
    assert_close(attention(q, k, v, mask, causal), reference)
    assert reference.isfinite().all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("T", "S"), [(1, 1), (1, 4), (2, 2), (2, 5), (4, 4), (3, 2)])
def test_attention_is_its_equation_number_by_number(T, S, causal, backend):
    q, k, v = (x.double() for x in qkv(T, S))
    expected = torch.zeros_like(q)
    for b, h, t in itertools.product(range(2), range(3), range(T)):
        keys = [s for s in range(S) if not causal or s <= t + S - T]
        powers = [math.exp(float(q[b, h, t] @ k[b, h, s]) / math.sqrt(8)) for s in keys]
        for s, power in zip(keys, powers, strict=True):
            expected[b, h, t] += power / sum(powers) * v[b, h, s]
    assert_close(attention(q, k, v, causal=causal, backend=backend), expected)


def test_one_new_query_beside_a_cache_sees_every_key():
    assert causal_mask(1, 4).all()
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True] * 4]
    q, k, v = qkv(1, 4)
    assert torch.equal(attention(q, k, v, causal=True), attention(q, k, v))


def test_weights_sum_to_one_and_never_look_ahead():
    q, k, _ = qkv(6, 6)
    weights = attention_weights(q, k, causal=True)
    assert_close(weights.sum(-1), torch.ones(2, 3, 6))
    assert weights.triu(1).abs().max() == 0


def test_the_scale_is_one_over_the_root_of_the_head_width():
    q, k = torch.full((1, 1, 1, 16), 2.0), torch.zeros(1, 1, 2, 16)
    k[..., 0, 0] = 2.0
    assert_close(attention_weights(q, k)[0, 0, 0, 0], torch.tensor(1.0).sigmoid())  # 2·2 / √16


def test_an_unknown_back_end_is_named():
    with pytest.raises(ValueError, match="unknown attention backend 'flash'"):
        attention(*qkv(2, 2), backend="flash")


# -- rows that may look at nothing ----------------------------------------------------------


def blind_cases():
    """Name, T, S, causal, mask: each leaves some query with nothing to look at, by another way."""
    left = torch.ones(2, 1, 1, 5, dtype=torch.bool)
    left[0, ..., :2] = False  # under the causal mask the first two queries of row 0 are blind
    row = torch.ones(2, 1, 4, 6, dtype=torch.bool)
    row[1, :, 2] = False
    long = torch.zeros(2, 1, 1, 1200, dtype=torch.bool)  # kernels work through keys in blocks
    long[1, ..., 1100:] = True
    return [
        ("left padding", 5, 5, True, left),
        ("one query", 4, 6, False, row),
        ("a whole row", 3, 1200, False, long),
        ("more queries than keys", 5, 3, True, None),
        ("all", 2, 3, False, torch.zeros(1, 1, 1, 3, dtype=torch.bool)),
    ]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", blind_cases(), ids=lambda case: case[0])
def test_a_blind_row_is_zero_with_zero_gradients_in_both_back_ends(case, dtype):
    _, T, S, causal, mask = case
    allowed = torch.ones(T, S, dtype=torch.bool) if mask is None else mask
    if causal:
        allowed = allowed & causal_mask(T, S)
    blind = ~allowed.any(-1).expand(2, 3, T)
    assert blind.any()
    results = {}
    for backend in BACKENDS:
        inputs = [x.to(dtype).requires_grad_() for x in qkv(T, S)]
        with torch.autograd.set_detect_anomaly(True):  # a NaN inside the backward pass raises
            out = attention(*inputs, mask, causal, backend=backend)
            (
                out * torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
            ).sum().backward()
        results[backend] = [out.detach(), *(x.grad for x in inputs)]
        assert out[blind].abs().max() == 0
        assert inputs[0].grad[blind].abs().max() == 0
        assert all(tensor.isfinite().all() for tensor in results[backend])
    assert attention_weights(*qkv(T, S)[:2], mask, causal)[blind].abs().max() == 0
    tolerance = {"atol": 0.03, "rtol": 0.03} if dtype == torch.bfloat16 else {}
    assert_close(results["sdpa"], results["reference"], **tolerance)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_nan_is_not_hidden_by_the_mask_of_another_row(backend):
    q, k, v = qkv(4, 4)
    q[0, 0, 3] = torch.nan
    mask = torch.ones(2, 1, 1, 4, dtype=torch.bool)
    mask[1] = False
    out = attention(q, k, v, mask, backend=backend)
    assert out[0, 0, 3].isnan().all()
    assert out[1].abs().max() == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mask_that_is_not_boolean_is_refused(backend):
    with pytest.raises(ValueError, match=r"the mask is of torch.int64: pass booleans"):
        attention(*qkv(2, 2), torch.ones(2, 1, 1, 2, dtype=torch.long), backend=backend)


# -- masks ------------------------------------------------------------------------------------


def test_padding_and_length_masks():
    ids = torch.tensor([[5, 6, 0, 0], [7, 0, 8, 9]])
    mask = padding_mask(ids, pad=0)
    assert mask.shape == (2, 1, 1, 4)
    assert mask[:, 0, 0].tolist() == [[True, True, False, False], [True, False, True, True]]
    by_length = length_mask(torch.tensor([2, 4]))
    assert by_length[:, 0, 0].tolist() == [[True, True, False, False], [True] * 4]
    assert length_mask(torch.tensor([0, 1]), 3)[:, 0, 0].tolist() == [
        [False] * 3,
        [True, False, False],
    ]


@pytest.mark.parametrize(
    ("lengths", "n_keys", "message"),
    [
        ([2, 5], 4, "length 5 is not between 0 and the 4 keys"),
        ([-1, 2], 4, "length -1 is not"),
        ([], None, "lengths is empty"),
    ],
)
def test_impossible_lengths_are_refused(lengths, n_keys, message):
    with pytest.raises(ValueError, match=message):
        length_mask(torch.tensor(lengths, dtype=torch.long), n_keys)


# -- multi-head -------------------------------------------------------------------------------


def pair(d_model, n_heads, bias=True):
    """Our module and PyTorch's, in float64 and of the same random weights, biases too."""
    ours = MultiHeadAttention(d_model, n_heads, bias=bias).double()
    theirs = nn.MultiheadAttention(d_model, n_heads, bias=bias, batch_first=True).double()
    for weight in ours.parameters():
        nn.init.normal_(weight, std=0.5)
    names = {"qkv.": "in_proj_", "proj.": "out_proj."}
    state = {}
    for name, tensor in ours.state_dict().items():
        first, last = name.split(".")
        state[names[first + "."] + last] = tensor.clone()
    theirs.load_state_dict(state)
    return ours, theirs


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(
    ("d_model", "n_heads", "bias"), [(8, 1, True), (12, 3, True), (16, 8, False)]
)
def test_multi_head_equals_pytorchs(backend, cross, causal, padded, d_model, n_heads, bias):
    torch.manual_seed(0)
    ours, theirs = pair(d_model, n_heads, bias)
    B, T, S = 3, 6, 9 if cross else 6
    x = torch.randn(B, T, d_model, dtype=torch.float64)
    memory = torch.randn(B, S, d_model, dtype=torch.float64) if cross else x
    lengths = torch.tensor([S, 4, 2])
    mask = length_mask(lengths, S) if padded else None
    # The module's masks are True where looking is forbidden.
    ahead = ~causal_mask(T, S) if causal else None
    padding = ~mask[:, 0, 0] if padded else None
    gradients, outputs = [], []
    for module in (ours, theirs):
        x_, memory_ = x.clone().requires_grad_(), memory.clone().requires_grad_()
        if module is ours:
            out = ours(x_, memory_ if cross else None, mask, causal, backend)
            weights = ours.weights(x_, memory_ if cross else None, mask, causal)
        else:
            out, weights = theirs(
                x_, *([memory_] * 2 if cross else [x_] * 2), key_padding_mask=padding,
                attn_mask=ahead, average_attn_weights=False,
            )  # fmt: skip
        out.pow(2).sum().backward()
        outputs.append((out, weights))
        inputs = [x_.grad, memory_.grad] if cross else [x_.grad]
        gradients.append([*inputs, *weight_gradients(module)])
    assert_close(outputs[0], outputs[1])
    assert_close(gradients[0], gradients[1])


def weight_gradients(module):
    """Gradients of the in- and the output projection, in one order for both modules."""
    if isinstance(module, MultiHeadAttention):
        weights = [module.qkv.weight, module.proj.weight, module.qkv.bias, module.proj.bias]
    else:
        out = module.out_proj
        weights = [module.in_proj_weight, out.weight, module.in_proj_bias, out.bias]
    return [weight.grad for weight in weights if weight is not None]


def test_queries_keys_and_values_one_by_one_are_those_of_the_one_product():
    module, x = MultiHeadAttention(12, 3), torch.randn(2, 5, 12)
    q, k, v = module.heads(x)
    assert q.shape == (2, 3, 5, 4)
    assert_close(module.queries(x), q)
    assert_close(module.keys_values(x), (k, v))
    assert_close(module(x), module(x, x))


def test_dropout_falls_on_weights_in_training_only():
    torch.manual_seed(0)
    module, x = MultiHeadAttention(8, 2, dropout=0.5), torch.randn(2, 5, 8)
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module(x))


def test_the_initialisation_is_pytorchs():
    ours, theirs = MultiHeadAttention(256, 4), nn.MultiheadAttention(256, 4)
    for weight, reference in (
        (ours.qkv.weight, theirs.in_proj_weight),
        (ours.proj.weight, nn.init.xavier_uniform_(torch.empty(256, 256))),
    ):
        assert weight.std().item() == pytest.approx(reference.std().item(), rel=0.02)
        assert weight.abs().max().item() == pytest.approx(reference.abs().max().item(), rel=0.02)
    assert ours.qkv.bias.abs().max() == 0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((10, 3), "d_model 10 does not divide into 3 heads: choose a multiple, e.g. 9"),
        ((8, 0), "n_heads 0 must both be at least 1"),
        ((0, 1), "d_model 0 and"),
    ],
)
def test_heads_that_do_not_fit_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(*sizes)
