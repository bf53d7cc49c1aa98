"""Plain data as bytes and back: never a pickle, never an object of a student's class.

What is plain: None, bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset,
NumPy arrays and scalars of numbers, and dense torch tensors. Exact types only: a subclass could
bring methods of its own, ``__eq__`` for instance. Whatever is decoded is a genuine object of
these types with the numbers that came over the wire.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MAX_BYTES = 64 << 20  # of arrays and of bytes
MAX_TEXT = 16 << 20  # of the JSON that describes them
MAX_BUFFERS = 10_000
MAX_ITEMS = 1_000_000
MAX_DEPTH = 32
MAX_INT_BITS = 4096
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
        *(torch.complex64, torch.complex128),
    )
}
_SEQUENCES: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "size": torch.Size,
}


class NotPlainData(TypeError):
    """The value is not plain data, or too much of it."""


class BadMessage(ValueError):
    """The bytes are no message of this module."""


def encode(value: Any) -> tuple[bytes, list[bytes]]:
    """The description of a value in JSON, and the buffers that it refers to by number.

    Raises:
        NotPlainData: it holds something else, is nested too deeply or is too large.
    """
    writer = _Writer()
    tree = writer.node(value, 0)
    text = json.dumps(tree).encode("ascii")
    if len(text) > MAX_TEXT:
        raise NotPlainData(_too_large())
    return text, writer.buffers


class _Writer:
    def __init__(self) -> None:
        self.buffers: list[bytes] = []
        self.items = 0
        self.size = 0

    def buffer(self, content: bytes) -> int:
        self.size += len(content)
        if self.size > MAX_BYTES or len(self.buffers) >= MAX_BUFFERS:
            raise NotPlainData(_too_large())
        self.buffers.append(content)
        return len(self.buffers) - 1

    def node(self, value: Any, depth: int) -> Any:
        self.items += 1
        if self.items > MAX_ITEMS or depth > MAX_DEPTH:
            raise NotPlainData(
                f"the data has over {MAX_ITEMS} items or is nested deeper than {MAX_DEPTH}: "
                "return less, in tensors"
            )
        kind = type(value)
        if value is None or kind in (bool, float, str):
            return value
        if kind is int:
            if value.bit_length() > MAX_INT_BITS:
                raise NotPlainData(f"an integer of {value.bit_length()} bits is too large")
            return value
        if kind is complex:
            return {"complex": [value.real, value.imag]}
        if kind is bytes:
            return {"bytes": self.buffer(value)}
        if kind is dict:
            pairs = [[self.node(k, depth + 1), self.node(v, depth + 1)] for k, v in value.items()]
            return {"dict": pairs}
        for tag, sequence in _SEQUENCES.items():
            if kind is sequence:
                return {tag: [self.node(item, depth + 1) for item in value]}
        if kind is Tensor or kind is nn.Parameter:
            return self.tensor(value)
        if kind is np.ndarray or (isinstance(value, np.generic) and kind.__module__ == "numpy"):
            return self.array(value, "array" if kind is np.ndarray else "scalar")
        name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        raise NotPlainData(
            f"an object of class {name[:100]}, expected plain data (tensors, arrays, numbers, "
            "text, lists, tuples, dicts)"
        )

    def tensor(self, value: Tensor) -> Any:
        name = str(value.dtype).removeprefix("torch.")
        if name not in _DTYPES or value.layout is not torch.strided or value.is_meta:
            raise NotPlainData(
                f"a tensor of {value.dtype} and {value.layout}, expected a dense one"
            )
        flat = value.detach().cpu().contiguous().reshape(-1)
        if flat.numel() * flat.element_size() > MAX_BYTES:
            raise NotPlainData(_too_large())
        content = bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""
        return {"tensor": [name, list(value.shape), value.requires_grad, self.buffer(content)]}

    def array(self, value: Any, tag: str) -> Any:
        if value.dtype.kind not in "biufc" or value.nbytes > MAX_BYTES:
            raise NotPlainData(f"an array of {value.dtype}, {value.nbytes} bytes: expected numbers")
        content = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"), copy=False)
        dtype = value.dtype.newbyteorder("<").str
        return {tag: [dtype, list(value.shape), self.buffer(content.tobytes())]}


def decode(text: bytes | bytearray, buffers: list[bytes]) -> Any:
    """The value that was encoded, out of bytes that anybody may have written.

    Raises:
        BadMessage: they do not describe a value.
    """
    try:
        return _read(json.loads(bytes(text)), buffers, 0)
    except BadMessage:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise BadMessage(f"the bytes describe no plain data ({type(error).__name__})") from error


def _read(node: Any, buffers: list[bytes], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise BadMessage("the data is nested too deeply")
    if type(node) is not dict:
        if type(node) is list:
            raise BadMessage("a bare list describes no value")
        return node
    ((tag, content),) = node.items()
    if tag in _SEQUENCES:
        return _SEQUENCES[tag]([_read(item, buffers, depth + 1) for item in content])
    if tag == "dict":
        return {_read(k, buffers, depth + 1): _read(v, buffers, depth + 1) for k, v in content}
    if tag == "complex":
        return complex(float(content[0]), float(content[1]))
    if tag == "bytes":
        return bytes(buffers[_whole(content)])
    if tag == "tensor":
        return _tensor(*content, buffers=buffers)
    if tag in ("array", "scalar"):
        array = _array(*content, buffers=buffers)
        return array if tag == "array" else array.reshape(1)[0]
    raise BadMessage(f"there is no kind of data {tag[:20]!r}")


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise BadMessage("a size or a place is not a whole number")
    return value


def _content(shape: Any, width: int, place: Any, buffers: list[bytes]) -> bytearray:
    sizes = [_whole(size) for size in shape]
    content = bytearray(buffers[_whole(place)])
    if len(sizes) > 16 or math.prod(sizes) * width != len(content):
        raise BadMessage("a shape does not fit its bytes")
    return content


def _tensor(name: Any, shape: Any, grad: Any, place: Any, *, buffers: list[bytes]) -> Tensor:
    dtype = _DTYPES[name]
    content = _content(shape, dtype.itemsize, place, buffers)
    if not content:
        tensor = torch.empty(shape, dtype=dtype)
    elif dtype is torch.bool:  # any byte but 0 counts as true, and none but 0 and 1 stays
        tensor = torch.frombuffer(content, dtype=torch.uint8).ne(0).reshape(shape)
    else:
        tensor = torch.frombuffer(content, dtype=dtype).reshape(shape)
    return tensor.requires_grad_() if grad is True else tensor


def _array(name: Any, shape: Any, place: Any, *, buffers: list[bytes]) -> Any:
    dtype = np.dtype(str(name))
    if dtype.kind not in "biufc":
        raise BadMessage("an array does not hold numbers")
    content = _content(shape, dtype.itemsize, place, buffers)
    array = np.frombuffer(content, dtype=np.uint8 if dtype.kind == "b" else dtype)
    array = array != 0 if dtype.kind == "b" else array.astype(dtype.newbyteorder("="))
    return array.reshape(shape)


def _too_large() -> str:
    return f"over {MAX_BYTES >> 20} MiB or {MAX_BUFFERS} pieces of data: return less"
