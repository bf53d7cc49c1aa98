"""What can stand at a place of a sentence in some story, learned from many stories and from nothing
else: names, places, things and colours are alike, all other words are themselves."""

from collections import defaultdict
from itertools import islice

from llm_nb.data.microworld import Grammar, stories
from llm_nb.data.microworld import lexicon as w

CLASSES = {
    symbol: name
    for name, group in {
        "N": w.NAMES, "P": w.PLACES, "T": w.THINGS, "C": w.COLOURS,
        "S": (w.SHE, w.HE), "O": (w.HER, w.HIM), "H": (w.HERS, w.HIS),
        "M": (w.HAPPY, w.SAD, w.PROUD, w.ANGRY, w.FULL, w.HOMESICK),
    }.items()
    for symbol in group
}  # fmt: skip


def sort_of(symbol, language):
    """The class of a symbol; words are alike if they are written alike."""
    return CLASSES.get(symbol, w.FORMS[language][symbol])


def places(told, language):
    """(number of the word, its place, its symbol) for each word of a story.

    A place is the sentence so far and, where sentences begin and in the first ones, how far the
    story has come: whether anybody is there yet, all are, and anything has happened.
    """
    forms, at, people, events, begin = w.FORMS[language], 0, 0, 0, 0
    for i, symbol in enumerate(told.symbols):
        before = told.symbols[begin:i]
        stage = "ending" if i > told.body else (people > 0, people == 3, events > 0)
        if stage != "ending" and before and _happens(told.symbols, begin):
            stage = "event"
        if forms[symbol]:
            sentence = tuple(sort_of(s, language) for s in before if forms[s])
            if stage == "event" and sentence[0] == "S":
                sentence = ("N", *sentence[1:])  # who it is of, by name or not, makes no difference
            yield at, (stage, sentence), symbol
            at += 1
        if symbol == w.STOP:
            events += _happens(told.symbols, begin)
            people += told.symbols[begin] in w.NAMES and told.symbols[begin + 1] == w.WAS
            begin = i + 1


def _happens(symbols, begin):
    """Whether the sentence is none of the first ones, which say who and what there is."""
    first, second = symbols[begin : begin + 2]
    return first != w.A and second not in (w.WAS, w.CAME, w.HAD)


def learned(language, n=6000, seed=5):
    """place → the classes of the words that stood there in n stories, some of which end at once."""
    found = defaultdict(set)
    for told in islice(stories(seed, grammar=Grammar(events=(0, 7))), n):
        for _, place, symbol in places(told, language):
            found[place].add(sort_of(symbol, language))
    return found
