"""The true distribution of hidden words, against all stories of a small language counted out."""

import itertools
import math
import random

import pytest

from llm_nb.data.microworld import Grammar, every_story, story
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.cloze import TooManyTellings, candidates

SMALL = Grammar(
    people=1, lying=1, names=w.NAMES[:3], places=w.PLACES[:2], things=w.THINGS[:2],
    colours=w.COLOURS[:2], events=(0, 1),
)  # fmt: skip


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_every_story_that_fits_is_weighed(language):
    told = [(s.words(language), 2.0**s.log2_prob) for s in every_story(SMALL)]
    assert math.fsum(p for _, p in told) == pytest.approx(1)
    rng = random.Random(0)
    spread = 0
    for words, _ in rng.sample(told, 40):
        hidden = rng.sample(range(len(words)), rng.choice([1, 2, 4, 6]))
        fits = [
            (other, p)
            for other, p in told
            if len(other) == len(words)
            and all(
                a == b or i in hidden for i, (a, b) in enumerate(zip(words, other, strict=True))
            )
        ]
        total = math.fsum(p for _, p in fits)
        found = candidates(words, hidden, language, SMALL)
        assert sorted(found) == sorted(hidden)
        for place, row in found.items():
            expected: dict[str, float] = {}
            for other, p in fits:
                expected[other[place]] = expected.get(other[place], 0.0) + p / total
            assert row == pytest.approx(expected)
            assert list(row.values()) == sorted(row.values(), reverse=True)
            spread += len(row) > 1
    assert spread  # else all this would be about certainties


def test_what_is_hidden_is_not_looked_at():
    words = story(4).words()
    for place in (0, 5, len(words) - 2):
        other = [*words[:place], "nonsense", *words[place + 1 :]]
        assert candidates(other, [place]) == candidates(words, [place])


def test_what_a_story_says_twice_is_known_when_one_of_them_is_hidden():
    """ "Mia was in Rome" at the beginning and the end: one place gives the other away."""
    seen = 0
    for told in itertools.islice(map(story, itertools.count()), 30):
        words = told.words()
        name = words[told.symbols.index(told.state.people[0].name)]
        places = [i for i, word in enumerate(words) if word == name]
        first, last = places[0], places[-1]
        assert candidates(words, [last])[last] == {name: 1.0}
        together = candidates(words, [first, last])
        seen += len(together[last]) > 1
        assert together[first] == together[last]  # whoever it is, it is one person
        assert together[last][name] == pytest.approx(1 / len(together[last]))  # names are alike
    assert seen


def test_what_cannot_be_answered():
    words = story(0).words()
    with pytest.raises(ValueError, match="word 500 of a story of"):
        candidates(words, [500])
    with pytest.raises(ValueError, match="no story of the microworld has these words"):
        candidates(["red", *words[1:]], [3])
    with pytest.raises(ValueError, match="no story of the microworld has these words"):
        candidates(words[:-1], [3])
    with pytest.raises(TooManyTellings, match="hide fewer words"):
        candidates(words, range(len(words)), most=50)
    with pytest.raises(ValueError, match="language is 'de'"):
        candidates(words, [0], "de")
    assert candidates(words, []) == {}
