"""What is said of single words: floors, kinds, distances."""

import math

import numpy as np
import pytest

from llm_nb.data.microworld import Grammar, story
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.measure import (
    at_distance,
    by_kind,
    closed,
    kind_of,
    true_entropy,
    words,
)

TOLD = [story(n, seed=2) for n in range(200)]


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_the_words_of_a_story_share_out_its_bits(language):
    for told in TOLD:
        known = words(told, language)
        assert [word.form for word in known] == told.words(language)
        assert math.fsum(word.bits for word in known) == pytest.approx(-told.log2_prob)


def test_what_the_world_decides_costs_nothing_unless_it_is_said_in_two_ways():
    """A thing can be named by its noun or by its colour; all else that is decided is free."""
    for told in TOLD:
        for word in words(told):
            if word.options == 1 and word.kind != "thing":
                assert word.bits == 0
            if word.options > 1:
                assert word.bits > 0


def test_sources_say_the_same():
    """The word that decides a place, a person or a home is that place, person or home itself,
    whenever it is a word of the same kind; and it always comes earlier."""
    seen = 0
    for told in TOLD:
        known = words(told)
        for at, word in enumerate(known):
            assert 0 <= word.distance <= at
            if word.kind == "place" and word.options == 1 and word.distance:
                source = known[at - word.distance]
                if source.kind == "place":
                    assert source.form == word.form
                    seen += 1
    assert seen > 500


def test_the_true_entropy_is_near_the_mean_surprise():
    """Two estimates of one number, by entropies of choices and by surprises."""
    found = true_entropy(lambda told: len(told.words()), n=400)
    surprises = np.array([-story(n, seed=9).log2_prob for n in range(400)])
    error = math.hypot(found.per_story[1], surprises.std() / 20)
    assert abs(found.per_story[0] - surprises.mean()) < 5 * error
    assert found.per_unit[0] == pytest.approx(found.per_story[0] / found.units_per_story)
    assert found.per_unit[1] < found.per_unit[0] / 50
    with pytest.raises(ValueError, match="n is 1"):
        true_entropy(lambda told: 1, n=1)


def test_a_small_grammar_has_its_entropy_known_in_closed_form():
    """One person who does nothing: a name, a place, a home or none, a thing."""
    grammar = Grammar(
        people=1, lying=0, places=w.PLACES[:4], names=w.NAMES[:8], colours=w.COLOURS[:2],
        things=w.THINGS[:4], events=(0, 0),
    )  # fmt: skip
    # 8 names, 4 places, a thing at once (there must be one): 2 colours, 4 nouns. Then, half of the
    # time, where they come from, 4 places.
    exact = 3 + 2 + 1 + 2 + 1 + 0.5 * 2
    found = true_entropy(lambda told: 1, n=4000, grammar=grammar)
    assert found.per_story[0] == pytest.approx(exact, abs=5 * found.per_story[1])


def test_by_kind_is_a_mean_of_each_group():
    known = [words(told) for told in TOLD[:20]]
    bits = [np.array([word.bits + 1 for word in story]) for story in known]
    groups = by_kind(known, bits, kind_of)
    assert {"place", "person", "thing", "free choice", "fixed by the sentence"} <= groups.keys()
    assert sum(group.n for group in groups.values()) == sum(map(len, known))
    for group in groups.values():
        assert group.bits == pytest.approx(group.floor + 1)
    with pytest.raises(ValueError, match="has bits of shape"):
        by_kind(known, [cost[1:] for cost in bits], kind_of)


def test_distances_are_grouped_without_gaps():
    known = [words(told) for told in TOLD]
    bits = [np.zeros(len(story)) for story in known]
    groups = by_kind(known, bits, at_distance("place", (8, 16)))
    assert groups.keys() == {"1–8", "9–16", "17+"}
    decided = [x for s in known for x in s if x.kind == "place" and x.options == 1 and x.distance]
    assert sum(group.n for group in groups.values()) == len(decided)


def test_the_share_of_the_way_that_is_closed():
    assert closed(2.0, 2.0, 1.0) == 0
    assert closed(2.0, 1.25, 1.0) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="not over the floor"):
        closed(1.0, 1.0, 1.0)
