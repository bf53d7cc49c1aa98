"""``check("11.2", my_function)``: what passed, else the likeliest mistake and, asked for, a hint.

The answer is called with random inputs drawn from a seed and what it returns is compared with
what is right; the instructor's hidden tests are the same check on another seed. Where it is
wrong, every known mistake is tried on the same inputs, and the one that gives the same is named.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from llm_nb.exercises.chapters import find_exercise
from llm_nb.exercises.comparing import difference
from llm_nb.exercises.exercise import Exercise, WrongAnswer
from llm_nb.exercises.running import Outcome, call

PUBLIC_SEED = 0
_hints_given: dict[str, int] = {}


@dataclass(frozen=True)
class Result:
    """What a check found; true if the answer passed, so that ``assert check(...)`` is a test.

    ``mistake`` names the wrong answer that was recognised, ``detail`` the input that shows it.
    """

    number: str
    title: str
    passed: bool
    message: str
    mistake: str | None = None
    detail: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        mark = "✓" if self.passed else "✗"
        lines = [f"{mark} {self.number} {self.title}: {self.message}", self.detail, self.hint]
        return "\n  ".join(filter(None, lines))

    def _ipython_display_(self) -> None:
        """Nothing more: ``check`` has printed it."""


def check(
    number: str,
    answer: Callable[..., Any],
    *,
    seed: int | None = None,
    hint: bool | int = False,
    variant: int | None = None,
) -> Result:
    """Judge ``answer``, a function, as the answer to exercise ``number``; print and return it.

    Args:
        seed: of the random inputs; None is the one that everybody knows.
        hint: True gives the first hint, then the next at each call; 2 gives the second.
        variant: whose numbers the exercise uses; None means the book's own.

    Raises:
        ValueError: there is no such exercise.
    """
    exercise = find_exercise(number, variant)
    result = judge(exercise, answer, PUBLIC_SEED if seed is None else seed, variant)
    if not result.passed:
        result = replace(result, hint=_hint(exercise, hint))
    print(result)
    return result


def judge(
    exercise: Exercise, answer: Callable[..., Any], seed: object, variant: int | None = None
) -> Result:
    """The verdict alone, without printing; arguments as in ``check``."""

    def verdict(passed: bool, message: str, **more: Any) -> Result:
        return Result(exercise.number, exercise.title, passed, message, **more)

    if not callable(answer):
        what = type(answer).__name__
        return verdict(False, f"the answer is a function, and this is {what}: pass it uncalled")
    cases = exercise.draw_cases(seed, variant)
    outcomes: list[Outcome] = []
    end = time.monotonic() + exercise.seconds
    for args in cases:
        given = copy.deepcopy(args)
        outcome = call(answer, given, end - time.monotonic())
        if outcome.not_written:
            return verdict(False, "not written yet")
        if outcome.too_slow:
            limit = f"{exercise.seconds:g} s for {exercise.cases} inputs"
            return verdict(False, f"stopped after {limit}: does a loop never end?")
        for place, (now, before) in enumerate(zip(given, args, strict=True)):
            if difference(now, before, 0, 0) is not None:
                message = f"it changes its own argument number {place + 1}: work on a copy of it"
                return verdict(False, message, detail=_called(args))
        outcomes.append(outcome)
    for place, (args, outcome) in enumerate(zip(cases, outcomes, strict=True)):
        if fault := _fault(exercise, args, outcome):
            detail = f"input {place + 1} of {len(cases)}, {_called(args)}: {fault}"
            mistake = _recognised(exercise, cases, outcomes)
            if mistake is None:
                return verdict(False, fault, detail=detail.removesuffix(f": {fault}"))
            return verdict(False, mistake.message, mistake=mistake.name, detail=detail)
    return verdict(True, f"right on {len(cases)} random inputs, in type, shape, dtype and value")


def _fault(exercise: Exercise, args: tuple[Any, ...], outcome: Outcome) -> str | None:
    """What is wrong with one outcome, in a phrase."""
    if outcome.error is not None:
        where = f" in {outcome.where}" if outcome.where else ""
        return f"{type(outcome.error).__name__}{where}" + (
            f": {outcome.complaint}" if outcome.complaint else ""
        )
    if outcome.value is None:
        return "it returns nothing: is a `return` missing?"
    expected = exercise.expected(*copy.deepcopy(args))
    return difference(outcome.value, expected, exercise.rtol, exercise.atol)


def _recognised(
    exercise: Exercise, cases: list[tuple[Any, ...]], outcomes: list[Outcome]
) -> WrongAnswer | None:
    """The first known mistake that does on every input what the answer did."""

    def same(wrong: Callable[..., Any], args: tuple[Any, ...], outcome: Outcome) -> bool:
        other = call(wrong, copy.deepcopy(args), exercise.seconds)
        if outcome.error is not None or other.error is not None:
            return type(outcome.error) is type(other.error)
        return difference(outcome.value, other.value, exercise.rtol, exercise.atol) is None

    for wrong in exercise.wrong:
        pairs = zip(cases, outcomes, strict=True)
        if all(same(wrong.function, args, outcome) for args, outcome in pairs):
            return wrong
    return None


def _called(args: tuple[Any, ...]) -> str:
    """``(3, float32 (2, 4))``: the arguments in brief."""

    def brief(value: Any) -> str:
        if isinstance(value, Tensor):
            return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        if isinstance(value, (dict, list)) and len(value) > 4:
            return f"{type(value).__name__} of {len(value)}"
        return repr(value)[:80]

    return f"called with ({', '.join(map(brief, args))})"


def _hint(exercise: Exercise, wanted: bool | int) -> str:
    """The hint that is asked for, or how to ask for one."""
    total = len(exercise.hints)
    if wanted is False:
        return f'for a hint: check("{exercise.number}", …, hint=True)'
    step = _hints_given.get(exercise.number, 0) + 1 if wanted is True else int(wanted)
    step = min(max(step, 1), total)
    _hints_given[exercise.number] = step
    last = ", the last" if step == total else ""
    return f"hint {step} of {total}{last}: {exercise.hints[step - 1]}"
