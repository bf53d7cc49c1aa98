"""Which words could have stood where some are hidden, exactly: the floor of a model like BERT.

The language gives every story its probability. Of all stories that agree with the words that can
be seen, each is as likely as its share of their sum; that is Bayes' rule, with nothing estimated.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.narrator import Narrator
from llm_nb.data.microworld.rendering import check_language
from llm_nb.data.microworld.stories import GRAMMAR, Story, drive
from llm_nb.data.microworld.telling import Choice, Grammar

MOST = 200_000  # tellings that are tried before giving up: some 10 to 40 seconds


class TooManyTellings(ValueError):
    """More stories might fit than were to be tried."""


class _Astray(Exception):
    """What is told is not what is written."""


def candidates(
    words: Sequence[str],
    hidden: Collection[int],
    language: str = "en",
    grammar: Grammar = GRAMMAR,
    most: int = MOST,
) -> dict[int, dict[str, float]]:
    """P(word | every word that is not hidden) at each hidden place, under the true distribution.

    All stories that fit are told, one after the other; a telling ends where it says anything else
    than what can be seen. One hidden word takes milliseconds. Many can take very long.

    Args:
        words: of a story, as ``Story.words(language)`` gives them.
        hidden: places of words, from 0; what ``words`` has there is not looked at.
        most: how many tellings are tried.

    Returns:
        For each place the words that can stand there, the most likely first; they sum to 1.

    Raises:
        ValueError: no story of the language has the visible words, or a place is outside the story.
        TooManyTellings: ``most`` tellings did not suffice; it is a ValueError too.

    >>> from llm_nb.data.microworld import story
    >>> words = story(0).words()
    >>> candidates(words, [1])
    {1: {'was': 1.0}}
    """
    places = sorted(set(hidden))
    if wrong := [place for place in places if not 0 <= place < len(words)]:
        raise ValueError(f"word {wrong[0]} of a story of {len(words)}: count from 0")
    check_language(language)
    page = _Page(words, frozenset(places), w.FORMS[language])
    totals: dict[int, dict[str, float]] = {place: {} for place in places}
    for _ in range(most):
        if told := page.next_story(grammar):
            said = told.words(language)
            for place in places:
                row = totals[place]
                row[said[place]] = row.get(said[place], 0.0) + 2.0**told.log2_prob
        if page.done:
            break
    else:
        raise TooManyTellings(f"{most} tellings were not all that could fit: hide fewer words")
    total = math.fsum(next(iter(totals.values())).values()) if places else 1.0
    if not total:
        raise ValueError("no story of the microworld has these words where they can be seen")
    return {
        place: {
            word: p / total for word, p in sorted(row.items(), key=lambda item: (-item[1], item[0]))
        }
        for place, row in totals.items()
    }


class _Page:
    """A story with holes; the tellings that may fit are gone through depth first."""

    def __init__(self, words: Sequence[str], hidden: frozenset[int], forms: Sequence[str]) -> None:
        self.words, self.hidden, self.forms, self.done = words, hidden, forms, False
        self._path: list[
            tuple[int, int]
        ] = []  # at each choice in a hole: which option, of how many

    def next_story(self, grammar: Grammar) -> Story | None:
        """A telling that was not tried before, if it fits."""
        forms = self.forms
        seen = at = depth = 0  # symbols seen, words among them, choices in holes

        def catch_up(symbols: Sequence[Symbol]) -> None:
            nonlocal seen, at
            for symbol in symbols[seen:]:
                if form := forms[symbol]:
                    if at >= len(self.words) or not (at in self.hidden or self.words[at] == form):
                        raise _Astray
                    at += 1
            seen = len(symbols)

        def decide(choice: Choice, narrator: Narrator) -> Symbol:
            nonlocal depth
            catch_up(narrator.said)
            options = choice[0]
            if at >= len(self.words):
                raise _Astray
            if at in self.hidden:
                if depth == len(self._path):
                    self._path.append((0, len(options)))
                depth += 1
                return options[self._path[depth - 1][0]]
            for option in options:  # two of a choice are never written alike
                if forms[option] == self.words[at]:
                    return option
            raise _Astray

        try:
            told = drive(decide, grammar)
            catch_up(told.symbols)
        except _Astray:
            return None
        finally:
            self._step()
        return told if at == len(self.words) else None

    def _step(self) -> None:
        """On to the next telling: the last choice that has an option left takes it."""
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        if not self._path:
            self.done = True
        else:
            self._path[-1] = (self._path[-1][0] + 1, self._path[-1][1])
