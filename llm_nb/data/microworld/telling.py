"""What every sentence of a story is made with: choosing a word, saying words, remembering why."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.world import Person, State, Thing

Choice = tuple[Sequence[Symbol], Sequence[int] | None]  # weights; None: all alike
Telling = Generator[Choice, Symbol, None]
Choosing = Generator[Choice, Symbol, Symbol]


NEAR = 30  # how much rather people go where something of the story is than elsewhere


class Note(NamedTuple):
    """Why a word stands where it stands. Words without a note are fixed by their sentence."""

    at: int  # the index of the symbol in ``said``
    kind: str
    options: int  # how many could have come; 1: the state of the world left no choice
    source: int  # the index of the word that it goes back to, or −1


@dataclass(frozen=True)
class Grammar:
    """Which words there are, how many people a story has and how many events."""

    people: int = 3
    lying: int = 2  # things that lie about at the beginning, at most
    names: tuple[Symbol, ...] = w.NAMES
    places: tuple[Symbol, ...] = w.PLACES
    things: tuple[Symbol, ...] = w.THINGS
    colours: tuple[Symbol, ...] = w.COLOURS
    events: tuple[int, int] = (6, 9)  # at least, at most

    def __post_init__(self) -> None:
        low, high = self.events
        if not 1 <= self.people <= len(self.names):
            raise ValueError(
                f"people is {self.people}: it must be 1 to {len(self.names)}, the names"
            )
        if len(self.places) < 2:
            raise ValueError(f"there are {len(self.places)} places: give two at least")
        needed = self.people + self.lying
        if self.lying < 0 or min(len(self.things), len(self.colours)) < needed:
            raise ValueError(
                f"{self.people} people, and {self.lying} things that lie about, need {needed} things "
                f"and colours, but there are {len(self.things)} and {len(self.colours)}"
            )
        if not 0 <= low <= high:
            raise ValueError(f"events are {low} to {high}: give 0 ≤ least ≤ most")


class Teller:
    """A story as far as it is told."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.said: list[Symbol] = []
        self.notes: list[Note] = []
        self.state = State()
        self.subject: Person | None = None  # of the last sentence: what "she" or "he" would mean

    def say(self, *symbols: Symbol) -> None:
        """Words that follow of themselves."""
        self.said += symbols

    def recall(self, kind: str, symbol: Symbol, source: int) -> None:
        """A word that the state of the world determines, and where it was said."""
        self.notes.append(Note(len(self.said), kind, 1, source))
        self.said.append(symbol)

    def choose(
        self,
        kind: str,
        options: Sequence[Symbol],
        weights: Sequence[int] | None = None,
        source: int = -1,
    ) -> Choosing:
        """One of the options, each as often as its weight says."""
        symbol = (yield options, weights) if len(options) > 1 else options[0]
        self.notes.append(Note(len(self.said), kind, len(options), source))
        self.said.append(symbol)
        return symbol

    def choose_place(self, but: Symbol = -1) -> Choosing:
        """Some place other than ``but``, rather one where something of the story is."""
        known = self.state.places()
        options = [place for place in self.grammar.places if place != but]
        weights = [NEAR if place in known else 1 for place in options]
        return (yield from self.choose("place", options, weights))

    def choose_person(self, people: Sequence[Person]) -> Generator[Choice, Symbol, Person]:
        """One of the people, by name."""
        name = yield from self.choose(
            "person", [p.name for p in people], None, people[0].said if len(people) == 1 else -1
        )
        return next(p for p in people if p.name == name)

    def choose_thing(
        self, things: Sequence[Thing], before: tuple[Symbol, ...] = (w.THE,)
    ) -> Generator[Choice, Symbol, Thing]:
        """ "the ball", or one time in four by its colour too: "the red ball"."""
        self.said += before
        source = things[0].said if len(things) == 1 else -1
        options = [t.noun for t in things] + [t.colour for t in things]
        word = yield options, [3] * len(things) + [1] * len(things)
        thing = next(t for t in things if word in (t.noun, t.colour))
        self.notes.append(Note(len(self.said), "thing", len(things), source))
        self.said.append(word)
        if word == thing.colour:
            self.said.append(w.DE)
            self.recall("thing", thing.noun, thing.named)
        thing.named = len(self.said) - 1
        return thing

    def new_thing(self) -> Generator[Choice, Symbol, Thing]:
        """ "a red ball": a colour and a thing that the story does not have yet."""
        things, grammar = self.state.things, self.grammar
        self.said.append(w.GE)
        used = {t.colour for t in things} | {t.noun for t in things}
        colour = yield from self.choose("colour", [c for c in grammar.colours if c not in used])
        self.said.append(w.DE)
        noun = yield from self.choose("thing", [n for n in grammar.things if n not in used])
        thing = Thing(noun, colour)
        thing.said = thing.named = len(self.said) - 1
        things.append(thing)
        return thing
