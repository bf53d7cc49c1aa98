"""What can happen: each verb with when it is possible, how often, and what it changes."""

from __future__ import annotations

from collections.abc import Callable

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.telling import Teller, Telling
from llm_nb.data.microworld.world import Mood, Person, Thing

Reason = tuple[tuple[Symbol, str, int], ...]


def possible(t: Teller, p: Person) -> tuple[list[Symbol], list[int]]:
    """The verbs that can follow the subject now, with their weights."""
    state, place = t.state, p.place
    company = state.company(p)
    verbs, weights = [w.WENT], [4]

    def add(verb: Symbol, weight: int) -> None:
        verbs.append(verb)
        weights.append(weight)

    if not p.stayed:
        add(w.STAYED, 3)
    if p.mood is not p.told:
        add(w.FELT, 4)
    if p.owes is not None:
        add(w.THANKED, 4)
    if p.home is not None:
        add(w.DREAMED, 1)
    if p.holds:
        add(w.KEPT, 2)
        add(w.DROPPED, 1)
        add(w.LOST, 2)
        if company:
            add(w.GAVE, 5)
        if any(thing.noun in w.EDIBLE for thing in p.holds):
            add(w.ATE, 2)
    if any(other.holds for other in company):
        add(w.GRABBED, 1)
    if state.lying(place):
        add(w.TOOK, 4)
    if state.lost(place):
        add(w.FOUND, 5)
    if any(thing.loser is p for thing in state.things):
        add(w.LOOKED, 2)
    if any(thing not in p.likes for thing in state.things):
        add(w.LIKED, 1)
    return verbs, weights


def happen(t: Teller, p: Person) -> Telling:
    """One event of the subject: its verb, then the rest of the sentence."""
    verbs, weights = possible(t, p)
    verb = yield from t.choose("verb", verbs, weights)
    yield from SENTENCES[verb](t, p)
    t.say(w.STOP)


def _went(t: Teller, p: Person) -> Telling:
    t.say(w.LE, w.TO)
    place = yield from t.choose_place(p.place)
    t.state.move(p, place, len(t.said) - 1)


def _stayed(t: Teller, p: Person) -> Telling:
    t.say(w.IN)
    t.recall("place", p.place, p.said)
    p.said, p.stayed = len(t.said) - 1, True
    yield from ()


def _felt(t: Teller, p: Person) -> Telling:
    assert p.mood is not None
    p.told = p.mood
    t.recall("mood", p.mood.word, p.mood.said)
    t.say(w.PAUSE, w.BECAUSE)
    begin = len(t.said)
    for symbol, kind, source in p.mood.reason:
        if kind:
            t.recall(kind, symbol, source)
        else:
            t.say(symbol)
    p.reason = begin, len(t.said)
    yield from ()


def _thanked(t: Teller, p: Person) -> Telling:
    assert p.owes is not None
    t.say(w.LE)
    t.recall("person", p.owes[0].name, p.owes[1])
    p.owes = None
    yield from ()


def _dreamed(t: Teller, p: Person) -> Telling:
    assert p.home is not None
    t.say(w.LE, w.OF)
    t.recall("home", p.home, p.home_said)
    p.home_said = len(t.said) - 1
    yield from ()


def _kept(t: Teller, p: Person) -> Telling:
    thing = yield from t.choose_thing(p.holds)
    thing.said = len(t.said) - 1


def _dropped(t: Teller, p: Person) -> Telling:
    thing = yield from t.choose_thing(p.holds)
    t.state.release(thing, len(t.said) - 1, p.place)


def _lost(t: Teller, p: Person) -> Telling:
    t.say(w.LE)
    thing = yield from t.choose_thing(p.holds)
    at = len(t.said) - 1
    t.state.release(thing, at, p.place)
    thing.lost, thing.loser = True, p
    p.mood = _feels(p, w.SAD, at, *_had(w.LOST_ONCE, at), *_the(thing, at))


def _gave(t: Teller, p: Person) -> Telling:
    t.say(w.LE)
    other = yield from t.choose_person(t.state.company(p))
    name_at = len(t.said) - 1
    thing = yield from t.choose_thing(p.holds)
    at = len(t.said) - 1
    t.state.give(thing, other, at)
    other.owes = (p, at)
    giver = (
        (p.name, "person", at),
        (w.HAD_ONCE, "reason", at),
        (w.GIVEN, "reason", at),
        (w.LE, "", -1),
    )
    other.mood = Mood(w.HAPPY, (*giver, (other.object, "pronoun", name_at), *_the(thing, at)), at)
    p.mood = _feels(p, w.PROUD, at, *_had(w.HELPED, at), (other.name, "person", name_at))


def _ate(t: Teller, p: Person) -> Telling:
    t.say(w.LE)
    thing = yield from t.choose_thing([x for x in p.holds if x.noun in w.EDIBLE])
    at = len(t.said) - 1
    t.state.eat(thing, p, at)
    p.mood = _feels(p, w.FULL, at, *_had(w.EATEN, at), *_the(thing, at))


def _grabbed(t: Teller, p: Person) -> Telling:
    t.say(w.LE)
    other = yield from t.choose_person([x for x in t.state.company(p) if x.holds])
    t.say(w.POSSESSIVE)
    thing = yield from t.choose_thing(other.holds, before=())
    at = len(t.said) - 1
    t.state.give(thing, p, at)
    robber = ((p.name, "person", at), (w.HAD_ONCE, "reason", at), (w.GRABBED_ONCE, "reason", at))
    rest = ((w.LE, "", -1), (other.owner, "pronoun", at), (w.DE, "", -1))
    other.mood = Mood(w.ANGRY, (*robber, *rest, (thing.noun, "thing", at)), at)


def _took(t: Teller, p: Person) -> Telling:
    t.say(w.LE)
    thing = yield from t.choose_thing(t.state.lying(p.place))
    at = len(t.said) - 1
    t.state.give(thing, p, at)
    if thing in p.likes:
        reason = ((p.subject, "pronoun", at), (w.LIKED, "reason", at), *_the(thing, at))
        p.mood = Mood(w.HAPPY, reason, at)


def _found(t: Teller, p: Person) -> Telling:
    t.say(w.LE)
    thing = yield from t.choose_thing(t.state.lost(p.place))
    at = len(t.said) - 1
    t.state.give(thing, p, at)
    thing.loser = None
    p.mood = _feels(p, w.HAPPY, at, *_had(w.FOUND_ONCE, at), *_the(thing, at))


def _looked(t: Teller, p: Person) -> Telling:
    t.say(w.FOR)
    yield from t.choose_thing([x for x in t.state.things if x.loser is p])


def _liked(t: Teller, p: Person) -> Telling:
    thing = yield from t.choose_thing([x for x in t.state.things if x not in p.likes])
    p.likes.append(thing)


def _feels(p: Person, word: Symbol, at: int, *reason: tuple[Symbol, str, int]) -> Mood:
    return Mood(word, ((p.subject, "pronoun", at), *reason), at)


def _had(verb: Symbol, at: int) -> Reason:
    """ "had lost", as a reason."""
    return (w.HAD_ONCE, "reason", at), (verb, "reason", at), (w.LE, "", -1)


def _the(thing: Thing, at: int) -> Reason:
    return (w.THE, "", -1), (thing.noun, "thing", at)


SENTENCES: dict[Symbol, Callable[[Teller, Person], Telling]] = {
    w.WENT: _went, w.STAYED: _stayed, w.FELT: _felt, w.THANKED: _thanked, w.DREAMED: _dreamed,
    w.KEPT: _kept, w.DROPPED: _dropped, w.LOST: _lost, w.GAVE: _gave, w.ATE: _ate,
    w.GRABBED: _grabbed, w.TOOK: _took, w.FOUND: _found, w.LOOKED: _looked, w.LIKED: _liked,
}  # fmt: skip
