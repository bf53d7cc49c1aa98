"""Real text without a network: two corpora that every Python carries, and local files.

Training and validation text must not share passages, or a held-out score measures memory.
So whole documents go to one side, by a hash of their name (the same in every Python
version); a paragraph that has occurred before is dropped wherever it recurs; and a paragraph of
the validation text that nearly repeats one of the training text is dropped too.
"""

from __future__ import annotations

import hashlib
import platform
import sysconfig
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llm_nb.data.documents import read_documents
from llm_nb.data.duplicates import near_duplicates

PSF = "Python Software Foundation License"

# Tests repeat the code they test; the code pages in encodings/ are near-copies of one
# table; _sysconfigdata and config-* hold one machine's settings; site-packages are not
# Python's own.
_SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "idle_test", "encodings", "pydoc_data", "site-packages", "dist-packages"}
    | {"__pycache__", "lib-dynload", "_bundled"}
)


@dataclass(frozen=True)
class Corpus:
    """Named text, split by document into training and validation parts.

    ``n_exact`` and ``n_near`` count the paragraphs that were dropped because they recur or nearly
    recur; ``notes`` says what else was left out, and of which Python the text is.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    licence: str
    n_exact: int = 0
    n_near: int = 0
    notes: tuple[str, ...] = ()

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

    def report(self) -> str:
        """Its sizes, its licence, and all that was left out, a line each."""
        dropped = (
            f"dropped {self.n_exact:,} paragraphs that recur, and {self.n_near:,} of the "
            "validation text that nearly repeat one of the training text"
        )
        return "\n".join([str(self), dropped, *self.notes])


@cache
def standard_library() -> Corpus:
    """The source of Python's standard library, about 9 MB; a file is a document."""
    root = Path(sysconfig.get_paths()["stdlib"])
    documents, broken = {}, 0
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        skipped = _SKIPPED_FOLDERS.intersection(inside.parts[:-1])
        if skipped or inside.parts[0].startswith(("_sysconfigdata", "config-")):
            continue
        try:
            with tokenize.open(path) as file:  # honours a file's own coding line
                documents[inside.as_posix()] = file.read()
        except (SyntaxError, UnicodeDecodeError):
            broken += 1  # on purpose, for the tests of Python's own parsers
    notes = (_python(), *([f"passed over {broken} files that are not UTF-8"] if broken else []))
    return split_documents("standard-library", documents, PSF, notes=notes)


@cache
def language_reference() -> Corpus:
    """Python's language reference as ``help()`` prints it, about 0.4 MB; a topic is a document."""
    return split_documents("language-reference", reference_topics(), PSF, notes=(_python(),))


def reference_topics() -> Mapping[str, str]:
    """The topics of the language reference as they are, whole paragraphs repeated among them."""
    from pydoc_data.topics import topics

    return topics


def _python() -> str:
    return f"of Python {platform.python_version()}"


def local_text(path: str | Path, *, licence: str = "yours", text_column: str = "") -> Corpus:
    """A text file (its paragraphs are the documents), or a file or folder of the kinds of
    ``documents.KINDS`` (a file, or a row of a table, is a document).

    Raises:
        FileNotFoundError: nothing is there, or nothing of these kinds.
        ValueError: the text is empty, is not UTF-8, or is too short to be split.
    """
    path = Path(path)
    texts, notes = read_documents(path, text_column)
    if path.is_file() and len(texts) == 1:
        [text] = texts.values()
        texts = {f"paragraph {i}": p for i, p in enumerate(_paragraphs(text))}
    return split_documents(path.stem, texts, licence, notes=notes)


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
    name: str,
    documents: Mapping[str, str],
    licence: str,
    validation_share: float = 0.1,
    notes: tuple[str, ...] = (),
) -> Corpus:
    """Drop recurring paragraphs, split documents by a hash of their names, and drop what in the
    validation part nearly repeats the training part.

    A paragraph is kept where it first occurs (documents in the order of their names), so no
    paragraph stands on both sides. Near repetitions within the training part stay: they make no
    score dishonest.

    Where more than half of the validation part would go, as with sentences made from a pattern,
    nothing nearly repeated is dropped, since that is what the text is like; a note says so.
    """
    seen: set[bytes] = set()
    sides: tuple[list[list[str]], list[list[str]]] = ([], [])
    n_all = 0
    for key in sorted(documents):
        paragraphs = _paragraphs(documents[key])
        n_all += len(paragraphs)
        sides[_held_out(key, validation_share)].append(_without_repeats(paragraphs, seen))
    known, held_out = ([p for document in side for p in document] for side in sides)
    twins = [match is not None for match in near_duplicates(held_out, known)]
    if sum(twins) > len(twins) / 2:
        share = f"{sum(twins):,} of {len(twins):,} paragraphs of the validation text"
        notes = (
            *notes,
            f"{share} nearly repeat the training text, too many to drop: the text is made that way",
        )
        twins = [False] * len(twins)
    drop = iter(twins)
    validation = [[p for p in document if not next(drop)] for document in sides[1]]
    train, validation_texts = (
        tuple(_joined(document) for document in side if document) for side in (sides[0], validation)
    )
    return Corpus(name, train, validation_texts, licence, n_all - len(seen), sum(twins), notes)


def split_as_it_is(
    name: str, documents: Mapping[str, str], licence: str, validation_share: float = 0.1
) -> Corpus:
    """The same split with every repetition left in: what ``metrics.leak_bits_per_byte`` shows."""
    sides: tuple[list[str], list[str]] = ([], [])
    for key in sorted(documents):
        if paragraphs := _paragraphs(documents[key]):
            sides[_held_out(key, validation_share)].append(_joined(paragraphs))
    return Corpus(name, tuple(sides[0]), tuple(sides[1]), licence)


def _held_out(key: str, validation_share: float) -> bool:
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:4], "big") < validation_share * 2**32


def _paragraphs(text: str) -> list[str]:
    """Blocks separated by blank lines."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    return ["\n".join(block) for block in blocks if block]


def _joined(paragraphs: list[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _without_repeats(paragraphs: list[str], seen: set[bytes]) -> list[str]:
    """The paragraphs whose hashes are not in ``seen``, which grows."""
    kept = []
    for paragraph in paragraphs:
        key = hashlib.sha256("".join(paragraph.split()).encode()).digest()
        if key not in seen:
            seen.add(key)
            kept.append(paragraph)
    return kept
