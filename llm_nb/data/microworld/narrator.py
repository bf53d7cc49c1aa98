"""How a story is told: a coroutine that yields what may come next and is sent what does.

    narrator = Narrator(Grammar())
    telling = narrator.tell()
    options, weights = next(telling)       # which words may come, and how often each
    options, weights = telling.send(word)  # ... and what may come after that one

Whoever drives it decides: a random generator writes a story, a text that is read is recognised.
Both meet the same distributions, so what is sampled and what is scored is one language. A choice
is one word. Words that follow of themselves are not asked for; ``said`` has them all.
"""

from __future__ import annotations

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.events import happen
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.telling import Choosing, Teller, Telling
from llm_nb.data.microworld.world import Mood, Person


class Narrator(Teller):
    """Tells one story; what comes next is decided by whoever drives ``tell``."""

    body = 0  # how many symbols come before "in the end"

    def tell(self) -> Telling:
        """The whole story, a choice at a time."""
        start = yield from self._opening()
        events = 0
        while start != w.FINALLY:
            if start == w.THAT:
                self.subject = None
                yield from self._about_a_thing()
            else:
                self.subject = self._who(start)
                yield from happen(self, self.subject)
            events += 1
            start = yield from self.choose("start", *self._starts(events))
        self.body = len(self.said) - 1
        self._ending()

    def _opening(self) -> Choosing:
        """What lies about, then everybody: where they are, where they come from, what they have.

        Returns the word that the first event begins with.
        """
        names = list(self.grammar.names)
        while (start := (yield from self._name_or_thing(names))) == w.A:
            yield from self._lying_thing()
        for n in range(self.grammar.people):
            names.remove(start)
            person = Person(start)
            self.say(w.WAS, w.IN)
            place = yield from self.choose_place()
            self.state.move(person, place, len(self.said) - 1)
            self.say(w.STOP)
            self.state.people.append(person)
            start = yield from self._facts(person, names, last=n + 1 == self.grammar.people)
        return start

    def _name_or_thing(self, names: list[Symbol]) -> Choosing:
        """Somebody's name, or one time in three "a", of something that lies about."""
        if len(self.state.things) == self.grammar.lying:
            return (yield from self.choose("name", tuple(names)))
        weights = [2] * len(names) + [len(names)]
        return (yield from self.choose("name", [*names, w.A], weights))

    def _lying_thing(self) -> Telling:
        thing = yield from self.new_thing()
        self.say(w.WAS, w.IN)
        thing.place = yield from self.choose_place()
        thing.said = len(self.said) - 1
        self.say(w.STOP)

    def _facts(self, p: Person, names: list[Symbol], last: bool) -> Choosing:
        """What else there is to say of somebody new; returns the word that comes after it."""
        left = [w.CAME, w.HAD]
        while True:
            verbs = tuple(left)
            if last and not self.state.things:  # nothing could happen without any
                options, weights = [p.subject], [1]
                verbs = (w.HAD,)
            else:
                options, weights = self._starts(0) if last else (names[:], [1] * len(names))
                options = [*options, p.subject] if left else options
                weights = [*weights, len(left) * sum(weights)] if left else weights
            start = yield from self.choose("start" if last else "name", options, weights)
            if start != p.subject:
                return start
            verb = yield from self.choose("verb", verbs)
            left.remove(verb)
            if verb == w.CAME:
                self.say(w.FROM)
                p.home = yield from self.choose("home", self.grammar.places)
                p.home_said = at = len(self.said) - 1
                missed = (
                    (p.subject, "pronoun", at),
                    (w.MISSED, "reason", at),
                    (p.home, "home", at),
                )
                p.mood = Mood(w.HOMESICK, missed, at)
            else:
                self.say(w.A)
                thing = yield from self.new_thing()
                self.state.give(thing, p, len(self.said) - 1)
                thing.first, thing.moves = p, 0
            self.say(w.STOP)

    def _starts(self, events: int) -> tuple[list[Symbol], list[int]]:
        """How the next sentence can begin: with the last subject again, as a pronoun, with
        somebody's name, with a thing, or with the end."""
        least, most = self.grammar.events
        if events == most:
            return [w.FINALLY], [1]
        options = [self.subject.subject] if self.subject else []
        options += [p.name for p in self.state.people if p is not self.subject]
        weights = [3] * len(options)
        if self.state.things:
            options.append(w.THAT)
            weights.append(1)
        if events >= least:
            options.append(w.FINALLY)
            weights.append(4)
        return options, weights

    def _who(self, start: Symbol) -> Person:
        if self.subject is not None and start == self.subject.subject:
            return self.subject
        return next(p for p in self.state.people if p.name == start)

    def _about_a_thing(self) -> Telling:
        """ "the ball was in the garden", "… was with Mia", "… was lost"."""
        thing = yield from self.choose_thing(self.state.things, (w.GE,))
        if thing.holder is not None:
            self.say(w.WAS)
            self.recall("relation", w.WITH, thing.said)
            self.recall("person", thing.holder.name, thing.said)
            thing.said = len(self.said) - 1
            self.say(w.THEIRS)
        elif thing.lost:
            self.say(w.GONE)
            self.recall("relation", w.MISSING, thing.said)
            thing.said = len(self.said) - 1
            self.say(w.LE)
        else:
            assert thing.place is not None
            self.say(w.WAS)
            self.recall("relation", w.IN, thing.said)
            self.recall("place", thing.place, thing.said)
            thing.said = len(self.said) - 1
        self.say(w.STOP)

    def _ending(self) -> None:
        """Where everybody is in the end, and what they have."""
        self.say(w.THE, w.END)
        for i, p in enumerate(self.state.people):
            self.recall("person" if i else "start", p.name, p.said)
            self.say(w.WAS, w.IN)
            self.recall("place", p.place, p.said)
            self.say(w.AND)
            if not p.holds:
                self.say(w.WHAT, w.EVEN, w.NOT, w.HAVE)
                self.recall("thing", w.NOTHING, -1)
            for j, thing in enumerate(p.holds):
                self.say(*((w.ALSO, w.THE) if j else (w.HAVE, w.THE)))
                self.recall("thing", thing.noun, thing.said)
            self.say(w.STOP)
