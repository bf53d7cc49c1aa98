"""Finding a chapter's exercises, and the numbers that belong to one class.

A chapter's module ``cNN_name`` defines ``NAME`` (``"11_gpt2"``), ``Parameters`` (a frozen
dataclass of the numbers that its text and checks use, the book's own as defaults), ``CHOICES``
(what a class may get instead) and ``exercises(parameters)``. A *variant* is a whole number, a
year for instance: it picks from the choices, never the book's own number, so that a solution
published for the book does not answer it.
"""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import llm_nb.exercises
from llm_nb.exercises.exercise import Draw, Exercise


def chapter_modules() -> list[ModuleType]:
    """The modules of all chapters that have exercises, in order."""
    names = [found.name for found in pkgutil.iter_modules(llm_nb.exercises.__path__)]
    chapters = sorted(name for name in names if name[0] == "c" and name[1:3].isdigit())
    return [import_module(f"llm_nb.exercises.{name}") for name in chapters]


def chapter_module(chapter: str) -> ModuleType:
    """The module of ``"11"`` or ``"11_gpt2"``.

    Raises:
        ValueError: that chapter has no exercises.
    """
    there = chapter_modules()
    for module in there:
        if chapter in (module.NAME, module.NAME[:2]):
            return module
    names = ", ".join(module.NAME for module in there)
    raise ValueError(f"chapter {chapter!r} has no exercises: there are those of {names}")


def parameters_of(module: ModuleType, variant: int | None) -> Any:
    """The numbers of a class: the book's own for None, others for a variant."""
    own = module.Parameters()
    if variant is None:
        return own
    chosen = {}
    for name, options in module.CHOICES.items():
        others = [option for option in options if option != getattr(own, name)]
        chosen[name] = Draw("variant", module.NAME, variant, name).choice(others)
    return replace(own, **chosen)


def exercises_of(module: ModuleType, variant: int | None = None) -> dict[str, Exercise]:
    """A chapter's code exercises by number."""
    made = module.exercises(parameters_of(module, variant))
    return {exercise.number: exercise for exercise in made}


def find_exercise(number: str, variant: int | None = None) -> Exercise:
    """The code exercise of a number such as ``"11.2"``.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(number, str) or "." not in number:
        raise ValueError(f'{number!r} is no number of an exercise: write it as text, like "11.2"')
    found = exercises_of(chapter_module(number.split(".")[0]), variant)
    if number not in found:
        there = ", ".join(found)
        raise ValueError(f"no exercise {number!r} has a check: there are {there}")
    return found[number]
