"""Where we run: profile, device, seed."""

import platform
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from llm_nb.runtime import find_precision, outputs_are_stored, start


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    monkeypatch.delenv("LLM_NB_PROFILE", raising=False)
    monkeypatch.setenv("LLM_NB_DEVICE", "cpu")


def test_start_prints_one_line_and_picks_by_profile(monkeypatch, capsys):
    run = start("x")
    assert (run.profile, run.precision, run.dtype) == ("laptop", "fp32", torch.float32)
    assert run.pick(laptop=1, gpu=2) == 1
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setenv("LLM_NB_PROFILE", "gpu")
    assert start("x").pick(laptop=1, gpu=2) == 2


def test_the_same_seed_gives_the_same_numbers():
    def draw():
        start("x", seed=7)
        return random.random(), np.random.rand(), torch.rand(1).item()

    first = draw()
    assert draw() == first
    run = start("x", seed=7)
    assert torch.equal(
        torch.rand(3, generator=run.generator()), torch.rand(3, generator=run.generator())
    )
    different = torch.rand(3, generator=run.generator(1))
    assert not torch.equal(torch.rand(3, generator=run.generator()), different)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "desktop"}, "unknown profile 'desktop': use 'laptop' or 'gpu'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "meta"}, "unknown device 'meta'"),
        ({"device": "cuda:99"}, "'cuda:99' is not here"),
    ],
)
def test_unknown_profile_or_device_is_one_clear_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        start("x", **options)


def test_environment_names_are_checked_too(monkeypatch):
    monkeypatch.setenv("LLM_NB_PROFILE", "phone")
    with pytest.raises(ValueError, match="'phone'"):
        start("x")


def test_precision_asks_for_native_bf16(monkeypatch):
    """A T4 says yes to bf16 by emulation, which must not count."""
    monkeypatch.setattr(
        torch.cuda, "device", lambda device: torch.autograd.set_detect_anomaly(False)
    )
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    assert find_precision(torch.device("cuda")) == "fp16"
    assert find_precision(torch.device("cpu")) == "fp32"


@pytest.mark.parametrize(
    ("value", "stored"), [(None, False), ("", False), ("0", False), ("1", True)]
)
def test_outputs_are_stored_where_the_variable_says_so(monkeypatch, value, stored):
    monkeypatch.delenv("LLM_NB_STORED", raising=False)
    if value is not None:
        monkeypatch.setenv("LLM_NB_STORED", value)
    assert outputs_are_stored() is stored


FAULTS = """
import resource, sys, torch
from llm_nb.runtime import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def rounds():
    for _ in range(10):
        torch.ones(1 << 24)  # 64 MB, freed at once
rounds()  # the heap has to find its size
before = faults()
rounds()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the thresholds are glibc's")
def test_memory_that_is_kept_is_not_faulted_in_again():
    kept, given_back = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS, how])) for how in ("keep", "")
    )
    assert kept < given_back / 10
