"""One derivation a text, probabilities that sum to one, and the same stories everywhere."""

import itertools
import math
import random
from dataclasses import replace

import pytest

from llm_nb.data.microworld import Grammar, every_story, log2_prob, parse, sample, stories, story
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.narrator import Narrator
from llm_nb.data.microworld.stories import drive, entropy_bits

FIRST = (
    "Hugo was in Chelsea. He came from Delhi. Laura was in Prague. She had a red puppet. "
    "She came from Madison. Dallas was in Prague. "
    "Laura was homesick because she missed Madison. Dallas stayed in Prague. "
    "Laura stayed in Prague. Hugo was homesick because he missed Delhi. "
    "The puppet was with Laura. Hugo went to Austin. Laura gave Dallas the puppet. "
    "She went to Madison. She was proud because she had helped Dallas. "
    "In the end Hugo was in Austin and had nothing. Laura was in Madison and had nothing. "
    "Dallas was in Prague and had the puppet."
)
SECOND = (
    "利奥在罗马。他来自巴黎。他有一个灰色的芒果。奥兰多在达拉斯。他有一个紫色的水桶。朱莉娅在罗马。利奥给了朱莉娅芒果。朱莉娅去了都柏林。那个灰色的芒果在朱莉娅那里。"
    "利奥很自豪，因为他帮了朱莉娅。奥兰多丢了水桶。他找到了紫色的水桶。朱莉娅待在都柏林。奥兰多待在达拉斯。他去了罗马。最后利奥在罗马，什么也没有。奥兰多在罗马，有水"
    "桶。朱莉娅在都柏林，有芒果。"
)
MANY = [story(n, seed=7) for n in range(300)]
SMALL = Grammar(
    people=1,
    lying=0,
    names=w.NAMES[:2],
    places=w.PLACES[:2],
    things=w.THINGS[:1],
    colours=w.COLOURS[:1],
    events=(1, 2),
)
TWO = replace(SMALL, people=2, things=w.THINGS[:2], colours=w.COLOURS[:2], events=(0, 0))
LYING = replace(SMALL, lying=1, things=w.THINGS[:2], colours=w.COLOURS[:2], events=(1, 1))


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_a_text_gives_back_every_choice(language):
    for told in MANY:
        read = parse(told.text(language), language)
        assert read.symbols == told.symbols
        assert read.surprises == told.surprises
        assert read.notes == told.notes


def test_both_languages_have_the_same_probability():
    for told in MANY[:50]:
        assert log2_prob(told.text()) == log2_prob(told.text("zh"), "zh") == told.log2_prob


@pytest.mark.parametrize("grammar", [SMALL, TWO, LYING], ids=["one", "two", "lying"])
def test_probabilities_sum_to_one(grammar):
    every = list(every_story(grammar))
    assert len(every) > 500
    assert math.fsum(2**told.log2_prob for told in every) == pytest.approx(1, abs=1e-12)
    for language in w.LANGUAGES:
        assert len({told.text(language) for told in every}) == len(every)


def test_the_entropy_of_choices_is_the_entropy_of_texts():
    """The chain rule, on a grammar whose stories can be counted out."""
    every = list(every_story(SMALL))
    exact = math.fsum(-told.log2_prob * 2**told.log2_prob for told in every)
    by_choices = math.fsum(entropy_bits(told, SMALL) * 2**told.log2_prob for told in every)
    assert by_choices == pytest.approx(exact, rel=1e-12)


def test_sampling_follows_the_probabilities():
    rng, n = random.Random(1), 20_000
    counts: dict[str, int] = {}
    for _ in range(n):
        text = sample(rng, SMALL).text()
        counts[text] = counts.get(text, 0) + 1
    for told in every_story(SMALL):
        p = 2**told.log2_prob
        if p > 0.002:
            error = (counts.get(told.text(), 0) - n * p) / math.sqrt(n * p * (1 - p))
            assert abs(error) < 5, told.text()


def test_stories_are_the_same_on_every_machine():
    """Written down once, on Python 3.11; random() has one sequence for a seed everywhere."""
    assert story(0).text() == FIRST
    assert story(1, seed=5).text("zh") == SECOND
    assert [s.symbols for s in itertools.islice(stories(3, 4), 2)] == [
        story(4, 3).symbols,
        story(5, 3).symbols,
    ]


def choices(told):
    """What could have come at each choice of a story."""
    found = []

    def decide(choice, narrator):
        found.append(choice)
        return told.symbols[len(narrator.said)]

    drive(decide)
    return found


def test_no_form_begins_another_of_the_same_choice():
    """Looked at in every choice that comes up in many stories, and of all sets of words."""
    groups = [w.NAMES, w.PLACES, (*w.THINGS, *w.COLOURS), (*w.NAMES, w.SHE, w.HE, w.A, w.THAT, w.FINALLY)]  # fmt: skip

    for told in MANY[:100]:
        groups += [options for options, _ in choices(told)]
    for group in groups:
        chinese = [w.CHINESE[symbol] for symbol in group]
        for one, other in itertools.permutations(chinese, 2):
            assert not other.startswith(one), (one, other)
        assert len({w.ENGLISH[symbol] for symbol in group}) == len(group)


def test_a_choice_has_positive_whole_weights_and_different_words():
    for told in MANY:
        for options, weights in choices(told):
            assert len(set(options)) == len(options) > 1
            assert weights is None or (len(weights) == len(options) and min(weights) >= 1)


@pytest.mark.parametrize("number", range(40))
def test_a_story_is_coherent(number):
    """Told again by a clerk who only reads: nobody gives what they do not have, nor from afar."""
    told = MANY[number]
    place, holder, lost = {}, {}, {}
    sentences, sentence = [], []
    for symbol in told.symbols[: told.body]:
        if w.ENGLISH[symbol]:
            sentence.append(w.ENGLISH[symbol])
        if symbol == w.STOP:
            sentences.append(sentence)
            sentence = []
    subject = None
    for s in sentences:
        if s[0] in {w.ENGLISH[n] for n in w.NAMES}:
            subject = s[0]
        elif s[0] in ("a", "the"):
            subject = None
        verb, thing = s[1], s[-2]
        if s[0] == "a":
            place[s[2]] = s[-2]
        elif s[0] == "the" and "with" in s:
            assert holder[s[-5]] == s[-2]
        elif s[0] == "the" and s[-2] == "lost":
            assert lost[s[-4]]
        elif s[0] == "the":
            assert place[s[-5]] == s[-2]
        elif s[1:3] == ["was", "in"] or verb == "went":
            assert place.get(subject) != s[-2]
            place[subject] = s[-2]
        elif verb == "stayed":
            assert place[subject] == s[-2]
        elif verb == "had":
            holder[thing] = subject
        elif verb in ("kept", "dropped", "lost", "ate", "gave"):
            assert holder.pop(thing) == subject
            if verb == "kept":
                holder[thing] = subject
            elif verb == "gave":
                assert place[s[2]] == place[subject]
                holder[thing] = s[2]
            elif verb != "ate":
                place[thing], lost[thing] = place[subject], verb == "lost"
        elif verb in ("took", "found"):
            assert place.pop(thing) == place[subject]
            assert lost.pop(thing, False) == (verb == "found")
            holder[thing] = subject
        elif verb == "grabbed":
            assert holder[thing] == s[2] != subject
            assert place[s[2]] == place[subject]
            holder[thing] = subject
    for p in told.state.people:
        assert place[w.ENGLISH[p.name]] == w.ENGLISH[p.place]
        for thing in p.holds:
            assert holder[w.ENGLISH[thing.noun]] == w.ENGLISH[p.name]


@pytest.mark.parametrize(
    ("text", "language", "message"),
    [
        ("", "en", "word 0 is 'missing'"),
        ("Mia was on the ball.", "en", "word 2 is 'on', where only in can stand"),
        ("mia was in Rome.", "en", "'mia' begins a sentence without a capital"),
        ("Mia was  in Rome.", "en", "character 7"),
        ("Mia was in Rome .", "en", "character 15"),
        ("米娅在球。", "zh", "character 3 is '球。'"),
        ("Mia", "fr", "language is 'fr': use 'en' or 'zh'"),
    ],
)
def test_what_is_no_story_is_refused_where_it_stops_being_one(text, language, message):
    with pytest.raises(ValueError, match=message):
        parse(text, language)


def test_more_than_a_story_is_refused():
    text = MANY[0].text()
    with pytest.raises(ValueError, match="where only the end can stand"):
        parse(text + " Mia was in Rome.")
    with pytest.raises(ValueError, match="'missing'"):
        parse(text.rsplit(" ", 3)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"people": 0}, "people is 0"),
        ({"people": 49}, "people is 49"),
        ({"places": w.PLACES[:1]}, "there are 1 places"),
        ({"things": w.THINGS[:4]}, "need 5 things"),
        ({"events": (3, 2)}, "events are 3 to 2"),
    ],
)
def test_grammars_that_cannot_tell_a_story(changes, message):
    with pytest.raises(ValueError, match=message):
        Grammar(**changes)


def test_numbers_count_from_nought():
    with pytest.raises(ValueError, match="both count from 0"):
        story(-1)


def test_the_narrator_can_be_driven_by_hand():
    narrator = Narrator(Grammar())
    telling = narrator.tell()
    options, _ = next(telling)
    assert w.A in options
    telling.send(w.WOMEN[0])
    assert [w.ENGLISH[s] for s in narrator.said] == ["Mia", "was", "in"]
