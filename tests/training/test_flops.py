"""The arithmetic of a Transformer, counted by torch; the rates of cards, by their names."""

import itertools
import time

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.training import TrainConfig, Trainer, flops
from llm_nb.training.flops import (
    measured_flops,
    peak_flops,
    published_flops,
    transformer_flops_per_token,
)

CPU = torch.device("cpu")


def per_token(model):
    """Of a GPT-2, whose token table is also its output layer."""
    c = model.config
    counted = sum(p.numel() for p in model.parameters()) - model.wpe.weight.numel()
    return transformer_flops_per_token(counted, c.n_layers, c.d_model, c.context)


def test_torch_counts_the_same_but_for_biases_and_norms():
    """The reference attention multiplies what the causal mask forbids, as the formula does.
    Neither look-ups nor the loss have products; 6N counts 6 for each gain and bias, torch none."""
    torch.manual_seed(0)
    model = GPT2(GPT2Config(vocab_size=50, context=16, d_model=24, n_layers=3, n_heads=4))
    ids, B, T = torch.randint(50, (2, 16)), 2, 16
    with FlopCounterMode(display=False) as forward:
        logits = model(ids, backend="reference")
    with FlopCounterMode(display=False) as backward:
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
    matrices = sum(p.numel() for p in model.parameters() if p.dim() == 2)
    matrices -= model.wpe.weight.numel()
    vectors = sum(p.numel() for p in model.parameters() if p.dim() == 1)
    assert forward.get_total_flops() == B * T * (2 * matrices + 4 * 3 * 24 * 16)
    assert backward.get_total_flops() == 2 * forward.get_total_flops()
    counted = forward.get_total_flops() + backward.get_total_flops()
    assert per_token(model) * B * T == counted + B * T * 6 * vectors


def test_gpt2_small_by_hand():
    """N = 124,439,808 less 1,024 × 768 positions; 12·L·C·T = 12 · 12 · 768 · 1024."""
    with torch.device("meta"):
        model = GPT2(GPT2Config())
    assert per_token(model) == 6 * 123_653_376 + 113_246_208 == 855_166_464


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA B200", 2250),
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("A100-SXM4-40GB", 312),
        ("A100-PCIE-40GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA L40S", 362),
        ("NVIDIA L40", 181),
        ("NVIDIA L4", 121),
        ("NVIDIA A40", 149.7),
        ("NVIDIA A10", 125),
        ("NVIDIA A10G", 70),
        ("NVIDIA GeForce RTX 5090", 209.5),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 3090", 71),
    ],
)
def test_a_known_card(name, tera):
    assert published_flops(name, "bf16") == published_flops(name, "fp16") == tera * 1e12
    assert published_flops(name, "fp32") is None


@pytest.mark.parametrize(
    ("name", "tera"),
    [("Tesla T4", 65), ("Tesla V100-SXM2-16GB", 125), ("Tesla V100-SXM2-32GB", 125)],
)
def test_cards_without_bf16(name, tera):
    assert published_flops(name, "fp16") == tera * 1e12
    assert published_flops(name, "bf16") is None


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",  # a seventh of one
        "NVIDIA A100-SXM4-40GB MIG 3g.20gb",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 3090 Ti",
        "NVIDIA H200 NVL",
        "NVIDIA A1000",
        "NVIDIA T400 4GB",
        "NVIDIA T4G",
        "Tesla V100-PCIE-16GB",
        "NVIDIA A10-24Q",
        "NVIDIA A100X",
        "NVIDIA L400",
        "AMD Instinct MI300X",
        "",
    ],
)
def test_a_card_that_only_sounds_known(name):
    assert published_flops(name, "bf16") is None
    assert published_flops(name, "fp16") is None


def test_what_is_not_published_is_measured(monkeypatch):
    monkeypatch.setattr(flops, "measured_flops", lambda device, precision: (device, precision))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: names[device])
    names = {torch.device("cuda:0"): "Tesla T4", torch.device("cuda:1"): "NVIDIA Titan"}
    first, second = names
    assert peak_flops(first, "fp16") == 65e12
    assert peak_flops(first, "bf16") == (first, "bf16")
    assert peak_flops(first, "fp32") == (first, "fp32")
    assert peak_flops(second, "fp16") == (second, "fp16")
    assert peak_flops(CPU, "bf16") == (CPU, "bf16")


def test_the_fastest_product_counts(monkeypatch):
    """Ticks of a clock that is not the machine's: products of 5, 3, 1, 2 s, and no more time."""
    ticks = iter([0, 5, 5, 8, 8, 8, 8, 9, 9, 9, 11, 20])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    assert measured_flops(CPU, "fp32", seconds=10) == 2 * 768**3 / 1
    assert next(ticks, None) is None


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_the_products_are_of_the_precision(monkeypatch, precision, dtype):
    seen = set()

    def mm(a, b, out):
        seen.add((a.dtype, b.dtype, out.dtype))

    monkeypatch.setattr(torch, "mm", mm)
    measured_flops(CPU, precision, seconds=0.0)
    assert seen == {(dtype, dtype, dtype)}


def test_measuring_agrees_with_products_of_another_size():
    """The machine does 2n³ for another n at a like rate: far nearer than a lost 2, 10 or 1000."""
    a = torch.randn(512, 512)
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        torch.matmul(a, a)
        best = min(best, time.perf_counter() - started)
    measured = max(measured_flops(CPU, "fp32") for _ in range(5))  # a busy machine only slows
    assert 1 / 8 < measured / (2 * 512**3 / best) < 8


def test_a_tiny_run_uses_a_small_share_of_the_machine(monkeypatch):
    """Small products cannot reach the rate of large ones: a share over 1 would be miscounted."""
    monkeypatch.setenv("LLM_NB_QUIET", "1")
    torch.manual_seed(0)
    model = GPT2(GPT2Config(vocab_size=16, context=8, d_model=8, n_layers=1, n_heads=2))
    ids = torch.randint(16, (2, 8))
    run = Trainer(
        model, itertools.repeat((ids, ids)), TrainConfig(5), flops_per_token=per_token(model)
    )
    history = run.fit()
    assert 0 < history.mfu < 1
