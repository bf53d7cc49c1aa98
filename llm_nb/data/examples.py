"""One shape of example for each task, whatever tier of data it comes from.

A microworld story, a line of a local file and a row from the hub become the same small objects, so
that a chapter's cells do not change with the data. Each checks itself when it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Labelled:
    """A text and its class: sentiment, topic."""

    text: str
    label: str

    def __post_init__(self) -> None:
        _check_texts(self, "text", "label")


@dataclass(frozen=True)
class Tagged:
    """A sentence in words, and a tag for each: entities (BIO) or parts of speech.

    Where any tag begins with ``B-`` or ``I-``, all must follow BIO (IOB2; Tjong Kim Sang & Veenstra
    1999): ``B-`` begins an entity, ``I-`` goes on with one of the same type, ``O`` is outside.
    ``to_bio`` converts the other customs.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words or len(self.words) != len(self.tags):
            raise ValueError(
                f"a sentence has {len(self.words)} words and {len(self.tags)} tags: "
                "give at least one word, and a tag for each"
            )
        for what, given in (("word", self.words), ("tag", self.tags)):
            if not all(isinstance(part, str) and part for part in given):
                raise ValueError(f"a {what} of {given[:8]} is empty or no text: give a string")
        if fault := bio_fault(self.tags):
            raise ValueError(fault.message)


@dataclass(frozen=True)
class Answer:
    """Words of a context; ``start`` is the character where they begin."""

    text: str
    start: int


@dataclass(frozen=True)
class Question:
    """A question on a text, with the answers that stand in it; none: it cannot be answered."""

    context: str
    question: str
    answers: tuple[Answer, ...]

    def __post_init__(self) -> None:
        _check_texts(self, "context", "question")
        for answer in self.answers:
            found = self.context[answer.start : answer.start + len(answer.text)]
            if answer.start < 0 or not answer.text or found != answer.text:
                at = self.context.find(answer.text) if answer.text else -1
                where = f"it begins at {at}" if at >= 0 else "it stands nowhere in the context"
                raise ValueError(
                    f"answer {answer.text[:40]!r} is said to start at character {answer.start}, "
                    f"where the context has {found[:40]!r}; {where}: count characters from 0, not bytes"
                )


@dataclass(frozen=True)
class Summarised:
    """A text and its summary."""

    text: str
    summary: str

    def __post_init__(self) -> None:
        _check_texts(self, "text", "summary")


@dataclass(frozen=True)
class Translated:
    """A sentence and its translation."""

    source: str
    target: str

    def __post_init__(self) -> None:
        _check_texts(self, "source", "target")


@dataclass(frozen=True)
class Dialogue:
    """What was said in turn: (speaker, text)."""

    turns: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not self.turns:
            raise ValueError("a dialogue has no turns: give at least one (speaker, text)")
        for speaker, text in self.turns:
            if not speaker.strip() or not text.strip():
                raise ValueError(f"turn ({speaker!r}, {text[:40]!r}) lacks its speaker or its text")


@dataclass(frozen=True, eq=False)
class Utterance:
    """A recording and the word that is said in it.

    ``samples`` (N,) float32 are between -1 and 1, ``rate`` of them a second.
    """

    samples: NDArray[np.float32]
    rate: int
    label: str

    def __post_init__(self) -> None:
        _check_texts(self, "label")
        samples = self.samples
        if samples.ndim != 1 or samples.dtype != np.float32 or not len(samples):
            raise ValueError(
                f"samples are {samples.dtype} of shape {samples.shape}: give float32 of shape (N,)"
            )
        if self.rate < 1 or not float(np.abs(samples).max()) <= 1.0:  # also refuses NaN
            raise ValueError(
                f"samples reach {np.abs(samples).max()} at a rate of {self.rate} Hz: "
                "scale them into -1 … 1, and give samples a second"
            )


E = TypeVar("E")

# What the examples of each task are.
TASKS: dict[str, type] = {
    "sentiment": Labelled,
    "ner": Tagged,
    "pos": Tagged,
    "qa": Question,
    "summary": Summarised,
    "translation": Translated,
    "dialogue": Dialogue,
    "speech": Utterance,
}


@dataclass(frozen=True)
class TaskData(Generic[E]):
    """The examples of one task in three parts, any of which may be empty, but not all.

    ``labels`` names the classes or tags in a fixed order, () where the task has none.
    ``notes`` says what it is, where it was found, and what loading left out.
    """

    name: str
    task: str
    train: Sequence[E]
    validation: Sequence[E]
    test: Sequence[E]
    licence: str
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kind = TASKS.get(self.task)
        if kind is None:
            raise ValueError(f"unknown task {self.task!r}: use {', '.join(TASKS)}")
        examples: list[Any] = [*self.train, *self.validation, *self.test]
        if not examples:
            raise ValueError(f"{self.name} has no examples: give at least one")
        if wrong := [e for e in examples if not isinstance(e, kind)]:
            raise ValueError(
                f"{self.name} has a {type(wrong[0]).__name__}; {self.task} needs {kind.__name__}"
            )
        found = label_names(examples)
        if not self.labels:
            object.__setattr__(self, "labels", found)
        elif unknown := [label for label in found if label not in self.labels]:
            raise ValueError(
                f"{self.name} has label {unknown[0]!r}, not one of {', '.join(self.labels)}"
            )

    def part(self, name: str) -> Sequence[E]:
        """``"train"``, ``"validation"`` or ``"test"``.

        Raises:
            ValueError: there is no such part, or it is empty.
        """
        if name not in ("train", "validation", "test"):
            raise ValueError(f"no part {name!r}: use train, validation or test")
        if not (examples := getattr(self, name)):
            raise ValueError(f"{self.name} has no {name} examples: use another part or data set")
        return examples

    def __str__(self) -> str:
        sizes = ", ".join(
            f"{name} {len(getattr(self, name)):,}" for name in ("train", "validation", "test")
        )
        labels = f"; {len(self.labels)} labels" if self.labels else ""
        return f"{self.name} ({self.task}): {sizes}{labels} ({self.licence})"


def label_names(examples: Iterable[Any]) -> tuple[str, ...]:
    """The labels or tags that occur, sorted; ``O`` first."""
    found: set[str] = set()
    for example in examples:
        if isinstance(example, Tagged):
            found.update(example.tags)
        elif isinstance(example, (Labelled, Utterance)):
            found.add(example.label)
    return tuple(sorted(found, key=lambda name: (name != "O", name)))


class BioFault(NamedTuple):
    """What is wrong with tags that look like BIO, and at which word."""

    place: int
    message: str


def bio_fault(tags: Sequence[str]) -> BioFault | None:
    """The first fault of tags that look like BIO; None where there is none."""
    if not any(tag.startswith(("B-", "I-")) for tag in tags):
        return None
    before = "O"
    for place, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I") or not kind):
            message = f"tag {tag!r} of word {place} is not BIO: use O, B- and a type, I- and a type"
            return BioFault(place, message)
        if prefix == "I" and before not in (f"B-{kind}", f"I-{kind}"):
            message = f"tag {tag!r} of word {place} follows {before!r}, so it continues nothing: "
            return BioFault(place, f"{message}write B-{kind}, or convert the tags by to_bio")
        before = tag
    return None


def to_bio(tags: Sequence[str]) -> tuple[str, ...]:
    """IOB1, IOBES and careless tags as BIO, read as conlleval reads them.

    >>> to_bio(["I-PER", "E-PER", "O", "S-LOC"])
    ('B-PER', 'I-PER', 'O', 'B-LOC')

    Raises:
        ValueError: a tag is neither O nor B-, I-, E-, S- and a type.
    """
    found, going_on = [], ""  # the type of the entity that the next tag may continue
    for tag in tags:
        prefix, _, kind = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I", "E", "S") or not kind):
            raise ValueError(f"{tag!r} is no tag: use O, or B-, I-, E-, S- and a type, as B-PER")
        begins = prefix in "BS" or kind != going_on
        found.append(tag if tag == "O" else f"{'B' if begins else 'I'}-{kind}")
        going_on = "" if tag == "O" or prefix in "ES" else kind
    return tuple(found)


def _check_texts(example: object, *names: str) -> None:
    for name in names:
        value = getattr(example, name)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(
                f"{type(example).__name__} has {name} {value!r}: give a string that is not empty"
            )
