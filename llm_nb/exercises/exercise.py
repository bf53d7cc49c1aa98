"""What a code exercise is: random inputs, what is right, and the mistakes that one can make."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Draw:
    """Random inputs of one case; the same words and numbers always give the same ones.

    ``case`` counts from 0, so that the first inputs can be the plain or the extreme ones.
    """

    def __init__(self, *words: object, case: int = 0) -> None:
        self.case = case
        words += (case,)
        digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
        seed = int.from_bytes(digest[:6], "big")
        self._random, self._generator = random.Random(seed), torch.Generator().manual_seed(seed)

    def integer(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return self._random.randint(low, high)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self._random.choice(options)

    def normal(self, *shape: int) -> Tensor:
        """Normal numbers, float32, of the given shape."""
        return torch.randn(*shape, generator=self._generator)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Integers from 0 to ``high`` - 1, int64, of the given shape."""
        return torch.randint(high, shape, generator=self._generator)


@dataclass(frozen=True)
class WrongAnswer:
    """A mistake that people make, as a program, and the one sentence that names it."""

    name: str
    message: str
    function: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """One code exercise. An answer is a function of plain data: tensors, arrays, numbers, text,
    lists, tuples and dicts of these, None. It is only called, never looked into, so that it may
    as well run elsewhere.

    Args:
        number: ``"11.2"``: the chapter, then the place in it.
        minutes: what a student of the chapter should need.
        difficulty: 1 (apply the chapter), 2 (combine), 3 (find out).
        inputs: the arguments of one case.
        expected: what is right for them.
        wrong: the mistakes that are recognised, likeliest first.
        hints: from a nudge to almost there.
        cases: inputs drawn for one check.
        seconds: what all of them together may take.
        rtol, atol: how far floating-point numbers may be off (``torch.testing.assert_close``).
    """

    number: str
    title: str
    points: int
    minutes: int
    difficulty: int
    inputs: Callable[[Draw], tuple[Any, ...]]
    expected: Callable[..., Any]
    wrong: tuple[WrongAnswer, ...]
    hints: tuple[str, ...]
    cases: int = 6
    seconds: float = 5.0
    rtol: float = 1e-4
    atol: float = 1e-5

    def draw_cases(self, seed: object, variant: int | None) -> list[tuple[Any, ...]]:
        """The arguments of every case of one check."""
        words = (self.number, variant, seed)
        return [self.inputs(Draw(*words, case=case)) for case in range(self.cases)]
