"""Is a text a story of the language? If not, which word is the first that cannot stand where it
stands, and what is wrong with it: the sentence, or what it says about the world?

Texts are words, as ``Story.words`` has them and as a model of words writes them. All before the
first fault is the beginning of a story, so the world is known there, and nothing is guessed. What
comes after it is not judged: there is no world that it could be true of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.following import Follower
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.rendering import check_language
from llm_nb.data.microworld.stories import GRAMMAR
from llm_nb.data.microworld.telling import Grammar

GRAMMATICAL, UNFINISHED, AFTER = "grammar", "unfinished", "after the end"
KINDS = {
    GRAMMATICAL: "no story has such a word at this place of a sentence",
    UNFINISHED: "the text stops before the story has ended",
    AFTER: "the text goes on when the story has ended",
    "end": "the last part begins after too few events, or too late",
    "verb": "something that cannot happen now, or was said already",
    "person": "not the one who it is, or nobody of this story, or introduced twice",
    "pronoun": "not of the one who is meant, or a name and pronoun in each other's place",
    "place": "not where somebody or something is; or somebody goes where they are",
    "home": "not where somebody comes from",
    "thing": "not there, not theirs, or said to be missing; or there are too many or none",
    "colour": "another thing of the story has it",
    "mood": "not how somebody feels",
    "reason": "not why",
    "relation": "a thing that somebody has, that lies in a place, or that is lost, is said to be "
    "another of these",
}

_PRONOUNS = frozenset((w.SHE, w.HE))
_WHO = _PRONOUNS | frozenset(w.NAMES)
_STARTS = _WHO | {w.THAT, w.FINALLY}
_NAMES, _PLACES, _THINGS = frozenset(w.NAMES), frozenset(w.PLACES), frozenset(w.THINGS)
_COLOURS, _FACTS = frozenset(w.COLOURS), frozenset((w.CAME, w.HAD))
_EVENTS = frozenset((*range(w.LIKED, w.FELT), w.FELT))
_FIRST = frozenset((w.HAD_ONCE, w.MISSED, w.LIKED))
_OWN = frozenset((w.EATEN, w.HELPED, w.LOST_ONCE, w.FOUND_ONCE))
_OTHERS = frozenset((w.GIVEN, w.GRABBED_ONCE))
# A word of the same group as one that is due would have been right in another world.
_GROUPS: dict[str, tuple[frozenset[Symbol], ...]] = {
    "person": (_NAMES,),
    "start": (_NAMES,),
    "place": (_PLACES,),
    "home": (_PLACES,),
    "thing": (_THINGS, _COLOURS),
    "colour": (_COLOURS,),
    "mood": (frozenset((w.HAPPY, w.SAD, w.PROUD, w.ANGRY, w.FULL, w.HOMESICK)),),
    "verb": (_EVENTS, _FACTS),
    "pronoun": (frozenset((w.HER, w.HIM)), frozenset((w.HERS, w.HIS))),
    "reason": (_FIRST, _OWN, _OTHERS),
    "relation": (frozenset((w.WITH, w.IN, w.MISSING)),),
}
# What the last part says of somebody's things without a word that is chosen: any, none, one more.
_HOLDING = {
    (w.THE, w.NOTHING), (w.NOTHING, w.THE), (w.HAVE, w.WHAT), (w.WHAT, w.HAVE),
    (w.STOP, w.ALSO), (w.ALSO, w.STOP),
}  # fmt: skip


class Fault(NamedTuple):
    """The first word that no story can have after those before it."""

    at: int  # its place, from 0; as many words before it are right
    word: str  # as it is written; nothing where the text stops too early
    kind: str  # one of ``KINDS``
    due: tuple[str, ...]  # what could have stood there; nothing where the story had ended


class Verdict(NamedTuple):
    """What the language says of a text."""

    fault: Fault | None
    log2_prob: float  # of the whole text: −∞ with a fault
    words: int

    @property
    def valid(self) -> bool:
        """Whether it is a story of the language."""
        return self.fault is None


def judge(words: Sequence[str], language: str = "en", grammar: Grammar = GRAMMAR) -> Verdict:
    """Read a text until it ends or has a word that cannot stand there, in well under a millisecond.

    Args:
        words: all of the text, cut as ``Story.words`` cuts; see ``cut`` and ``to_the_end``.

    Raises:
        ValueError: the language is neither "en" nor "zh".

    >>> from llm_nb.data.microworld import story
    >>> words = story(0).words()
    >>> judge(words).log2_prob == story(0).log2_prob
    True
    >>> words[-2]
    'nothing'
    >>> judge([*words[:-2], "the", "puppet", "."]).fault
    Fault(at=83, word='the', kind='thing', due=('nothing',))
    """
    follower = Follower(language, grammar)
    for word in words:
        if not follower.read(word):
            return _wrong(follower, words, word, language, grammar)
    if not follower.ended:
        return _wrong(follower, words, "", language, grammar)
    return Verdict(None, -follower.bits, len(words))


def to_the_end(words: Sequence[str], language: str = "en", grammar: Grammar = GRAMMAR) -> list[str]:
    """The words up to the end of the story, as its form shows it: where "in the end" has begun a
    sentence, as many sentences as there are people. All words where it has not.

    For models that learned stories without a mark at their end, and go on until they are stopped.
    """
    check_language(language)
    forms = w.FORMS[language]
    last = [form for s in (w.FINALLY, w.THE, w.END) if (form := forms[s])]
    begin, left = 0, 0
    for i, word in enumerate(words):
        if word == forms[w.STOP]:
            if not left and list(words[begin : begin + len(last)]) == last:
                left = grammar.people + 1
            begin = i + 1
            left -= left > 0
            if left == 1:
                return list(words[:begin])
    return list(words)


def _wrong(
    follower: Follower, words: Sequence[str], word: str, language: str, grammar: Grammar
) -> Verdict:
    due = tuple(follower.shares())
    if follower.ended:
        kind = AFTER
    elif not word:
        kind = UNFINISHED
    else:
        written = {symbol for symbol, form in enumerate(follower.forms) if form == word}
        # Why a word is chosen is noted once it is said: say one that is right.
        other = Follower(language, grammar)
        for right in (*words[: follower.words], due[0]):
            other.read(right)
        notes = {note.at: note.kind for note in other.narrator.notes}
        kind = _kind(follower, written, notes, language == "zh")
    return Verdict(Fault(follower.words, word, kind, due), -math.inf, len(words))


def _kind(follower: Follower, written: set[Symbol], notes: dict[int, str], chinese: bool) -> str:
    """What is wrong with a word, which can be any of the symbols ``written``."""
    narrator, at = follower.narrator, follower.seen
    due, before = set(follower.due()[0]), narrator.said[at - 1] if at else -1
    slot, ending = notes.get(at, ""), 0 < narrator.body < at
    holding = before in (w.HAVE, w.AND) or before in _THINGS
    if ending and holding and any((d, x) in _HOLDING for d in due for x in written):
        return "thing"
    if slot == "start" and not ending:
        return _start(follower, due, written)
    if slot == "name":
        return _name(follower, written)
    if before == w.BECAUSE and written & _WHO:
        return "pronoun" if due <= _PRONOUNS and written & _PRONOUNS else "person"
    if chinese and _other_relation(due, written, [notes.get(at + i, "") for i in (-1, 0, 1)]):
        return "relation"
    groups = _GROUPS.get(slot, ())
    if slot == "reason" and before in _NAMES:
        groups = (_OTHERS,)
    elif slot == "reason" and chinese:  # "had" is silent, so that all verbs stand alike
        groups = (_FIRST | _OWN, _OTHERS)
    if any(due & group and written & group for group in groups):
        return "person" if slot == "start" else slot
    return GRAMMATICAL


def _start(follower: Follower, due: set[Symbol], written: set[Symbol]) -> str:
    """A sentence about an event, or the last part, begins wrongly."""
    subject, things = follower.narrator.subject, follower.narrator.state.things
    if not written & _STARTS:
        return GRAMMATICAL
    if w.FINALLY in written or due == {w.FINALLY}:
        return "end"
    if written & _PRONOUNS or (subject and subject.name in written):
        return "pronoun"
    if w.THAT in written or (not subject and not things and due <= _PRONOUNS):
        return "thing"  # there is none; or the last person has to have one, as nobody has
    return "person"


def _name(follower: Follower, written: set[Symbol]) -> str:
    """A sentence of the beginning begins wrongly."""
    people = follower.narrator.state.people
    if written & _NAMES:
        return "person"
    if people and written & _PRONOUNS:
        return "pronoun"
    return "thing" if not people and w.A in written else GRAMMATICAL


def _other_relation(due: set[Symbol], written: set[Symbol], slots: list[str]) -> bool:
    """Whether a Chinese sentence about a thing says another relation: 在 for 丢, 丢 for 在, or a place
    for a person or a person for a place, as "with" and "in" are silent.

    ``slots`` are of the silent word before, of this word and of the next.
    """
    before, here, after = (slot == "relation" for slot in slots)
    if here or after:
        return (here and w.WAS in written) or (after and w.WAS in due and w.MISSING in written)
    if not before:
        return False
    return bool(
        (due & _NAMES and written & _PLACES and not written & _NAMES)
        or (due & _PLACES and written & _NAMES and not written & _PLACES)
    )
