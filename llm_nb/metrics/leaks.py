"""Is a held-out text really new? Two judges that can remember, and nothing else."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from llm_nb.metrics.language import bits_per_byte
from llm_nb.models.ngram import KneserNey


class Leak(NamedTuple):
    """Bits per byte of a held-out text for judges that have seen the training text."""

    xz: float  # a compressor, which looks for strings that it has seen
    counting: float  # a Kneser–Ney model of bytes


def leak_bits_per_byte(train: Sequence[str], validation: Sequence[str], order: int = 8) -> Leak:
    """What a memory of the training documents makes of the held-out ones.

    A compressor knows no grammar: where it needs far fewer bits after the training text than it
    needs for a text of the kind that shares no passage with it, the two share passages, and any
    model's score on them is a memory test.

    Args:
        train: the documents that may be remembered; xz looks back 64 MB, so no more of them.
        order: of the n-grams of bytes, from 1 to 8.

    Raises:
        ValueError: a part is empty, or the training text is over 64 MB.
    """
    known, new = ("\n\n".join(part).encode() for part in (train, validation))
    if not known or not new:
        raise ValueError("there is no text in one of the two parts: give both")
    if len(known) > 64 << 20:
        raise ValueError(f"{len(known):,} bytes of training text are over xz's memory of 64 MB")
    xz = _compressed(known + new) - _compressed(known)
    counts = KneserNey(order, 256).fit(np.frombuffer(known, np.uint8))
    tail = known[-order:]  # what stands before the first byte
    logs = counts.log2_probs(np.frombuffer(tail + new, np.uint8))[len(tail) :]
    return Leak(bits_per_byte(8 * xz, len(new)), bits_per_byte(-float(logs.sum()), len(new)))


def _compressed(data: bytes) -> int:
    return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
