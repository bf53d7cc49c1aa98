"""Plain data goes over the wire and back; nothing else does, whoever writes the bytes."""

from __future__ import annotations

import contextlib
import json
import math
import socket

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from llm_nb.exercises.grading import codec
from llm_nb.exercises.grading.channel import Channel, Closed
from llm_nb.exercises.grading.codec import BadMessage, NotPlainData, decode, encode

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
)
PLAIN = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)


def there_and_back(value: object) -> object:
    text, buffers = encode(value)
    return decode(text, buffers)


@settings(deadline=None)
@given(PLAIN)
def test_plain_values_come_back(value: object) -> None:
    assert repr(there_and_back(value)) == repr(value)


def test_sets_and_shapes_come_back() -> None:
    value = [{1, 2}, frozenset({"a"}), torch.Size([2, 3])]
    back = there_and_back(value)
    assert back == value
    assert list(map(type, back)) == [set, frozenset, torch.Size]


@pytest.mark.parametrize("dtype", codec._DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_tensors_come_back(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (torch.arange(math.prod(shape)) % 3).reshape(shape).to(dtype)
    back = there_and_back(tensor)
    assert type(back) is torch.Tensor
    torch.testing.assert_close(back, tensor, rtol=0, atol=0)


def test_tensors_keep_nan_views_and_the_wish_for_gradients() -> None:
    tensor = torch.tensor([[1.0, math.nan], [-math.inf, 0.0]]).T[:, ::2]
    back = there_and_back({"a": tensor, "b": nn.Parameter(torch.ones(2))})
    torch.testing.assert_close(back["a"], tensor, equal_nan=True)
    assert type(back["b"]) is torch.Tensor
    assert back["b"].requires_grad
    assert not back["a"].requires_grad


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "i2", "?", "c16", "u1"])
def test_arrays_and_scalars_come_back(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = there_and_back([array, array[1, 1]])
    np.testing.assert_array_equal(back[0], array)
    assert back[0].dtype == array.dtype.newbyteorder("=")
    assert type(back[1]) is type(array[1, 1])


class Anything(float):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Agreeing(torch.Tensor):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Anything(),
        torch.ones(2).as_subclass(Agreeing),
        np.ma.masked_array([1.0]),
        np.array(["text"]),
        np.array([object()]),
        object(),
        len,
        nn.Linear(1, 1),
        {1: [Anything()]},
        torch.ones(2).to_sparse(),
        torch.ones(2, device="meta"),
        1 << 5000,
        "x" * (17 << 20),
        torch.zeros(65 << 20, dtype=torch.uint8),
        [[]] * 1_000_001,
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_else_goes_out(value: object) -> None:
    with pytest.raises(NotPlainData):
        encode(value)


def test_a_circle_does_not_go_out() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(NotPlainData, match="nested"):
        encode(circle)


TEXTS = [
    "{",
    "[1]",
    '{"dict": 3}',
    '{"list": null}',
    '{"object": "os.system"}',
    '{"list": [], "tuple": []}',
    '{"bytes": 7}',
    '{"bytes": -1}',
    '{"bytes": true}',
    '{"set": [{"list": []}]}',
    '{"tensor": ["float32", [3], false, 0]}',
    '{"tensor": ["float32", [-1], false, 0]}',
    '{"tensor": ["float32", [1.5], false, 0]}',
    '{"tensor": ["qint8", [8], false, 0]}',
    '{"tensor": ["int64", [1], true, 0]}',
    '{"tensor": ["int8", [0, 1000000000000000000, 1000000000000000000], false, 1]}',
    '{"array": ["O", [1], 0]}',
    '{"array": ["<U2", [1], 0]}',
    '{"array": ["<f8", [1, 1, 2], 0]}',
    '{"array": ["2<f4", [1], 0]}',
    '{"complex": ["a", "b"]}',
    '{"list": [' * 40 + "]}" * 40,
    "[" * 100_000,
    "9" * 5000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:40])
def test_bad_bytes_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        decode(text.encode(), [b"\x01" * 8, b""])


@settings(deadline=None)
@given(st.recursive(ATOMS, lambda x: st.one_of(st.lists(x), st.dictionaries(st.text(), x))))
def test_any_json_is_plain_data_or_refused(value: object) -> None:
    text = json.dumps(value, default=str)
    with contextlib.suppress(BadMessage):
        decode(text.encode(), [b"12345678"])


def test_bytes_that_are_no_truth_values_become_some() -> None:
    back = decode(b'{"tensor": ["bool", [3], false, 0]}', [b"\x00\x02\xff"])
    assert back.view(torch.uint8).tolist() == [0, 1, 1]


def test_a_channel_has_bounds() -> None:
    mine, theirs = socket.socketpair()
    channel = Channel(mine)
    Channel(theirs).send({"a": torch.arange(3)})
    assert channel.receive(5)["a"].tolist() == [0, 1, 2]
    with pytest.raises(TimeoutError):
        channel.receive(0.05)
    theirs.sendall(b"\xff" * 14)
    with pytest.raises(BadMessage, match="too large"):
        channel.receive(5)
    with pytest.raises(TimeoutError):
        channel.send(torch.zeros(32 << 20, dtype=torch.uint8), 0.1)
    theirs.close()
    with pytest.raises(Closed):
        Channel(mine).receive(5)
