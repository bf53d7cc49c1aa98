"""Measured values against their committed bands.

A number that the prose states is computed in a cell and passed through ``expect``.
Bands live in ``llm_nb/bands/NN_name.json``, one file a notebook, one entry a value, one
band a device class: ``{"val_bits_per_byte": {"cpu": [1.35, 1.50]}}``. A band is measured
over several seeds; it is never guessed.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path


def _bands_folder() -> Path:
    return Path(os.environ.get("LLM_NB_BANDS") or Path(__file__).parent / "bands")


def _device_class() -> str:
    named = os.environ.get("LLM_NB_DEVICE")
    if named:
        return named.split(":")[0]
    import torch  # here, so that bands can be read and tested without torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def is_strict() -> bool:
    """Whether a value outside its band is an error: in CI, or where LLM_NB_STRICT is set."""
    return any(
        os.environ.get(name, "") not in ("", "0", "false") for name in ("CI", "LLM_NB_STRICT")
    )


def expect(key: str, value: float, *, device: str | None = None) -> float:
    """Compare ``value`` with the band of ``key``, print one line, return ``value``.

    Args:
        key: ``"11_gpt2/val_bits_per_byte"``: the notebook, then the value's name.
        value: the measured number.
        device: ``"cpu"``, ``"cuda"`` …; default: what this machine computes on.

    Raises:
        KeyError: no such band is committed.
        AssertionError: the value is outside its band, in strict mode (``is_strict``).
    """
    notebook, _, name = key.partition("/")
    path = _bands_folder() / f"{notebook}.json"
    if not path.is_file():
        raise KeyError(f"no bands for {notebook!r}: {path.name} is missing from llm_nb/bands")
    bands = json.loads(path.read_text(encoding="utf-8"))
    if name not in bands:
        raise KeyError(f"no band {name!r} in {path.name}: measure it over several seeds and add it")
    device = device or _device_class()
    if device not in bands[name]:
        print(f"{value:.4g} (no band for {device} yet)")
        return value
    low, high = bands[name][device]
    inside = math.isfinite(value) and low <= value <= high
    line = f"{value:.4g} {'✓' if inside else '✗'} expected {low:g}–{high:g} on {device}"
    if not inside and is_strict():
        raise AssertionError(f"{key}: {line}")
    print(line)
    return value
