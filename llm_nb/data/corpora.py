"""Real text without a network: two corpora that every Python carries, and plain local files.

Training and validation text must not share passages, or a held-out score measures memory.
So whole documents go to one side, by a hash of their name (the same in every Python
version), and a paragraph that has occurred before is dropped wherever it recurs.
"""

from __future__ import annotations

import hashlib
import sysconfig
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Tests repeat the code they test; the code pages in encodings/ are near-copies of one
# table; _sysconfigdata and config-* hold one machine's settings; site-packages are not
# Python's own.
_SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "idle_test", "encodings", "pydoc_data", "site-packages", "dist-packages"}
    | {"__pycache__", "lib-dynload", "_bundled"}
)


@dataclass(frozen=True)
class Corpus:
    """Named text, split by document into training and validation parts."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    licence: str

    def __post_init__(self) -> None:
        for part in ("train", "validation"):
            if not any(text.strip() for text in getattr(self, part)):
                raise ValueError(
                    f"corpus {self.name!r} has no {part} text: give more, or larger, documents"
                )

    def n_bytes(self, part: str) -> int:
        """UTF-8 bytes of all documents of ``"train"`` or ``"validation"``."""
        return sum(len(text.encode()) for text in getattr(self, part))

    def __str__(self) -> str:
        sizes = ", ".join(
            f"{part} {len(getattr(self, part))} documents, {self.n_bytes(part) / 1e6:.2f} MB"
            for part in ("train", "validation")
        )
        return f"{self.name}: {sizes} ({self.licence})"


def standard_library() -> Corpus:
    """The source of Python's standard library, about 9 MB; a file is a document."""
    root = Path(sysconfig.get_paths()["stdlib"])
    documents = {}
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        skipped = _SKIPPED_FOLDERS.intersection(inside.parts[:-1])
        if skipped or inside.parts[0].startswith(("_sysconfigdata", "config-")):
            continue
        try:
            with tokenize.open(path) as file:  # honours a file's own coding line
                documents[inside.as_posix()] = file.read()
        except (SyntaxError, UnicodeDecodeError):
            continue  # deliberately broken fixtures
    return split_documents("standard-library", documents, "Python Software Foundation License")


def language_reference() -> Corpus:
    """Python's language reference as ``help()`` prints it, about 0.4 MB; a topic is a document."""
    from pydoc_data.topics import topics

    return split_documents("language-reference", topics, "Python Software Foundation License")


def local_text(path: str | Path, *, licence: str = "yours") -> Corpus:
    """A text file (its paragraphs are the documents) or a folder of ``*.txt`` files.

    Raises:
        FileNotFoundError: nothing is there, or the folder holds no ``*.txt``.
        ValueError: the text is empty, is not UTF-8, or is too short to be split.
    """
    path = Path(path)
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    if not files or not all(f.is_file() for f in files):
        raise FileNotFoundError(
            f"no text at {path}: give a UTF-8 text file or a folder of *.txt files"
        )
    texts = {}
    for file in files:
        try:
            texts[file.name if file == path else file.relative_to(path).as_posix()] = (
                file.read_text("utf-8")
            )
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{file} is not UTF-8 text (byte {error.start}): convert it first"
            ) from None
    if len(texts) == 1:
        [text] = texts.values()
        texts = {f"paragraph {i}": p for i, p in enumerate(_paragraphs(text))}
    return split_documents(path.stem, texts, licence)


CORPORA = {"standard-library": standard_library, "language-reference": language_reference}


def load_corpus(name: str) -> Corpus:
    """One of ``CORPORA`` by its name, or the local file or folder of that path."""
    if name in CORPORA:
        return CORPORA[name]()
    if Path(name).exists():
        return local_text(name)
    raise ValueError(
        f"unknown corpus {name!r}: use {', '.join(CORPORA)}, or the path of a text file or folder"
    )


def split_documents(
    name: str, documents: Mapping[str, str], licence: str, validation_share: float = 0.1
) -> Corpus:
    """Drop recurring paragraphs, then split documents by a hash of their names.

    A paragraph is kept where it first occurs (documents in the order of their names), so no
    paragraph stands on both sides.
    """
    seen: set[bytes] = set()
    sides: tuple[list[str], list[str]] = ([], [])
    for key in sorted(documents):
        digest = hashlib.sha256(key.encode()).digest()
        held_out = int.from_bytes(digest[:4], "big") < validation_share * 2**32
        if text := _without_repeats(documents[key], seen):
            sides[held_out].append(text)
    return Corpus(name, tuple(sides[0]), tuple(sides[1]), licence)


def _paragraphs(text: str) -> list[str]:
    """Blocks separated by blank lines."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    return ["\n".join(block) for block in blocks if block]


def _without_repeats(text: str, seen: set[bytes]) -> str:
    """``text`` without the paragraphs whose hashes are in ``seen``, which grows."""
    kept = []
    for paragraph in _paragraphs(text):
        key = hashlib.sha256("".join(paragraph.split()).encode()).digest()
        if key not in seen:
            seen.add(key)
            kept.append(paragraph)
    return "\n\n".join(kept) + "\n" if kept else ""
