"""What is the case in a story: who is where, who has what, how they feel and why.

Every fact remembers which word of the story said it last (an index into its symbols); that is
how far a reader, or a model, has to look back for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol


@dataclass(eq=False, slots=True)
class Thing:
    """It is held by somebody, or lies in a place, or was lost there."""

    noun: Symbol
    colour: Symbol
    holder: Person | None = None
    place: Symbol | None = None
    lost: bool = False
    loser: Person | None = None
    said: int = -1  # the word that said where or with whom it is
    named: int = -1  # the last word that named it
    first: Person | None = None  # who had it at the beginning
    moves: int = 0  # how often it went from one to another, or out of somebody's hands
    eater: Person | None = None


@dataclass(frozen=True, slots=True)
class Mood:
    """A feeling and the sentence of its reason, each word with the index of its source or −1."""

    word: Symbol
    reason: tuple[tuple[Symbol, str, int], ...]  # (symbol, kind, source)
    said: int


@dataclass(eq=False, slots=True)
class Person:
    """Somebody in the story."""

    name: Symbol
    place: Symbol = -1
    said: int = -1  # the word that said where they are
    stayed: bool = False  # since they came: it is said once
    home: Symbol | None = None  # where they come from
    home_said: int = -1
    likes: list[Thing] = field(default_factory=list)
    holds: list[Thing] = field(default_factory=list)
    owes: tuple[Person, int] | None = None  # who gave them something, not thanked yet
    mood: Mood | None = None
    told: Mood | None = None  # the last mood that the story has spoken of
    reason: tuple[int, int] = (0, 0)  # where its reason stands: from, and up to before

    @property
    def female(self) -> bool:
        """Whether the pronoun is "she"."""
        return self.name in w.FEMALE

    @property
    def subject(self) -> Symbol:
        """She or he."""
        return w.SHE if self.female else w.HE

    @property
    def object(self) -> Symbol:
        """Her or him."""
        return w.HER if self.female else w.HIM

    @property
    def owner(self) -> Symbol:
        """Her or his, before a thing."""
        return w.HERS if self.female else w.HIS


@dataclass(eq=False, slots=True)
class State:
    """The whole of it."""

    people: list[Person] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    eaten: list[Thing] = field(default_factory=list)
    met: set[tuple[Symbol, Symbol]] = field(default_factory=set)  # a name with a thing or place

    def places(self) -> set[Symbol]:
        """Where somebody or something is."""
        found = {p.place for p in self.people}
        return found | {t.place for t in self.things if t.place is not None}

    def lying(self, place: Symbol) -> list[Thing]:
        """What can be taken there."""
        return [t for t in self.things if t.place == place and not t.lost]

    def lost(self, place: Symbol) -> list[Thing]:
        """What can be found there."""
        return [t for t in self.things if t.place == place and t.lost]

    def company(self, person: Person) -> list[Person]:
        """The others in the same place."""
        return [p for p in self.people if p.place == person.place and p is not person]

    def give(self, thing: Thing, person: Person, said: int) -> None:
        """It is theirs now, wherever it was."""
        self.release(thing, said)
        thing.holder, thing.place = person, None
        person.holds.append(thing)
        self.met.add((person.name, thing.noun))

    def release(self, thing: Thing, said: int, place: Symbol | None = None) -> None:
        """Nobody holds it; it lies in ``place``, if anywhere."""
        if thing.holder is not None:
            thing.holder.holds.remove(thing)
        thing.holder, thing.place, thing.lost, thing.said = None, place, False, said
        thing.moves += 1

    def move(self, person: Person, place: Symbol, said: int) -> None:
        """They are there now."""
        person.place, person.said, person.stayed = place, said, False
        self.met.add((person.name, place))

    def eat(self, thing: Thing, person: Person, said: int) -> None:
        """It is gone for good."""
        self.release(thing, said)
        thing.eater = person
        self.things.remove(thing)
        self.eaten.append(thing)
        for p in self.people:
            if thing in p.likes:
                p.likes.remove(thing)
