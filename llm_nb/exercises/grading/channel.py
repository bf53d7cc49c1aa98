"""Messages of plain data over a socket, with bounds on their size and on the wait for them."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from llm_nb.exercises.grading.codec import (
    MAX_BUFFERS,
    MAX_BYTES,
    MAX_TEXT,
    BadMessage,
    decode,
    encode,
)

_HEAD = struct.Struct(">IHQ")  # bytes of JSON, number of buffers, bytes of buffers


class Closed(ConnectionError):
    """The other side has ended."""


class Channel:
    """One end of a connection. After any error but ``NotPlainData`` it is of no more use."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, value: Any, seconds: float | None = None) -> None:
        """Send a value.

        Raises:
            NotPlainData: it cannot be sent; nothing was.
            TimeoutError: the other side did not take it in time.
            Closed: the other side has ended.
        """
        text, buffers = encode(value)
        sizes = struct.pack(f">{len(buffers)}Q", *map(len, buffers))
        head = _HEAD.pack(len(text), len(buffers), sum(map(len, buffers)))
        self.connection.settimeout(seconds)
        try:
            self.connection.sendall(b"".join([head, sizes, text, *buffers]))
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed("the other side has ended") from error

    def receive(self, seconds: float | None = None) -> Any:
        """The next value, within so many seconds in all.

        Raises:
            TimeoutError: it did not come in time.
            BadMessage: what came is no plain data, or too much.
            Closed: the other side has ended.
        """
        end = None if seconds is None else time.monotonic() + seconds
        length, count, total = _HEAD.unpack(self._exactly(_HEAD.size, end))
        if length > MAX_TEXT or total > MAX_BYTES or count > MAX_BUFFERS:
            raise BadMessage(f"a message of {length + total} bytes is too large")
        sizes = struct.unpack(f">{count}Q", self._exactly(8 * count, end))
        if sum(sizes) != total:
            raise BadMessage("the sizes of a message contradict each other")
        text = self._exactly(length, end)
        content = self._exactly(total, end)
        buffers, place = [], 0
        for size in sizes:
            buffers.append(bytes(content[place : place + size]))
            place += size
        return decode(text, buffers)

    def _exactly(self, size: int, end: float | None) -> bytearray:
        content = bytearray(size)
        view, place = memoryview(content), 0
        while place < size:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError("no answer in time")
            self.connection.settimeout(left)
            try:
                got = self.connection.recv_into(view[place:])
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed("the other side has ended") from error
            if not got:
                raise Closed("the other side has ended")
            place += got
        return content

    def close(self) -> None:
        """End the connection."""
        self.connection.close()
