"""The loss in chunks is the usual loss: value and gradients, in every type, compiled, in parts."""

import copy
import itertools
import shutil

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from llm_nb.models import chunked_loss as module
from llm_nb.models.bert import BertConfig
from llm_nb.models.bert_heads import BertBatch, BertForMaskedLM
from llm_nb.models.chunked_loss import IGNORE, chunked_loss, vocabulary_loss
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.recurrent_lm import RecurrentLM, RecurrentLMConfig
from llm_nb.training import TrainConfig, Trainer

N, C, V, ROWS = 50, 8, 31, 7


def tensors(dtype=torch.float64, bias=True, seed=0):
    """hidden, weight and bias, which want gradients, and targets; one chunk of them has none."""
    torch.manual_seed(seed)
    shapes = [(N, C), (V, C), (V,)]
    made = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]
    targets = torch.randint(V, (N,))
    targets[::3] = IGNORE
    targets[ROWS : 2 * ROWS] = IGNORE
    return made[0], made[1], made[2] if bias else None, targets


def whole_loss(hidden, weight, targets, bias, rows=None):
    logits = F.linear(hidden, weight, bias)
    return F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), targets)


def with_gradients(loss, hidden, weight, bias, targets, rows=ROWS, factor=3.0):
    value = loss(hidden, weight, targets, bias, rows)
    wanted = [t for t in (hidden, weight, bias) if t is not None and t.requires_grad]
    return [value.detach(), *torch.autograd.grad(value * factor, wanted)]


@pytest.mark.parametrize("rows", [1, ROWS, N, 2 * N])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-5)])
def test_value_and_gradients_are_those_of_cross_entropy(dtype, tolerance, bias, rows):
    given = tensors(dtype, bias)
    found = with_gradients(chunked_loss, *given, rows)
    wanted = with_gradients(whole_loss, *given)
    assert all(one.dtype == other.dtype for one, other in zip(found, wanted, strict=True))
    assert_close(found, wanted, rtol=tolerance, atol=tolerance)


def test_the_gradient_is_the_slope():
    hidden, weight, bias, targets = tensors()
    assert torch.autograd.gradcheck(
        lambda *given: chunked_loss(*given[:2], targets, given[2], ROWS), (hidden, weight, bias)
    )


@pytest.mark.parametrize("wanted", list(itertools.product([False, True], repeat=3))[1:])
def test_only_the_gradients_that_are_wanted_are_made(wanted):
    given = tensors()
    for tensor, want in zip(given, wanted, strict=False):
        tensor.requires_grad_(want)
    found = with_gradients(chunked_loss, *given)
    assert_close(found, with_gradients(whole_loss, *given))


def test_logits_far_apart_neither_overflow_nor_lose_the_loss():
    """exp(1e4) is infinite and exp(−1e4) is 0, in doubles too."""
    given = tensors()
    with torch.no_grad():
        given[0].mul_(1e4)
    found = with_gradients(chunked_loss, *given)
    assert found[0] > 1e3
    assert_close(found, with_gradients(whole_loss, *given))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_it_is_as_near_to_double_precision_as_the_usual_loss(dtype):
    """Both round their products to the type; ours may not be further off by more than a half."""
    given = tensors(torch.float32)
    exact = with_gradients(whole_loss, *(t.double() if t.is_floating_point() else t for t in given))
    with torch.autocast("cpu", dtype):
        ours, usual = (with_gradients(f, *given) for f in (chunked_loss, whole_loss))
    for a, b, right in zip(ours, usual, exact, strict=True):
        assert a.dtype == b.dtype == torch.float32
        off = [float((x - right).norm() / right.norm()) for x in (a, b)]
        assert off[0] <= max(1.5 * off[1], 1e-6)


def test_in_fp16_a_target_of_thousands_is_not_rounded_to_nothing():
    """Its share of the mean is under the smallest fp16 number, as without a loss scale."""
    torch.manual_seed(0)
    n = 1 << 14
    hidden = torch.randn(n, C, requires_grad=True)
    weight = (0.01 * torch.randn(4096, C)).requires_grad_()
    targets = torch.randint(4096, (n,))
    with torch.autocast("cpu", torch.float16):
        chunked_loss(hidden, weight, targets, None, 1024).backward()
    assert 1 / (n * 4096) < torch.finfo(torch.float16).smallest_normal / 100
    assert (hidden.grad != 0).all(1).all()


def test_weights_in_half_precision_sum_over_the_chunks_in_single():
    hidden, weight, bias, targets = (
        t.bfloat16().detach().requires_grad_() if t.is_floating_point() else t for t in tensors()
    )
    found = with_gradients(chunked_loss, hidden, weight, bias, targets, rows=1)
    assert [t.dtype for t in found] == [torch.float32] + 3 * [torch.bfloat16]
    exact = with_gradients(
        whole_loss, *(t.double().detach().requires_grad_() for t in (hidden, weight, bias)), targets
    )
    for one, right in zip(found, exact, strict=True):
        assert (one - right).norm() / right.norm() < 2**-7  # bf16 keeps 8 bits


@pytest.mark.skipif(not shutil.which("g++"), reason="no compiler here")
def test_it_compiles_as_one_graph():
    given = tensors(torch.float32)
    compiled = torch.compile(chunked_loss, fullgraph=True)
    assert_close(with_gradients(compiled, *given), with_gradients(whole_loss, *given))


def test_without_gradients_the_value_is_the_same_and_nothing_is_kept():
    hidden, weight, bias, targets = tensors()
    with torch.no_grad():
        value = chunked_loss(hidden, weight, targets, bias, ROWS)
    assert value.grad_fn is None
    assert_close(value, whole_loss(hidden, weight, targets, bias).detach())


def test_without_a_target_it_is_nan_as_the_usual_loss_is():
    hidden, weight, bias, targets = tensors()
    none = torch.full_like(targets, IGNORE)
    assert chunked_loss(hidden, weight, none, bias, ROWS).isnan()
    assert whole_loss(hidden, weight, none, bias).isnan()


@pytest.mark.parametrize("wrong", [V, -1])
def test_a_target_outside_the_vocabulary_is_refused(wrong):
    hidden, weight, bias, targets = tensors()
    targets[20] = wrong
    for loss in (chunked_loss, whole_loss):
        with pytest.raises((IndexError, RuntimeError), match=r"out of (bounds|range)"):
            loss(hidden, weight, targets, bias, ROWS)


def test_a_second_gradient_of_it_is_refused():
    hidden, weight, bias, targets = tensors()
    value = chunked_loss(hidden, weight, targets, bias, ROWS).square()
    (first,) = torch.autograd.grad(value, [hidden], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_chunks_are_taken_where_the_logits_are_more_than_one(monkeypatch):
    hidden, weight, bias, targets = tensors()
    monkeypatch.setitem(module._CHUNK, "cpu", N * V)
    taken = []
    monkeypatch.setattr(module, "chunked_loss", lambda *given: taken.append(given[-1]))
    assert_close(
        vocabulary_loss(hidden, weight, targets, bias), whole_loss(hidden, weight, targets, bias)
    )
    assert taken == []
    monkeypatch.setitem(module._CHUNK, "cpu", N * V - 1)
    vocabulary_loss(hidden, weight, targets, bias)
    monkeypatch.setitem(module._CHUNK, "cpu", 1)  # a row that is larger than a chunk
    vocabulary_loss(hidden, weight, targets, bias)
    assert taken == [N - 1, 1]


class _Logits(torch.overrides.TorchFunctionMode):
    """Notes the largest tensor that any function of torch gives."""

    largest = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.largest = max(self.largest, out.numel())
        return out


SMALL_BERT = {
    **{"d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 16},
    **{"dropout": 0.0, "attention_dropout": 0.0},
}
IDS = torch.arange(60).view(3, 20) % 97
MODELS = {
    "GPT-2": (
        lambda: GPT2(GPT2Config(97, 20, 8, 1, 2, dropout=0.0)),
        (IDS, IDS.roll(1, 1)),
    ),
    "BERT": (
        lambda: BertForMaskedLM(BertConfig(97, 20, **SMALL_BERT)),
        BertBatch(IDS, IDS.where(IDS % 5 > 0, IGNORE)),
    ),
    **{
        f"LSTM, tied {tied}": (
            lambda tied=tied: RecurrentLM(RecurrentLMConfig(97, "lstm", 8, 8, 1, 0.0, tied)),
            (IDS, IDS.roll(1, 1).where(IDS % 7 > 0, IGNORE)),
        )
        for tied in (False, True)
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_the_models_learn_the_same_and_never_hold_all_logits(name, monkeypatch):
    """97 ids of which 60 occur: as in a vocabulary that was filled up, the rest only sinks."""
    make, batch = MODELS[name]
    torch.manual_seed(0)
    model = make().eval()
    others = copy.deepcopy(model)
    weights, losses = [], []
    for each, chunk in ((model, 97 * 4), (others, 1 << 30)):
        monkeypatch.setitem(module._CHUNK, "cpu", chunk)
        config = TrainConfig(3, lr=1e-2, warmup=1)
        with _Logits() as seen:
            each.loss(batch)
        assert (seen.largest < IDS.numel() * 40) == (chunk == 97 * 4)
        losses.append(Trainer(each.eval(), itertools.repeat(batch), config).fit().loss)
        weights.append(each.state_dict())
    assert_close(losses[0], losses[1], rtol=1e-6, atol=1e-6)
    assert_close(weights[0], weights[1], rtol=1e-4, atol=1e-5)
