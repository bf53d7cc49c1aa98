"""Text while it is being written."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


class TextStreamer:
    """Writes the first row's text as its tokens come, never half a character.

    >>> streamer = TextStreamer(lambda ids: bytes(ids).decode(errors="replace"), print)
    >>> for byte in "né".encode():
    ...     streamer(torch.tensor([byte]))
    n
    é
    """

    def __init__(self, decode: Callable[[list[int]], str], write: Callable[[str], object]) -> None:
        self.decode, self.write = decode, write
        self.ids: list[int] = []
        self.written = 0

    def __call__(self, new: Tensor) -> None:
        """Take the new ids (B,) of one step."""
        self.ids.append(int(new[0]))
        text = self.decode(self.ids)
        if len(text) > self.written and not text.endswith("\N{REPLACEMENT CHARACTER}"):
            self.write(text[self.written :])
            self.written = len(text)

    def rest(self) -> str:
        """What was held back, at the end: a character that the last token cut off."""
        return self.decode(self.ids)[self.written :]
