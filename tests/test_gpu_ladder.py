"""The logic of the GPU ladder, on a CPU and in a size that takes no time."""

import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from llm_nb.models.gpt2 import GPT2Config

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu" / "ladder.py"
SMALL = GPT2Config(vocab_size=50, context=16, d_model=8, n_layers=1, n_heads=2)
CPU = torch.device("cpu")


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("ladder", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ladder", module)
    spec.loader.exec_module(module)
    yield module
    torch.set_float32_matmul_precision("highest")


def test_each_rung_adds_one_technique(script):
    ladder = [asdict(rung) for rung in script.rungs()]
    for before, after in zip(ladder, ladder[1:], strict=False):
        changed = [key for key in before if before[key] != after[key] and key != "name"]
        assert len(changed) == 1
    assert not any(value for key, value in ladder[0].items() if key not in ("name", "precision"))


def test_every_rung_learns_from_the_same_first_loss(script):
    losses = [
        script.make_step(script.replace(rung, compile=False), SMALL, 2, CPU)()
        for rung in script.rungs()
    ]
    assert losses[0] == pytest.approx(3.9, abs=0.1)  # ln 50
    assert losses[:2] == pytest.approx([losses[0]] * 2, abs=1e-6)
    assert losses[2:5] == pytest.approx([losses[0]] * 3, abs=2e-2)  # bf16
    assert losses[5:] == pytest.approx([4.85] * 2, abs=0.1)  # ln 128 ids, no logit of them hidden


def test_the_rows_of_the_tables(script, monkeypatch):
    monkeypatch.setattr(script, "peak_flops", lambda device, precision: 1e12)
    monkeypatch.setattr(script, "seconds_of", lambda step, warm, steps: 0.5)
    with torch.device("meta"):
        model = script.GPT2(SMALL)
    counted = sum(p.numel() for p in model.parameters()) - 16 * 8
    mfu = (6 * counted + 12 * 1 * 8 * 16) * (4 * 16 / 0.5) / 1e12
    row = script.ladder(SMALL, 4, 1, CPU, script.rungs()[:1])[0]
    assert row.startswith(f"| fp32 | 128 | 1.00 | {mfu:.1%} |")
    assert script.decoding(SMALL, 8, CPU, torch.float32) == ["| no cache | 16 |", "| cache | 16 |"]


def test_the_median_leaves_out_the_first_steps(script, monkeypatch):
    ticks = iter([0, 100, 101, 101, 103, 103, 109])
    monkeypatch.setattr(script.time, "perf_counter", lambda: next(ticks))
    assert script.seconds_of(lambda: None, warm=1, steps=3) == 2


def test_without_a_gpu_it_says_so(script, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["ladder.py"])
    with pytest.raises(SystemExit, match="no CUDA GPU here"):
        script.main()
