"""What can be had from single words, without their order: baselines for the microworld's tasks.

Each takes training and test examples and returns its predictions for the test examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from llm_nb.data.examples import Question, Tagged
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.cutting import cut

STOPS = (".", "。")
BECAUSE = ("because", "因为")


def regression(C: float = 10.0) -> Any:
    """Logistic regression on features given as dictionaries."""
    return make_pipeline(DictVectorizer(), MaxAbsScaler(), LogisticRegression(C=C, max_iter=1000))


# ---- Entities ------------------------------------------------------------------------------


def usual_tags(train: Sequence[Tagged], test: Sequence[Tagged]) -> list[list[str]]:
    """The tag that each word has most often: a look-up."""
    seen: dict[str, Counter[str]] = {}
    for example in train:
        for word, tag in zip(example.words, example.tags, strict=True):
            seen.setdefault(word, Counter())[tag] += 1
    usual = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    return [[usual.get(word, "O") for word in example.words] for example in test]


def bag_tags(train: Sequence[Tagged], test: Sequence[Tagged]) -> list[list[str]]:
    """Logistic regression on a name itself and on which words its sentence has beside it.

    Only words that are a name somewhere in training are judged; all others are "O".
    """
    names = {word for e in train for word, tag in zip(e.words, e.tags, strict=True) if tag != "O"}

    def features(example: Tagged) -> Iterator[tuple[int, dict[str, float]]]:
        begin = 0
        for end, word in enumerate(example.words):
            if word in STOPS:
                sentence = Counter(example.words[begin:end])
                for i in range(begin, end):
                    if (name := example.words[i]) in names:
                        beside = sentence - Counter([name])
                        found = {f"it is {name}": 1.0}
                        found |= {f"beside {other}": 1.0 for other in beside}
                        yield i, found
                begin = end + 1

    rows = [(example.tags[i], row) for example in train for i, row in features(example)]
    model = regression().fit([row for _, row in rows], [tag for tag, _ in rows])
    found = []
    for example in test:
        tags = ["O"] * len(example.words)
        at, given = zip(*features(example), strict=True)
        for i, tag in zip(at, model.predict(list(given)), strict=True):
            tags[i] = str(tag)
        found.append(tags)
    return found


# ---- Answers -------------------------------------------------------------------------------


class Candidate(NamedTuple):
    """Something that could be the answer: a word, or all that follows "because"."""

    text: str
    start: int  # of its first character
    what: str  # the word, or REASON
    sentence: int


REASON = "what follows because"


class Asked(NamedTuple):
    """A question with its story, cut into words and sentences."""

    form: str  # the question without names and things
    keys: frozenset[str]  # the names and things that it asks about
    sentences: list[set[str]]
    candidates: list[Candidate]
    answer: tuple[str, int]


def asked(question: Question, language: str) -> Asked:
    """Cut it up."""
    names = {w.FORMS[language][i] for i in (*w.NAMES, *w.THINGS)}
    words = [piece.word for piece in cut(question.question, language)]
    sentences, candidates, begin = list[set[str]](), list[Candidate](), 0
    pieces = cut(question.context, language)
    for end, piece in enumerate(pieces):
        if piece.word not in STOPS:
            candidates.append(Candidate(piece.word, piece.start, piece.word, len(sentences)))
            continue
        inside = [other.word for other in pieces[begin:end]]
        for mark in BECAUSE:
            if mark in inside:
                start = pieces[begin + inside.index(mark) + 1].start
                text = question.context[start : pieces[end - 1].end]
                candidates.append(Candidate(text, start, REASON, len(sentences)))
        sentences.append(set(inside))
        begin = end + 1
    answer = question.answers[0]
    return Asked(
        " ".join(word for word in words if word not in names),
        frozenset(word for word in words if word in names),
        sentences,
        candidates,
        (answer.text, answer.start),
    )


class Chooser:
    """Scores each candidate by logistic regression on features without order.

    Features, each together with the form of the question: the word; in how many sentences it
    stands; the words of its sentence; whether that sentence, or one of the two before it, has what
    is asked about, for "she" looks back.
    """

    def __init__(self, train: Sequence[Question], language: str) -> None:
        self.language = language
        known = [asked(question, language) for question in train]
        # What has answered a question of this form: words of other kinds are no candidates.
        self.answers: dict[str, set[str]] = {}
        for one in known:
            right = [c.what for c in one.candidates if (c.text, c.start) == one.answer]
            self.answers.setdefault(one.form, set()).update(right)
        rows, labels = [], []
        for one in known:
            for candidate in self.possible(one):
                rows.append(self._features(one, candidate))
                labels.append((candidate.text, candidate.start) == one.answer)
        self.model = regression().fit(rows, labels)

    def __call__(self, question: Question) -> str:
        """The text of the best candidate."""
        one = asked(question, self.language)
        possible = self.possible(one)
        if not possible:
            return ""
        scores = self.model.decision_function([self._features(one, c) for c in possible])
        return possible[int(scores.argmax())].text

    def possible(self, one: Asked) -> list[Candidate]:
        """What can answer a question of this form, by the training examples."""
        fitting = self.answers.get(one.form, set())
        return [c for c in one.candidates if c.what in fitting and c.what not in one.keys]

    def _features(self, one: Asked, candidate: Candidate) -> dict[str, float]:
        form, sentences, n = one.form, one.sentences, candidate.sentence
        here = bool(one.keys & sentences[n])
        near = any(one.keys & words for words in sentences[max(0, n - 2) : n])
        found = {
            f"{form}: {candidate.what}": 1.0,
            f"{form}: here {here}, near {near}": 1.0,
            f"{form}: {min(4, sum(candidate.what in words for words in sentences))} times": 1.0,
        }
        return found | {f"{form}: {here} beside {word}": 1.0 for word in sentences[n]}


def window_answer(question: Question, chooser: Chooser) -> str:
    """The candidate whose sentence and the two before it have most of the words of the question, of
    equals the last: a sliding window (Richardson et al. 2013), which learns only what can answer."""
    one = asked(question, chooser.language)
    words = {piece.word for piece in cut(question.question, chooser.language)}

    def score(c: Candidate) -> tuple[int, int]:
        window = one.sentences[max(0, c.sentence - 2) : c.sentence + 1]
        return len(words & set().union(*window)), c.start

    return max(chooser.possible(one), key=score, default=Candidate("", 0, "", 0)).text
