"""Entities, answers and summaries ask for more than single words give: a network that reads them in
their order is clearly better, on stories whose pairs of a person with a thing or a town it has
never met. The figures are those on the page about data."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("rouge_score")

from llm_nb.data.examples import Question, Tagged
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.tasks import load
from llm_nb.metrics.spans import entity_scores, span_scores
from llm_nb.metrics.text import rouge
from tests.data.microworld.bags import Chooser, bag_tags, usual_tags, window_answer
from tests.data.microworld.networks import lstm_tags
from tests.data.microworld.pointing import Reader
from tests.data.microworld.summing import Filler, Language, Summariser, lead

PAGE = (Path(__file__).parents[3] / "book" / "data.md").read_text("utf-8")
N_TEST = 500
TAGGING, READING, SUMMING = (1000, 150), (4000, 250), (4000, 400)  # examples, steps


class Scores(NamedTuple):
    """In per cent: of the simplest baseline, of counted words, and of a network."""

    simplest: float
    words: float
    network: float


def entities(language: str, seed: int = 0) -> dict[str, Scores]:
    """F1 of people and of towns; and how many names that are both have the right tag."""
    data = load("ner", language, TAGGING[0], N_TEST)
    gold = [example.tags for example in data.test]
    found = (
        usual_tags(data.train, data.test),
        bag_tags(data.train, data.test),
        lstm_tags(data.train, data.test, TAGGING[1], seed=seed),
    )
    both = named(data.test, language)
    right = (sum(tags[n][i] == gold[n][i] for n, i in both) for tags in found)
    by_type = [entity_scores(gold, tags).by_type for tags in found]
    return {
        "people": Scores(*(100 * scores["PER"].f1 for scores in by_type)),
        "towns": Scores(*(100 * scores["LOC"].f1 for scores in by_type)),
        "names of both": Scores(*(100 * n / len(both) for n in right)),
    }


def named(examples: list[Tagged], language: str) -> list[tuple[int, int]]:
    """Where a word stands that is a name of people and of towns."""
    forms = w.FORMS[language]
    both = {forms[i] for i in w.NAMES} & {forms[i] for i in w.PLACES}
    return [(n, i) for n, e in enumerate(examples) for i, x in enumerate(e.words) if x in both]


def answers(seed: int = 0) -> dict[str, Scores]:
    """Exact matches, of all questions and of each kind."""
    data = load("qa", "en", READING[0], N_TEST)
    chooser = Chooser(data.train, "en")
    reader = Reader(data.train, "en", seed).fit(READING[1])
    found = (
        [window_answer(question, chooser) for question in data.test],
        [chooser(question) for question in data.test],
        reader(data.test),
    )

    def scores(rows: list[int]) -> Scores:
        gold = [[answer.text for answer in data.test[i].answers] for i in rows]
        said = ([texts[i] for i in rows] for texts in found)
        return Scores(*(span_scores(gold, texts).exact_match for texts in said))

    kinds: dict[str, list[int]] = {"answers": list(range(N_TEST))}
    for i, question in enumerate(data.test):
        kinds.setdefault(kind(question), []).append(i)
    return {name: scores(rows) for name, rows in kinds.items()}


def kind(question: Question) -> str:
    """What is asked for."""
    first, _, *_, last = re.findall(r"\w+", question.question.lower())
    return "from" if last == "from" else first


def summaries(seed: int = 0) -> dict[str, Scores]:
    """Summaries without a wrong word, and ROUGE-L."""
    data = load("summary", "en", SUMMING[0], N_TEST)
    gold = [Language("en").words(example.summary) for example in data.test]
    filler = Filler(data.train, "en")
    summariser = Summariser(data.train, "en", seed).fit(SUMMING[1])
    found = (
        [lead(example, "en") for example in data.test],
        [filler(example) for example in data.test],
        summariser(data.test),
    )
    exact = (sum(map(list.__eq__, gold, texts)) for texts in found)
    lines = [" ".join(words) for words in gold]
    common = (rouge(lines, [" ".join(words) for words in texts])["rougeL"].f1 for texts in found)
    return {
        "summaries": Scores(*(100 * n / N_TEST for n in exact)),
        "ROUGE-L": Scores(*(100 * f1 for f1 in common)),
    }
