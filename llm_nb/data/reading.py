"""Text files read line by line, and what is wrong with a file in one sentence.

Everything that reads a local file reads it through here. The text is UTF-8. A byte-order mark and
Windows line ends are taken off in silence, since every editor writes them; what cannot be read
stops the reading with the name of the file, the line and the remedy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAX_LINE = 64_000_000  # bytes; SQuAD 2.0's training set is one line of 42 MB

_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class BadFile(ValueError):
    """A file that cannot be read as what it should be; the message names file, line and remedy."""

    def __init__(self, path: str | Path, line: int | None, message: str) -> None:
        super().__init__(f"{path}{'' if line is None else f', line {line}'}: {message}")


def text_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers from 1, without their ends.

    Lines end at ``\\n`` alone (``\\r`` before it is taken off), so that the numbers are those of
    every editor.

    Raises:
        BadFile: a line is not UTF-8, has a NUL byte, or is over ``MAX_LINE`` bytes.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}: check the path")
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MAX_LINE + 1):
            number += 1
            if len(raw) > MAX_LINE:
                raise BadFile(
                    path,
                    number,
                    f"the line is longer than {MAX_LINE:,} bytes: is this a text file? "
                    "break its lines",
                )
            if number == 1:
                raw = _without_mark(path, raw)
            yield number, _decoded(path, number, raw)


def read_text(path: str | Path) -> str:
    """The whole text of a UTF-8 file, lines ended by ``\\n``; errors as in ``text_lines``."""
    return "".join(f"{line}\n" for _, line in text_lines(path))


def read_json(path: str | Path) -> Any:
    """What a JSON file holds.

    Raises:
        BadFile: as ``text_lines``, or the text is no JSON.
    """
    try:
        return json.loads(read_text(path).rstrip())
    except json.JSONDecodeError as error:
        raise BadFile(path, error.lineno, f"no JSON ({error.msg}): is the file whole?") from None


def _without_mark(path: Path, raw: bytes) -> bytes:
    for mark, name in _MARKS.items():
        if raw.startswith(mark):
            raise BadFile(
                path,
                1,
                f"the file is {name}, not UTF-8: save it as UTF-8, or run iconv -f {name} -t UTF-8",
            )
    return raw.removeprefix(b"\xef\xbb\xbf")


def _decoded(path: Path, number: int, raw: bytes) -> str:
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    if b"\0" in line:
        raise BadFile(
            path,
            number,
            f"there is a NUL byte at byte {line.index(0)}: the file is binary, or UTF-16 without "
            "its mark; save it as UTF-8 text",
        )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise BadFile(
            path,
            number,
            f"byte 0x{line[error.start]:02x} at byte {error.start} is not UTF-8: convert the whole "
            "file from its encoding (iconv -f GB18030 or -f CP1252, -t UTF-8); if only some "
            "lines are, it mixes two encodings",
        ) from None
