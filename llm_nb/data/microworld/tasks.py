"""The tasks of the book on stories of the microworld, in the shapes of ``data.examples``.

Training stories and test stories differ in what meets in them: a sixteenth of all pairs of a
person with a thing or a place occurs in test stories only, and in each of those at least once. What
has been learned by heart about a pair is of no use there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice

from llm_nb.data.examples import (
    Answer,
    Dialogue,
    Labelled,
    Question,
    Summarised,
    Tagged,
    TaskData,
    Translated,
)
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.facts import questions, summary, talk
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.measure import words
from llm_nb.data.microworld.rendering import check_language, text_of
from llm_nb.data.microworld.stories import Story, stories

LICENCE = "MIT, like the code that writes it"
_GOOD = frozenset((w.HAPPY, w.PROUD, w.FULL))
Example = Labelled | Tagged | Question | Summarised | Translated | Dialogue


def load(
    task: str, language: str = "en", n_train: int = 2000, n_test: int = 500, seed: int = 0
) -> TaskData[Example]:
    """Examples of a task: a story each, whose question or talk is drawn with it.

    Args:
        task: ``"sentiment"``, ``"ner"``, ``"pos"``, ``"qa"``, ``"summary"``, ``"translation"`` or
            ``"dialogue"``.
        language: of the texts, ``"en"`` or ``"zh"``; of a translation, the language that it is from.
        n_test: how many examples validation and test have, each.

    Raises:
        ValueError: the task or language is unknown, or a number is below 1.
    """
    check_language(language)
    if task not in MAKERS:
        raise ValueError(f"the microworld has no task {task!r}: use {', '.join(MAKERS)}")
    if min(n_train, n_test) < 1:
        raise ValueError(f"n_train {n_train} and n_test {n_test} must be at least 1")
    common = _examples(task, language, seed, new=False)
    train, validation = (list(islice(common, n)) for n in (n_train, n_test))
    test = list(islice(_examples(task, language, seed + 1, new=True), n_test))
    about = "test stories have pairs of a person with a thing or place that training never has"
    return TaskData(
        f"microworld-{language}", task, train, validation, test, LICENCE, notes=(about,)
    )


def has_new_pair(story: Story) -> bool:
    """Whether one of the pairs meets in it that training stories never have."""
    return any(is_new(name, other) for name, other in story.state.met)


def is_new(name: Symbol, other: Symbol) -> bool:
    """Whether no training story has this person meet this thing or place."""
    return (name * 31 + other * 17) % 16 == 0


def _examples(task: str, language: str, seed: int, new: bool) -> Iterator[Example]:
    make = MAKERS[task]
    for n, story in enumerate(stories(seed)):
        if has_new_pair(story) == new:
            example = make(story, language, random.Random(n))
            if example is not None:
                yield example


def _body(story: Story, language: str) -> str:
    return text_of(story.symbols[: story.body], language)


def _sentiment(story: Story, language: str, rng: random.Random) -> Labelled | None:
    """How the first person feels at the end, from what happened to them and to others."""
    mood = story.state.people[0].mood
    if mood is None:
        return None
    return Labelled(_body(story, language), "positive" if mood.word in _GOOD else "negative")


def _ner(story: Story, language: str, rng: random.Random) -> Tagged:
    known = words(story, language)
    tags = tuple(f"B-{word.entity}" if word.entity else "O" for word in known)
    return Tagged(tuple(word.form for word in known), tags)


def _pos(story: Story, language: str, rng: random.Random) -> Tagged:
    known = words(story, language)
    return Tagged(tuple(word.form for word in known), tuple(word.pos for word in known))


def _qa(story: Story, language: str, rng: random.Random) -> Question:
    asked = questions(story, language)
    kinds = sorted({question.kind for question in asked})
    kind = kinds[int(rng.random() * len(kinds))]
    of_kind = [question for question in asked if question.kind == kind]
    one = of_kind[int(rng.random() * len(of_kind))]
    context, (_, spans) = _body(story, language), story.rendered(language)
    start, end = spans[one.begin][0], spans[one.end - 1][1]
    return Question(context, one.question, (Answer(context[start:end], start),))


def _summary(story: Story, language: str, rng: random.Random) -> Summarised:
    return Summarised(_body(story, language), summary(story, language))


def _translation(story: Story, language: str, rng: random.Random) -> Translated:
    other = "zh" if language == "en" else "en"
    return Translated(story.text(language), story.text(other))


def _dialogue(story: Story, language: str, rng: random.Random) -> Dialogue:
    (speaker, first), *rest = talk(story, language)
    space = " " if language == "en" else ""
    return Dialogue(((speaker, f"{_body(story, language)}{space}{first}"), *rest))


MAKERS: dict[str, Callable[[Story, str, random.Random], Example | None]] = {
    "sentiment": _sentiment,
    "ner": _ner,
    "pos": _pos,
    "qa": _qa,
    "summary": _summary,
    "translation": _translation,
    "dialogue": _dialogue,
}
