"""Stories written by chance, recognised in a text, and counted out one by one; and the words that
can come next in one.

All of these drive the same coroutine (``narrator.py``). A story has exactly one derivation, so the
probability that the language gives it is known, and with it the entropy that no model can pass.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.following import Follower
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.narrator import Narrator
from llm_nb.data.microworld.reading import reader
from llm_nb.data.microworld.rendering import Rendered, render, text_of
from llm_nb.data.microworld.telling import Choice, Grammar, Note
from llm_nb.data.microworld.world import State

GRAMMAR = Grammar()


@dataclass(frozen=True)
class Story:
    """A story in both languages, with all that is known of it."""

    symbols: tuple[Symbol, ...]
    notes: tuple[Note, ...]  # of the words that the world decides or chance does
    surprises: tuple[tuple[int, float], ...]  # of each choice: index of the symbol, −log2 P
    state: State  # how the world is at the end
    body: int  # how many symbols come before "in the end"

    @cached_property
    def log2_prob(self) -> float:
        """log2 of the probability that the language gives this story, the same in both tongues."""
        return -math.fsum(bits for _, bits in self.surprises)

    def words(self, language: str = "en") -> list[str]:
        """Its words and marks as they stand in the lexicon, for models of words."""
        forms = w.FORMS[language]
        return [form for symbol in self.symbols if (form := forms[symbol])]

    def rendered(self, language: str = "en") -> Rendered:
        """As written, with the place of every symbol in the text."""
        return render(self.symbols, language)

    def text(self, language: str = "en") -> str:
        """As written: with capitals and spaces in English, without them in Chinese."""
        return text_of(self.symbols, language)


def drive(decide: Callable[[Choice, Narrator], Symbol], grammar: Grammar = GRAMMAR) -> Story:
    """Tell a story in which ``decide`` makes every choice."""
    narrator = Narrator(grammar)
    surprises = []
    telling = narrator.tell()
    try:
        choice = next(telling)
        while True:
            options, weights = choice
            symbol = decide(choice, narrator)
            if weights is None:
                bits = math.log2(len(options))
            else:
                bits = math.log2(sum(weights) / weights[options.index(symbol)])
            surprises.append((len(narrator.said), bits))
            choice = telling.send(symbol)
    except StopIteration:
        pass
    return Story(
        tuple(narrator.said), tuple(narrator.notes), tuple(surprises), narrator.state, narrator.body
    )


def sample(rng: random.Random, grammar: Grammar = GRAMMAR) -> Story:
    """A story by chance. Only ``rng.random()`` is drawn from, whose sequence for a seed is the same
    on every machine and Python."""
    draw = rng.random

    def decide(choice: Choice, narrator: Narrator) -> Symbol:
        options, weights = choice
        if weights is None:
            return options[int(draw() * len(options))]
        at = draw() * sum(weights)
        for symbol, weight in zip(options, weights, strict=True):
            at -= weight
            if at < 0:
                return symbol
        raise AssertionError("a draw under 1 times the sum is under the sum")

    return drive(decide, grammar)


def story(n: int, seed: int = 0, grammar: Grammar = GRAMMAR) -> Story:
    """Story number ``n`` of a seed."""
    if n < 0 or seed < 0:
        raise ValueError(f"story {n} of seed {seed}: both count from 0")
    # Seeded by text, which is hashed: whole numbers over 2³² can start the same sequence as small
    # ones (2³² + 2 that of 2), and a held-out story was then one of training.
    return sample(random.Random(f"{seed} {n}"), grammar)


def stories(seed: int = 0, first: int = 0, grammar: Grammar = GRAMMAR) -> Iterator[Story]:
    """All stories of a seed, without end, from number ``first`` on."""
    while True:
        yield story(first, seed, grammar)
        first += 1


def parse(text: str, language: str = "en", grammar: Grammar = GRAMMAR) -> Story:
    """The story that a text tells: every choice that was made in it.

    Raises:
        ValueError: the text is not of the language; it names the first place that is not.
    """
    reading = reader(text, language)

    def decide(choice: Choice, narrator: Narrator) -> Symbol:
        reading.expect(narrator.said)
        return reading.which(choice[0])

    found = drive(decide, grammar)
    reading.expect(found.symbols)
    reading.finish()
    return found


def log2_prob(text: str, language: str = "en", grammar: Grammar = GRAMMAR) -> float:
    """log2 of the probability that the language gives the text; errors as ``parse``."""
    return parse(text, language, grammar).log2_prob


def next_words(
    words: Sequence[str], language: str = "en", grammar: Grammar = GRAMMAR
) -> dict[str, float]:
    """The probability that the language gives each word that can come after ``words``.

    Args:
        words: how a story begins, as ``Story.words`` gives them; none: the first word.

    Returns:
        word → probability, adding up to 1; nothing where the story has ended.

    Raises:
        ValueError: no story begins so; it names the first word that cannot stand there. Or another
            language.
    """
    follower = Follower(language, grammar)
    for at, word in enumerate(words):
        if follower.read(word):
            continue
        if follower.ended:
            raise ValueError(f"the story has ended before word {at}, {word!r}")
        raise ValueError(
            f"not a story: word {at} is {word!r}, where only {', '.join(follower.shares())} "
            "can stand"
        )
    return follower.shares()


def entropy_bits(told: Story, grammar: Grammar = GRAMMAR) -> float:
    """Σ H(choice | what came before) along a story: what its choices could have surprised by."""
    bits = []

    def decide(choice: Choice, narrator: Narrator) -> Symbol:
        options, weights = choice
        if weights is None:
            bits.append(math.log2(len(options)))
        else:
            total = sum(weights)
            bits.append(math.log2(total) - math.fsum(x * math.log2(x) for x in weights) / total)
        return told.symbols[len(narrator.said)]

    drive(decide, grammar)
    return math.fsum(bits)


def every_story(grammar: Grammar) -> Iterator[Story]:
    """All stories of a grammar, each once: for small ones only, their number explodes."""
    path: list[tuple[int, int]] = []  # of each choice: which option, of how many
    depth = 0

    def decide(choice: Choice, narrator: Narrator) -> Symbol:
        nonlocal depth
        if depth == len(path):
            path.append((0, len(choice[0])))
        depth += 1
        return choice[0][path[depth - 1][0]]

    while True:
        depth = 0
        yield drive(decide, grammar)
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return
        path[-1] = (path[-1][0] + 1, path[-1][1])
