"""Every task in both languages, with pairs in the test part that training never has."""

import pytest

from llm_nb.data.examples import Question, Tagged
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld import parse, story
from llm_nb.data.microworld.facts import main_thing, questions, summary
from llm_nb.data.microworld.rendering import text_of
from llm_nb.data.microworld.tasks import MAKERS, has_new_pair, load


@pytest.fixture(scope="module")
def loaded():
    return {(task, language): load(task, language, 60, 30) for task in MAKERS for language in w.LANGUAGES}  # fmt: skip


def test_every_task_has_its_parts_and_repeats(loaded):
    for (task, language), data in loaded.items():
        assert [len(data.train), len(data.validation), len(data.test)] == [60, 30, 30]
        assert data.task == task
        again = load(task, language, 10, 5)
        assert list(again.train) == list(data.train[:10])


def test_no_pair_of_the_test_part_is_in_training():
    """Looked for in the texts themselves, not in what the generator says of them."""

    def pairs(told):
        return {(a, b) for a, b in told.state.met}

    train, test = load("translation", "en", 300, 100), load("translation", "en", 1, 100)
    met = set().union(*(pairs(parse(e.source)) for e in (*train.train, *train.validation)))
    new = [pairs(parse(e.source)) - met for e in test.test]
    assert all(new)


def test_entities_need_more_than_a_list_of_names(loaded):
    """Some words are people in one sentence and towns in another."""
    for language in w.LANGUAGES:
        kinds: dict[str, set[str]] = {}
        for example in loaded["ner", language].train:
            assert isinstance(example, Tagged)
            for word, tag in zip(example.words, example.tags, strict=True):
                kinds.setdefault(word, set()).add(tag)
        assert len([word for word, tags in kinds.items() if len(tags) > 1]) >= 5


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_answers_are_right(language):
    """Against the state at the end, for every question of many stories."""
    forms = w.FORMS[language]
    seen = dict.fromkeys(("where", "who", "what", "why", "from"), 0)
    for n in range(150):
        told = story(n, seed=4)
        text, spans = told.rendered(language)
        for asked in questions(told, language):
            seen[asked.kind] += 1
            answer = text[spans[asked.begin][0] : spans[asked.end - 1][1]]
            assert asked.end <= told.body
            p = asked.person
            if asked.kind == "where":
                assert answer == forms[p.place]
            elif asked.kind == "from":
                assert answer == forms[p.home]
            elif asked.kind == "what":
                assert [forms[thing.noun] for thing in p.holds] == [answer]
            elif asked.kind == "who":
                [holder] = [
                    forms[t.holder.name]
                    for t in told.state.things
                    if t.holder
                    and forms[t.noun] in asked.question.split("谁有")[-1].rstrip("？?").split()
                ]
                assert answer == holder
            else:
                assert forms[p.mood.word] in asked.question
                assert answer.startswith((forms[p.subject], *(forms[o.name] for o in told.state.people)))  # fmt: skip
    assert min(seen.values()) > 30


def test_the_context_does_not_give_the_end_away(loaded):
    for language, words in (("en", "In the end"), ("zh", "最后")):
        for example in loaded["qa", language].train:
            assert isinstance(example, Question)
            assert words not in example.context


def test_a_summary_is_of_the_thing_that_most_happened_to():
    for n in range(100):
        told = story(n, seed=6)
        thing = main_thing(told)
        assert all(other.moves <= thing.moves for other in told.state.things + told.state.eaten)
        for language in w.LANGUAGES:
            line = summary(told, language)
            assert w.FORMS[language][thing.noun] in line
            if thing.holder is not None:
                assert w.FORMS[language][thing.holder.name] in line
            if thing.place is not None and not thing.lost:
                assert w.FORMS[language][thing.place] in line


def test_a_translation_is_the_same_story(loaded):
    for example in loaded["translation", "zh"].train:
        assert parse(example.source, "zh").text("en") == example.target


def test_most_of_the_language_is_for_training():
    new = [has_new_pair(story(n)) for n in range(1000)]
    assert 0.2 < sum(new) / 1000 < 0.6


def test_bodies_are_the_beginnings_of_texts():
    for n in range(50):
        told = story(n)
        for language in w.LANGUAGES:
            assert told.text(language).startswith(text_of(told.symbols[: told.body], language))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "parsing"}, "no task 'parsing': use sentiment, ner"),
        ({"task": "ner", "language": "de"}, "language is 'de'"),
        ({"task": "ner", "n_train": 0}, "n_train 0"),
    ],
)
def test_bad_requests(arguments, message):
    with pytest.raises(ValueError, match=message):
        load(**arguments)
