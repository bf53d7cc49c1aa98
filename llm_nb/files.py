"""Files and folders that appear whole or not at all.

Everything is written into a hidden folder beside its place, brought to the disk, and then moved
there in one step. A crash, a kill or a full disk leaves what was there before.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

_PREFIX = ".saving-"


@contextmanager
def scratch_folder(place: str | Path) -> Iterator[Path]:
    """An empty folder beside ``place``, on its disk, deleted at the end.

    Raises:
        OSError: whatever kept the block from writing, with what to do about it.
    """
    place = Path(place)
    try:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=_PREFIX) as name:
            yield Path(name)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        number = getattr(error, "errno", None) or 0
        raise OSError(
            number,
            f"{place} could not be written ({reason}): make room, or choose another place; "
            "what stood there before is unchanged",
        ) from error


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write one file, text as UTF-8.

    Raises:
        OSError: it could not be written; the old one is unchanged.
    """
    path = Path(path)
    with scratch_folder(path) as scratch:
        new = scratch / path.name
        new.write_bytes(content.encode() if isinstance(content, str) else content)
        move(new, path)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill, which is moved to ``path`` when the block ends without an error.

    Raises:
        OSError: it could not be written, or ``path`` exists.
    """
    path = Path(path)
    with scratch_folder(path) as scratch:
        new = scratch / path.name
        new.mkdir()
        yield new
        if path.exists():
            raise FileExistsError(errno.EEXIST, "it exists already")
        move(new, path)


def move(new: Path, path: Path) -> None:
    """Bring ``new``, a file or a folder of files, to the disk, then put it at ``path``."""
    for file in new.iterdir() if new.is_dir() else [new]:
        to_disk(file)
    os.replace(new, path)
    with suppress(OSError):  # Windows cannot open a folder
        to_disk(path.parent)


def remove_folder(path: str | Path) -> None:
    """Delete a folder; whoever is killed meanwhile leaves no part of it under its name."""
    path = Path(path)
    gone = path.with_name(f"{_PREFIX}{path.name}")
    os.replace(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: str | Path) -> None:
    """Delete what killed writers left half-written in ``folder``; only while nobody writes there."""
    for path in Path(folder).glob(f"{_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def to_disk(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, would survive a loss of power."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # as each system wants it
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
