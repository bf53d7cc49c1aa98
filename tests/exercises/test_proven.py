"""Every code exercise, both ways: the solution passes, the stub and every known mistake do not.

A mistake must be recognised as itself, on every seed: one that passes, or that is taken for
another, is red. The last tests show that each of these can turn red.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llm_nb.exercises.chapters import chapter_modules, exercises_of
from llm_nb.exercises.check import PUBLIC_SEED, judge
from llm_nb.exercises.exercise import Exercise, WrongAnswer
from llm_nb.exercises.masters import for_class, master_path, read_notebook, role
from llm_nb.exercises.release import student_notebook

ROOT = Path(__file__).resolve().parents[2]
SEEDS = [PUBLIC_SEED, *range(101, 108)]
VARIANTS = [None, 2027, 3]
PREPARING = ("imports", "answer")  # how the ids of the cells end that define what checks call


def namespace(notebook: Any) -> dict[str, Any]:
    """What a notebook's imports and answers define."""
    names: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id.endswith(PREPARING):
            exec(cell.source, names)
    return names


def checked_functions(notebook: Any) -> dict[str, str]:
    """Number of an exercise, and the name of the function that its graded cell checks."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code" and role(cell)]
    return dict(re.findall(r'\bcheck\("([\d.]+)", (\w+)', "\n".join(cells)))


def all_exercises() -> Iterator[Any]:
    for module in chapter_modules():
        for variant in VARIANTS:
            for number in exercises_of(module, variant):
                yield pytest.param(module, variant, number, id=f"{number}-{variant or 'the book'}")


@pytest.fixture(scope="module")
def answers() -> Callable[[Any, int | None], tuple[dict, dict, dict]]:
    """For a chapter and a variant: solutions, stubs and names of functions; made once."""
    made: dict[Any, tuple[dict, dict, dict]] = {}

    def get(module: Any, variant: int | None) -> tuple[dict, dict, dict]:
        key = (module.NAME, variant)
        if key not in made:
            master = read_notebook(master_path(ROOT, module.NAME))
            solved = for_class(master, module.NAME, variant)
            stubs = student_notebook(master, module.NAME, variant)
            made[key] = (namespace(solved), namespace(stubs), checked_functions(solved))
        return made[key]

    return get


def faults(
    exercise: Exercise,
    solution: Callable[..., Any],
    stub: Callable[..., Any],
    variant: int | None = None,
    seeds: list[int] = SEEDS,
) -> list[str]:
    """Everything in which an exercise is not proven, one phrase each."""
    found = []
    for seed in seeds:
        if not (result := judge(exercise, solution, seed, variant)):
            found.append(f"the solution fails: {result.message}")
        if (result := judge(exercise, stub, seed, variant)).message != "not written yet":
            found.append(f"the stub is judged: {result.message}")
        for wrong in exercise.wrong:
            result = judge(exercise, wrong.function, seed, variant)
            if result.passed:
                found.append(f"{wrong.name!r} passes")
            elif (result.mistake, result.message) != (wrong.name, wrong.message):
                found.append(f"{wrong.name!r} is taken for: {result.mistake or result.message}")
    return found


@pytest.mark.parametrize(("module", "variant", "number"), [*all_exercises()])
def test_the_exercise_is_proven(module: Any, variant: int | None, number: str, answers) -> None:
    solutions, stubs, names = answers(module, variant)
    exercise = exercises_of(module, variant)[number]
    solution, stub = solutions[names[number]], stubs[names[number]]
    assert faults(exercise, solution, stub, variant) == []


@pytest.mark.parametrize("module", chapter_modules(), ids=lambda module: module.NAME)
def test_every_exercise_is_checked_and_has_enough(module: Any, answers) -> None:
    exercises = exercises_of(module)
    assert set(answers(module, None)[2]) == set(exercises)
    for exercise in exercises.values():
        assert len(exercise.wrong) >= 5
        assert len({wrong.message for wrong in exercise.wrong}) == len(exercise.wrong)
        assert len({wrong.name for wrong in exercise.wrong}) == len(exercise.wrong)
        assert len(exercise.hints) >= 3


@pytest.mark.parametrize("module", chapter_modules(), ids=lambda module: module.NAME)
def test_published_solutions_do_not_answer_a_variant(module: Any, answers) -> None:
    """The book's own solution, handed in by a class with numbers of its own, fails."""
    solutions, _, names = answers(module, None)
    for variant in (2027, 3):
        for number, exercise in exercises_of(module, variant).items():
            result = judge(exercise, solutions[names[number]], PUBLIC_SEED, variant)
            assert not result.passed, (number, variant)


# -- that the proof can fail -----------------------------------------------------------------


def double(x: int) -> int:
    return 2 * x


def unwritten(x: int) -> int:
    raise NotImplementedError


TRIPLED = WrongAnswer("tripled", "you multiply by 3", lambda x: 3 * x)
SMALL = Exercise(
    number="00.1",
    title="Twice",
    points=1,
    minutes=1,
    difficulty=1,
    inputs=lambda draw: (draw.integer(1, 9),),
    expected=double,
    wrong=(TRIPLED,),
    hints=("Multiply.",),
)


def test_a_sound_exercise_has_no_faults() -> None:
    assert faults(SMALL, double, unwritten) == []


def test_a_wrong_answer_that_passes_is_red() -> None:
    right = WrongAnswer("added", "you add x to x", lambda x: x + x)
    found = faults(replace(SMALL, wrong=(TRIPLED, right)), double, unwritten, seeds=[1])
    assert found == ["'added' passes"]


def test_a_wrong_answer_that_gets_anothers_message_is_red() -> None:
    same = WrongAnswer("thrice", "you add x to x twice", lambda x: x + x + x)
    found = faults(replace(SMALL, wrong=(TRIPLED, same)), double, unwritten, seeds=[1])
    assert found == ["'thrice' is taken for: tripled"]


def test_a_wrong_answer_that_only_luck_tells_apart_is_red() -> None:
    rare = WrongAnswer("rare", "right for small x", lambda x: 2 * x if x < 9 else 0)
    assert "'rare' passes" in faults(replace(SMALL, wrong=(rare,)), double, unwritten)


def test_a_solution_that_fails_is_red() -> None:
    found = faults(SMALL, lambda x: 3 * x, unwritten, seeds=[1])
    assert found == ["the solution fails: you multiply by 3"]


def test_a_stub_that_does_something_is_red() -> None:
    (found,) = faults(SMALL, double, lambda x: None, seeds=[1])
    assert found == "the stub is judged: it returns nothing: is a `return` missing?"
    (found,) = faults(SMALL, double, double, seeds=[1])
    assert found.startswith("the stub is judged: right on 6")
