"""The exact distribution of the next word: against counting out, and against whole stories."""

import math
from collections import defaultdict

import pytest

from llm_nb.data.microworld import Grammar, every_story, next_words, story
from llm_nb.data.microworld import lexicon as w

SMALL = Grammar(
    people=2,
    lying=0,
    names=w.NAMES[:2],
    places=w.PLACES[:2],
    things=w.THINGS[:2],
    colours=w.COLOURS[:2],
    events=(0, 0),
)


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_it_is_what_counting_out_every_story_gives(language):
    mass: dict[tuple, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for told in every_story(SMALL):
        words = told.words(language)
        for i, word in enumerate(words):
            mass[tuple(words[:i])][word] += 2**told.log2_prob
    beginnings = sorted(mass)[:: max(1, len(mass) // 500)]
    assert () in beginnings
    for words in beginnings:
        total = math.fsum(mass[words].values())
        expected = {word: p / total for word, p in mass[words].items()}
        assert next_words(words, language, SMALL) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_a_storys_words_make_its_probability(language):
    for n in range(5):
        told = story(n, seed=3)
        words = told.words(language)
        bits = [math.log2(next_words(words[:i], language)[word]) for i, word in enumerate(words)]
        assert math.fsum(bits) == pytest.approx(told.log2_prob, rel=1e-12)
        assert next_words(words, language) == {}


def test_what_no_story_says_is_named():
    with pytest.raises(ValueError, match=r"word 1 is 'had', where only was can stand"):
        next_words(["Anna", "had"])
    with pytest.raises(ValueError, match=r"word 0 is 'Xena', where only .*Anna.* can stand"):
        next_words(["Xena", "was"])
    whole = story(0).words()
    with pytest.raises(ValueError, match=rf"ended before word {len(whole)}, 'and'"):
        next_words([*whole, "and"])
    with pytest.raises(ValueError, match="language is 'de'"):
        next_words([], "de")
