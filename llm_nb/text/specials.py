"""Where the special tokens that a caller allows stand in a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable


def split_at_specials(text: str, allowed: Iterable[str], known: Collection[str]) -> list[str]:
    """``text`` cut at the ``allowed`` special tokens, which are the parts at the odd places.

    Where several could begin, the longest counts: ``<|a|><|b|>`` can itself be a special token.

    >>> split_at_specials("a<|end|>", ["<|end|>"], {"<|end|>": 256})
    ['a', '<|end|>', '']

    Raises:
        ValueError: one of ``allowed`` is not ``known``.
    """
    longest_first = sorted(set(allowed), key=len, reverse=True)
    if unknown := [token for token in longest_first if token not in known]:
        raise ValueError(f"unknown special token(s) {unknown}: this tokenizer has {list(known)}")
    if not longest_first:
        return [text]
    return re.split(f"({'|'.join(map(re.escape, longest_first))})", text)
