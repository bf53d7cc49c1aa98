"""Trained word vectors: neighbours, analogies, and the files that other programs read.

Analogies are 3CosAdd (Mikolov et al. 2013c; named so by Levy & Goldberg 2014, section 3).

    suffix of the file   format
    .txt, .vec           a line a word: word, then numbers; first line "V d" (GloVe's have none)
    .bin                 "V d", then for each word its UTF-8, a space, d 32-bit floats
    .safetensors         tensor "vectors" (V, d), and the words as JSON in the metadata
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from llm_nb.files import write_whole

Pairs = list[tuple[str, float]]


class WordVectors:
    """One vector a word: ``words`` (V), ``vectors`` (V, d) in float32.

    Raises:
        ValueError: words that recur, another number of vectors, or numbers that are not finite.
    """

    def __init__(self, words: Sequence[str], vectors: Tensor | NDArray[np.float32]) -> None:
        self.words = list(words)
        self.vectors = torch.as_tensor(vectors).detach().to(torch.float32).contiguous()
        if self.vectors.dim() != 2 or 0 in self.vectors.shape:
            raise ValueError(
                f"vectors have shape {tuple(self.vectors.shape)}: give (words, dim), neither of them 0"
            )
        if len(self.words) != len(self.vectors):
            raise ValueError(
                f"{len(self.words)} words, but {len(self.vectors)} vectors: give one for each"
            )
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            twice = next(w for i, w in enumerate(self.words) if self._ids[w] != i)
            raise ValueError(f"the word {twice!r} stands there twice: keep one of its vectors")
        if not bool(self.vectors.isfinite().all()):
            wrong = int((~self.vectors.isfinite()).any(1).nonzero()[0])
            raise ValueError(
                f"the vector of {self.words[wrong]!r} is not finite: train again at a lower rate"
            )
        self._unit = F.normalize(self.vectors, dim=1)  # a vector of zeros stays one

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __getitem__(self, word: str) -> Tensor:
        return self.vectors[self.id_of(word)]  # (d,)

    def id_of(self, word: str) -> int:
        """The row of a word; a word that has none is named, with spellings that are close."""
        if word in self._ids:
            return self._ids[word]
        close = self._spellings_near(word)
        hint = f"did you mean {', '.join(map(repr, close))}?" if close else "try another word"
        raise ValueError(f"{word!r} is not among the {len(self)} words: {hint}")

    def similarity(self, a: str, b: str) -> float:
        """Cosine of the angle between two words' vectors."""
        return float(self._unit[self.id_of(a)] @ self._unit[self.id_of(b)])

    def neighbours(self, of: str | Tensor, n: int = 10) -> Pairs:
        """The ``n`` words with the highest cosine to a word, itself left out, or to a vector (d,)."""
        if isinstance(of, str):
            return self._nearest(self._unit[self.id_of(of)], n, {self.id_of(of)})
        if of.shape != self.vectors.shape[1:]:
            raise ValueError(
                f"a vector of shape {tuple(of.shape)}: needed ({self.vectors.shape[1]},)"
            )
        return self._nearest(F.normalize(of.detach().float(), dim=0), n, set())

    def analogy(self, a: str, b: str, c: str, n: int = 1) -> Pairs:
        """``a`` is to ``b`` as ``c`` is to …: the words nearest to b - a + c of unit length.

        The three themselves are left out; without that, the answer would mostly be b or c.
        """
        ids = [self.id_of(word) for word in (a, b, c)]
        target = self._unit[ids[1]] - self._unit[ids[0]] + self._unit[ids[2]]
        return self._nearest(F.normalize(target, dim=0), n, set(ids))

    def _nearest(self, unit: Tensor, n: int, left_out: set[int]) -> Pairs:
        if n < 1:
            raise ValueError(f"{n} neighbours asked for: ask for at least 1")
        cosine = self._unit @ unit  # (V,)
        values, ids = cosine.topk(min(n + len(left_out), len(self)))
        found = zip(ids.tolist(), values.tolist(), strict=True)
        return [(self.words[i], value) for i, value in found if i not in left_out][:n]

    def _spellings_near(self, word: str) -> list[str]:
        """Up to three; the slow comparison sees only words of like length, start and case."""
        other_case = [w for w in self.words if w != word and w.casefold() == word.casefold()]
        if other_case or not word:
            return other_case[:3]
        alike = [w for w in self.words if abs(len(w) - len(word)) <= 2 and w[:1] == word[:1]]
        return difflib.get_close_matches(word, alike, 3, 0.7)

    def save(self, path: str | Path) -> None:
        """Write a file in the format of its suffix; it appears whole or not at all.

        Raises:
            ValueError: the suffix is none of these, or a word cannot stand in the format.
        """
        path = Path(path)
        content = (
            self._as_safetensors()
            if _kind(path) == ".safetensors"
            else self._as_word2vec(binary=_kind(path) == ".bin")
        )
        write_whole(path, content)

    def _as_safetensors(self) -> bytes:
        return save({"vectors": self.vectors}, {"words": json.dumps(self.words)})

    def _as_word2vec(self, *, binary: bool) -> bytes:
        for word in self.words:
            if not word or " " in word or "\n" in word:
                raise ValueError(
                    f"the word {word!r} is empty or holds a space or a line end, which separate "
                    "words in this format: save as .safetensors"
                )
        lines = [f"{len(self)} {self.vectors.shape[1]}".encode()]
        for word, row in zip(self.words, self.vectors.numpy(), strict=True):
            numbers = row.astype("<f4").tobytes() if binary else " ".join(map(str, row)).encode()
            lines.append(word.encode() + b" " + numbers)
        return b"\n".join(lines) + b"\n"

    @classmethod
    def load(cls, path: str | Path) -> WordVectors:
        """Read a file in the format of its suffix.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the suffix is unknown, or the file is damaged or of another format.
        """
        path = Path(path)
        kind = _kind(path)
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}: give one that `save` or word2vec wrote")
        words: list[str]
        vectors: Tensor | NDArray[np.float32]
        try:
            if kind == ".safetensors":
                words, vectors = _read_safetensors(path)
            else:
                words, vectors = _read_binary(path) if kind == ".bin" else _read_text(path)
        except (SafetensorError, UnicodeDecodeError, json.JSONDecodeError, KeyError) as error:
            raise ValueError(f"{path} is no {kind} file of word vectors: {error}") from None
        return cls(words, vectors)


def _kind(path: Path) -> str:
    if path.suffix not in (".txt", ".vec", ".bin", ".safetensors"):
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}: use .txt or .vec for text, .bin or .safetensors"
        )
    return path.suffix


def _read_safetensors(path: Path) -> tuple[list[str], Tensor]:
    with safe_open(path, "pt") as file:
        return json.loads((file.metadata() or {})["words"]), file.get_tensor("vectors")


def _header(line: bytes) -> tuple[int, int] | None:
    """V and d of a line "V d"; None where the line is anything else."""
    fields = line.split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[0]), int(fields[1])
    return None


def _read_binary(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    content = path.read_bytes()
    at = content.find(b"\n") + 1
    header = _header(content[:at])
    if header is None:
        raise ValueError(f"{path} does not begin with the numbers of words and of dimensions")
    count, dim = header
    words: list[str] = []
    rows = []
    for _ in range(count):
        end = content.find(b" ", at)
        numbers = content[end + 1 : end + 1 + 4 * dim]
        if end < 0 or len(numbers) < 4 * dim:
            raise ValueError(
                f"{path} is cut off after {len(words)} of {count} words: fetch it again"
            )
        words.append(content[at:end].lstrip(b"\n").decode())  # some programs end no line
        rows.append(np.frombuffer(numbers, "<f4"))
        at = end + 1 + 4 * dim
    return words, np.array(rows, np.float32).reshape(count, dim)


def _read_text(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    lines = path.read_bytes().removesuffix(b"\n").split(b"\n")  # no other character ends a line
    header = _header(lines[0])
    if header is not None:
        del lines[0]
        if len(lines) != header[0]:
            raise ValueError(
                f"{path} promises {header[0]} words and has {len(lines)}: fetch it again"
            )
    dim = header[1] if header else len(lines[0].rstrip().split(b" ")) - 1
    words: list[str] = []
    vectors = np.empty((len(lines), dim), np.float32)
    for i, line in enumerate(lines):
        word, *numbers = line.rstrip(b" \r").rsplit(b" ", dim)
        try:
            vectors[i] = [float(number) for number in numbers]
        except ValueError:
            raise ValueError(
                f"line {i + 1 + bool(header)} of {path} is not a word and {dim} numbers"
            ) from None
        words.append(word.decode())
    return words, vectors
