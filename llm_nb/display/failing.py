"""Showing code that fails, without stopping the notebook."""

from __future__ import annotations

from collections.abc import Callable


def attempt(call: Callable[[], object]) -> None:
    """Run ``call`` and print what it raised, in one line, or that it ran."""
    try:
        call()
    except Exception as error:  # whatever it is, it is what the reader should see
        first, *_ = str(error).splitlines() or [""]
        print(f"{type(error).__name__}: {first}")
    else:
        print("no error")
