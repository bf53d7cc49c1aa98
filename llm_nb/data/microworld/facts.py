"""What can be asked of a story and said about it: questions with their answers' places, a summary,
a talk. The story's end ("in the end …") would give the answers away, so all this is about what
comes before it, its body.
"""

from __future__ import annotations

from typing import NamedTuple

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.rendering import check_language
from llm_nb.data.microworld.stories import Story
from llm_nb.data.microworld.world import Person, Thing

_QUESTIONS = {
    "en": {
        "where": "Where was {person} in the end?",
        "who": "Who had the {thing} in the end?",
        "what": "What did {person} have in the end?",
        "why": "Why was {person} {mood}?",
        "from": "Where did {person} come from?",
    },
    "zh": {
        "where": "最后{person}在哪里？",
        "who": "最后谁有{thing}？",
        "what": "最后{person}有什么？",
        "why": "{person}为什么{mood}？",
        "from": "{person}来自哪里？",
    },
}
_REPLIES = {
    "en": {
        "where": "In {answer}.",
        "who": "{answer} had it.",
        "what": "The {answer}.",
        "why": "Because {answer}.",
        "from": "From {answer}.",
    },
    "zh": {
        "where": "在{answer}。",
        "who": "在{answer}那里。",
        "what": "{answer}。",
        "why": "因为{answer}。",
        "from": "{answer}。",
    },
}
_AND = {"en": "And {person}?", "zh": "{person}呢？"}
_PLOTS = {
    "en": {
        "had": "{owner} had a {colour} {thing}",
        "lay": "A {colour} {thing} lay about",
        "kept": " and still had it in the end.",
        "moved": ", and in the end {person} had it.",
        "lies": ", and in the end it was in {place}.",
        "lost": ", and in the end it was lost.",
        "eaten": ", and {person} ate it.",
    },
    "zh": {
        "had": "{owner}有一个{colour}的{thing}",
        "lay": "有一个{colour}的{thing}",
        "kept": "，最后还有它。",
        "moved": "，最后它在{person}那里。",
        "lies": "，最后它在{place}。",
        "lost": "，最后它丢了。",
        "eaten": "，后来{person}吃了它。",
    },
}


class Asked(NamedTuple):
    """A question, and the symbols of the body that answer it."""

    kind: str  # "where", "who", "what", "why" or "from"
    person: Person | None
    question: str
    begin: int  # the first symbol of the answer
    end: int  # the symbol after its last


def questions(story: Story, language: str = "en") -> list[Asked]:
    """Everything that can be asked, in a fixed order."""
    check_language(language)
    forms, found = w.FORMS[language], []

    def ask(kind: str, begin: int, end: int, person: Person | None = None, **more: Symbol) -> None:
        symbols = more | ({"person": person.name} if person else {})
        words = {name: forms[symbol] for name, symbol in symbols.items()}
        question = _QUESTIONS[language][kind].format(**words)
        found.append(Asked(kind, person, question, begin, end))

    for p in story.state.people:
        ask("where", p.said, p.said + 1, p)
        if p.home is not None:
            ask("from", p.home_said, p.home_said + 1, p)
        if len(p.holds) == 1:
            at = _last(story, p.holds[0].noun, story.body)
            ask("what", at, at + 1, p)
        if p.told is not None and p.told is p.mood:
            ask("why", *p.reason, p, mood=p.told.word)
    for thing in story.state.things:
        if thing.holder is not None:
            at = _last(story, thing.holder.name, story.body)
            ask("who", at, at + 1, thing=thing.noun)
    return found


def reply(asked: Asked, story: Story, language: str = "en") -> str:
    """The answer in a sentence of its own."""
    text, spans = story.rendered(language)
    answer = text[spans[asked.begin][0] : spans[asked.end - 1][1]]
    return _REPLIES[language][asked.kind].format(answer=answer)


def talk(story: Story, language: str = "en") -> list[tuple[str, str]]:
    """Questions and answers on the story; where one asks the same of somebody else, it is short."""
    asked = questions(story, language)
    kinds = ("where", "who", "why")
    turns: list[tuple[str, str]] = []
    for kind in kinds:
        for i, one in enumerate([q for q in asked if q.kind == kind][:2]):
            again = i and kind == "where" and one.person is not None
            name = w.FORMS[language][one.person.name] if one.person else ""
            said = _AND[language].format(person=name) if again else one.question
            turns += [("user", said), ("assistant", reply(one, story, language))]
    return turns


def main_thing(story: Story) -> Thing:
    """The thing that most happened to; of equals the one that came first."""
    state = story.state
    return max(
        sorted(state.things + state.eaten, key=lambda t: story.symbols.index(t.noun)),
        key=lambda t: t.moves,
    )


def summary(story: Story, language: str = "en") -> str:
    """One sentence: what the main thing was, whose at first, and what became of it."""
    check_language(language)
    thing, forms, plots = main_thing(story), w.FORMS[language], _PLOTS[language]
    words = {"colour": forms[thing.colour], "thing": forms[thing.noun]}
    owner, ending = thing.first, "lies"
    if owner is not None:
        words["owner"] = forms[owner.name]
    person = thing.eater or thing.holder
    if person is not None:
        words["person"] = forms[person.name]
        ending = "eaten" if thing.eater else "kept" if person is owner else "moved"
    elif thing.lost:
        ending = "lost"
    elif thing.place is not None:
        words["place"] = forms[thing.place]
    return (plots["had" if owner else "lay"] + plots[ending]).format(**words)


def _last(story: Story, symbol: Symbol, end: int) -> int:
    """Where a word last stands before ``end``."""
    return max(i for i in range(end) if story.symbols[i] == symbol)
