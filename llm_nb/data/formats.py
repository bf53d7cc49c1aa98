"""The file formats of single tasks: CoNLL, SQuAD's JSON, folders of recordings, load_from_disk."""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile

from llm_nb.data.examples import Answer, Question, Tagged, Utterance, bio_fault
from llm_nb.data.reading import BadFile, read_json, text_lines
from llm_nb.data.tables import empty
from llm_nb.extras import library

# A line of CoNLL-U that is no word: 1-2 spans several words, 1.1 is an empty node.
_NO_WORD = re.compile(r"\d+[-.]\d+$")

_SQUAD = "data → paragraphs → context, qas → id, question, answers → text, answer_start"


def read_conll(path: str | Path, word: int = 0, tag: int = -1) -> list[Tagged]:
    """Sentences of a CoNLL file: a word a line, its columns apart by a tab or spaces, a blank
    line after each sentence. CoNLL-U's parts of speech are ``word=1, tag=3``.

    Raises:
        BadFile: a line lacks a column, or a tag does not follow BIO; the line is named.
    """
    found: list[Tagged] = []
    words: list[tuple[str, str, int]] = []

    def close() -> None:
        if words:
            texts, tags, numbers = zip(*words, strict=True)
            if fault := bio_fault(tags):
                raise BadFile(path, numbers[fault.place], fault.message)
            found.append(Tagged(texts, tags))
            words.clear()

    for number, line in text_lines(path):
        fields = line.split("\t") if "\t" in line else line.split()
        comment = line.startswith("# ") and "\t" not in line
        if not line.strip() or fields[0] == "-DOCSTART-":
            close()
        elif not comment and not (word and _NO_WORD.match(fields[0])):
            least = max(word if word >= 0 else -word - 1, tag if tag >= 0 else -tag) + 1
            if len(fields) < max(2, least) or not fields[word] or not fields[tag].strip():
                raise BadFile(
                    path, number, f"{line[:60]!r} lacks its word or its tag: write word, tab, tag"
                )
            words.append((fields[word], fields[tag].strip(), number))
    close()
    if not found:
        raise empty(path)
    return found


def read_squad(path: str | Path) -> list[Question]:
    """The questions of a file in the format of SQuAD 1.1 or 2.0 (Rajpurkar et al. 2016, 2018).

    Raises:
        BadFile: the file is no JSON or has another structure, or an answer does not stand where
            its offset says; the question is named by its id.
    """
    try:
        articles = read_json(path)["data"]
    except (KeyError, TypeError):
        raise BadFile(path, None, f"no SQuAD file, which holds {_SQUAD}") from None
    found, at = [], "its beginning"
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                for item in paragraph["qas"]:
                    at = f"question {item['id']}"
                    answers = tuple(Answer(a["text"], a["answer_start"]) for a in item["answers"])
                    found.append(Question(paragraph["context"], item["question"], answers))
    except (KeyError, TypeError) as error:
        raise BadFile(path, None, f"{at} lacks {error}: a SQuAD file holds {_SQUAD}") from None
    except ValueError as error:
        raise BadFile(path, None, f"{at}: {error}") from None
    if not found:
        raise empty(path)
    return found


def parent_name(path: Path) -> str:
    """The name of the folder that a file is in, which is its label in a folder of classes."""
    return path.parent.name


def read_wavs(
    folder: str | Path, label: Callable[[Path], str] = parent_name
) -> dict[str, Utterance]:
    """Every ``*.wav`` under a folder, by its path inside it, in the order of names.

    Args:
        label: tells the label of a recording from its path.

    Raises:
        BadFile: a recording is cut short, is not PCM or float, or has several channels.
        FileNotFoundError: there is no recording.
    """
    folder = Path(folder)
    paths = sorted(folder.rglob("*.wav"))
    if not paths:
        raise FileNotFoundError(f"no *.wav under {folder}: check the path")
    return {
        path.relative_to(folder).as_posix(): utterance(path.read_bytes(), label(path), path)
        for path in paths
    }


def utterance(content: bytes, label: str, name: str | Path) -> Utterance:
    """One recording from the bytes of a wav file; ``name`` is for the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)  # else a cut file passes
            rate, samples = wavfile.read(io.BytesIO(content))
    except (ValueError, EOFError, struct.error, wavfile.WavFileWarning) as error:
        raise BadFile(
            name, None, f"no wav file, or cut short ({error}): record or fetch it again"
        ) from None
    if samples.ndim != 1:
        raise BadFile(name, None, f"it has {samples.shape[1]} channels: mix them down to one")
    try:
        return Utterance(_floats(samples), rate, label)
    except ValueError as error:
        raise BadFile(name, None, str(error)) from None


def read_from_disk(folder: str | Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each part of what ``datasets`` wrote by ``save_to_disk``, class names for ids.

    A data set without parts counts as ``"train"``.

    Raises:
        BadFile: the folder is none, or is damaged.
        ImportError: ``datasets`` is not installed.
    """
    datasets = library("datasets", "hub")
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"no folder at {folder}: check the path")
    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # of many kinds: of files, of JSON, of Arrow
        raise BadFile(folder, None, f"not written by save_to_disk, or damaged ({error})") from None
    parts = loaded if isinstance(loaded, datasets.DatasetDict) else {"train": loaded}
    return {name: named_rows(part) for name, part in parts.items()}


def named_rows(part: Any) -> list[dict[str, Any]]:
    """The rows of a ``datasets.Dataset``, with the names of classes for their numbers and
    recordings as their bytes; a class of −1, "not known", becomes None."""
    datasets = library("datasets", "hub")
    columns: dict[str, list[Any]] = {}
    for name, feature in part.features.items():
        if isinstance(feature, datasets.Audio):  # its decoder needs FFmpeg
            part = part.cast_column(name, datasets.Audio(decode=False))
        inner = getattr(feature, "feature", feature)  # of a list
        values = list(part[name])
        if isinstance(inner, datasets.ClassLabel):
            names = [*inner.names, None]  # the last: -1
            values = [[names[i] for i in v] if isinstance(v, list) else names[v] for v in values]
        columns[name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _floats(samples: Any) -> Any:
    """PCM of 8 (unsigned), 16 or 32 bits, or floats, as float32 from -1 to 1."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.integer):
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    return samples.astype(np.float32)
