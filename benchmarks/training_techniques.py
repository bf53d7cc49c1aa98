"""What each technique of the trainer gives by itself: all but one, and one alone.

The step is that of `training.py` at the large vocabulary: fused AdamW, the loss in chunks, and
glibc's thresholds raised so that a step does not fault its pages in again.
"""

from __future__ import annotations

from collections.abc import Iterator

from run import Comparison
from training import BASELINE, OURS, TECHNIQUES, TITLE, compare, with_only, without

VOCABULARY = 50_304


def comparisons() -> Iterator[Comparison]:
    """Down from the trainer, then up from the plain loop."""
    title = f"{TITLE}, vocabulary {VOCABULARY:,}"
    for what, first, variant in (
        ("less one technique", OURS, without),
        ("plus one technique", BASELINE, with_only),
    ):
        names = [first, *map(variant, TECHNIQUES)]
        yield compare(f"{title}, {what}", VOCABULARY, 1, names, "")
