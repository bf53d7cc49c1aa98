"""In what a returned value differs from the expected one: type, shape, dtype, values.

By exact types and ``torch.testing``, never by a value's own ``==``: an object that says it is
equal to everything is of a wrong type here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def difference(actual: Any, expected: Any, rtol: float, atol: float) -> str | None:
    """One phrase about the first difference, such as ``shape (3, 4), expected (4, 4)``; or None."""
    wanted = type(expected)
    if type(actual) is nn.Parameter:
        actual = actual.detach()
    if isinstance(actual, np.generic) and type(actual).__module__ == "numpy":
        actual = actual.item()  # np.float64 for a float will do
    if wanted is float and type(actual) is int:
        actual = float(actual)
    if type(actual) is not wanted:
        return f"{_named(actual)}, expected {_named(expected)}"
    if wanted is Tensor:
        return _tensor_difference(actual, expected, rtol, atol)
    if wanted is np.ndarray:
        if actual.dtype != expected.dtype:
            return f"dtype {actual.dtype}, expected {expected.dtype}"
        mine, right = (torch.from_numpy(x.copy()) for x in (actual, expected))  # strides forward
        return _tensor_difference(mine, right, rtol, atol)
    if wanted is dict:
        return _dict_difference(actual, expected, rtol, atol)
    if wanted in (list, tuple):
        if len(actual) != len(expected):
            return f"length {len(actual)}, expected {len(expected)}"
        for place, (mine, right) in enumerate(zip(actual, expected, strict=True)):
            if found := difference(mine, right, rtol, atol):
                return f"at [{place}]: {found}"
        return None
    if wanted is float:
        same = math.isclose(actual, expected, rel_tol=rtol, abs_tol=atol)
        both_nan = math.isnan(actual) and math.isnan(expected)
        return None if same or both_nan else _versus(actual, expected)
    return None if actual == expected else _versus(actual, expected)


def _dict_difference(actual: dict, expected: dict, rtol: float, atol: float) -> str | None:
    if strange := [key for key in actual if type(key) not in (str, int)]:
        return f"a key that is {_named(strange[0])}, expected text or whole numbers"
    if missing := [key for key in expected if key not in actual]:
        return f"the key {missing[0]!r} is missing"
    if extra := [key for key in actual if key not in expected]:
        return f"a key too many, {extra[0]!r}"
    for key, right in expected.items():
        if found := difference(actual[key], right, rtol, atol):
            return f"at [{key!r}]: {found}"
    return None


def _tensor_difference(actual: Tensor, expected: Tensor, rtol: float, atol: float) -> str | None:
    actual, expected = actual.detach(), expected.detach()
    if actual.layout != torch.strided or actual.is_meta or actual.is_quantized:
        kind = "quantized" if actual.is_quantized else f"{actual.layout} on {actual.device}"
        return f"a tensor that is {kind}, expected a plain one".replace("torch.", "")
    if actual.shape != expected.shape:
        return f"shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    if actual.dtype != expected.dtype:
        return f"dtype {actual.dtype}, expected {expected.dtype}".replace("torch.", "")
    if not expected.is_floating_point():
        rtol = atol = 0.0  # whole numbers and booleans are right or wrong
    try:
        torch.testing.assert_close(actual.cpu(), expected, rtol=rtol, atol=atol, equal_nan=True)
    except AssertionError:
        return _where(actual.cpu(), expected, rtol, atol)
    return None


def _where(actual: Tensor, expected: Tensor, rtol: float, atol: float) -> str:
    off = ~torch.isclose(actual.double(), expected.double(), rtol, atol, equal_nan=True)
    place = [int(i) for i in off.nonzero()[0]] if expected.dim() else []
    mine, right = actual[tuple(place)].item(), expected[tuple(place)].item()
    spot = f"at {place} " if place else ""
    return f"{spot}{_versus(mine, right)} ({int(off.sum())} of {off.numel()} values differ)"


def _versus(actual: Any, expected: Any) -> str:
    short = [f"{x:.5g}" if type(x) is float else repr(x)[:60] for x in (actual, expected)]
    return f"{short[0]}, expected {short[1]}"


def _named(value: Any) -> str:
    names = {type(None): "None", Tensor: "a tensor", np.ndarray: "a NumPy array", str: "text"}
    names |= {float: "a number (float)", int: "a whole number (int)", bool: "True or False"}
    kind = type(value)
    strange = kind.__module__ != "builtins"
    return names.get(
        kind, f"an object of class {kind.__name__}" if strange else f"a {kind.__name__}"
    )
