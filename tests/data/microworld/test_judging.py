"""Where a text stops being a story, and what is wrong there: by hand, and against two judges that
know nothing of each other, the parser and the sentences of thousands of stories."""

import math
import random
import re

import pytest

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld import parse, story
from llm_nb.data.microworld.cutting import cut
from llm_nb.data.microworld.judging import KINDS, judge, to_the_end
from tests.data.microworld.frames import learned, places, sort_of

TEXT = (
    "A blue kite was in Rome. Mia was in Rome. She came from Oslo. She had a red apple. Tom was in "
    "Rome. Anna was in Lima. Mia gave Tom the apple. Tom was happy because Mia had given him the "
    "apple. He lost the apple. The apple was lost. Mia took the kite. The kite was with Mia. Anna "
    "went to Cairo. In the end Mia was in Rome and had the kite. Tom was in Rome and had nothing. "
    "Anna was in Cairo and had nothing."
)


def words_of(text, language="en"):
    return [piece.word for piece in cut(text, language)]


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_true_stories_have_no_fault(language):
    for n in range(200):
        told = story(n, seed=7)
        verdict = judge(told.words(language), language)
        assert verdict.valid
        assert verdict.log2_prob == pytest.approx(told.log2_prob, rel=1e-12)
        assert verdict.words == len(told.words(language))


# What is written, what is written instead, the kind of the fault; it is at the first difference.
BROKEN = [
    ("Tom was in Rome. Anna", "Tom in was Rome. Anna", "grammar"),
    ("Tom was in Rome. Anna", "Tom was in kite. Anna", "grammar"),
    ("He lost the apple", "He lost a apple", "grammar"),
    ("and had nothing. Anna", "and had apple. Anna", "grammar"),
    ("Rome and had the kite", "Rome. had the kite", "grammar"),
    ("happy because Mia", "happy because the", "grammar"),
    ("Mia took the kite", "Mia xyz the kite", "grammar"),
    ("Mia gave Tom the", "Mia gave Anna the", "person"),
    ("because Mia had given", "because Anna had given", "person"),
    ("because Mia had given", "because he had given", "person"),
    ("was with Mia. Anna", "was with Tom. Anna", "person"),
    ("Anna went", "Lucy went", "person"),
    ("Anna was in Lima", "Mia was in Lima", "person"),
    ("In the end Mia", "In the end Tom", "person"),
    ("nothing. Anna was", "nothing. Mia was", "person"),
    ("given him the", "given her the", "pronoun"),
    ("He lost", "She lost", "pronoun"),
    ("He lost", "Tom lost", "pronoun"),
    ("She had a red", "He had a red", "pronoun"),
    ("Mia took", "She took", "pronoun"),
    ("In the end Mia was in Rome", "In the end Mia was in Oslo", "place"),
    ("went to Cairo", "went to Lima", "place"),
    ("Anna went to", "Anna dreamed of", "verb"),
    ("He lost the", "He found the", "verb"),
    ("She had a", "She came a", "verb"),
    ("gave Tom the apple", "gave Tom the kite", "thing"),
    ("Mia took the kite", "Mia took the apple", "thing"),
    ("Mia took the kite", "Mia took the red", "thing"),
    ("a red apple", "a red kite", "thing"),
    ("had the kite. Tom", "had the apple. Tom", "thing"),
    ("had the kite. Tom", "had nothing. Tom", "thing"),
    ("had the kite. Tom", "had the kite and the apple. Tom", "thing"),
    ("had nothing. Anna", "had the apple. Anna", "thing"),
    ("a red apple", "a blue apple", "colour"),
    ("was happy because", "was sad because", "mood"),
    ("had given him", "had grabbed him", "reason"),
    ("apple was lost", "apple was with Tom", "relation"),
    ("kite was with", "kite was in", "relation"),
    ("The apple was lost. Mia took the kite. The kite was with Mia. Anna", "In the", "end"),
    ("Cairo. In the end", "Cairo. Mia kept the kite. In the end", "end"),
    (". Anna was in Cairo and had nothing.", ".", "unfinished"),
    ("Cairo and had nothing.", "Cairo and had nothing. Mia went", "after the end"),
]


@pytest.mark.parametrize(("old", "new", "kind"), BROKEN, ids=[new for _, new, _ in BROKEN])
def test_what_was_broken_by_hand_is_found_at_its_word(old, new, kind):
    find(TEXT, old, new, kind, "en")


def find(text, old, new, kind, language):
    """Break a story, and have it judged."""
    assert text.count(old) == 1
    right, wrong = words_of(text, language), words_of(text.replace(old, new), language)
    assert judge(right, language).valid
    pairs = enumerate(zip(right, wrong, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(right), len(wrong)))
    verdict = judge(wrong, language)
    assert verdict.log2_prob == -math.inf
    fault = verdict.fault
    assert (fault.at, fault.kind) == (at, kind)
    assert fault.word == (wrong[at] if at < len(wrong) else "")
    assert right[at : at + 1] == [] or right[at] in fault.due
    assert fault.kind in KINDS


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("米娅给了汤姆苹果", "米娅给了安娜苹果", "person"),
        ("米娅给了汤姆苹果", "米娅给了汤姆风筝", "thing"),
        ("因为米娅给了他苹果", "因为米娅给了她苹果", "pronoun"),
        ("因为米娅给了他苹果", "因为米娅抢了他苹果", "reason"),
        ("因为米娅给了他苹果", "因为米娅丢了他苹果", "grammar"),
        ("那个苹果丢了", "那个苹果在米娅那里", "relation"),
        ("那个风筝在米娅那里", "那个风筝丢了", "relation"),
        ("那个风筝在米娅那里", "那个风筝在罗马", "relation"),
        ("那个风筝在米娅那里", "那个风筝在汤姆那里", "person"),
        ("有风筝。汤姆", "什么也没有。汤姆", "thing"),
        ("有风筝。汤姆", "有风筝和苹果。汤姆", "thing"),
        ("什么也没有。安娜", "有苹果。安娜", "thing"),
        ("什么也没有。安娜", "什么也没什么。安娜", "grammar"),
        ("安娜去了开罗", "安娜去了利马", "place"),
        ("安娜去了", "安娜梦见", "verb"),
        ("汤姆很高兴", "汤姆很难过", "mood"),
        ("他丢了苹果", "她丢了苹果", "pronoun"),
        ("那个风筝在米娅那里。", "那个风筝在米娅那里那里。", "grammar"),
    ],
    ids=lambda value: value,
)
def test_the_same_in_chinese(old, new, kind):
    find(parse(TEXT).text("zh"), old, new, kind, "zh")


TOLD = "Mia was in Rome. Tom was in Rome. Anna was in Lima. "


@pytest.mark.parametrize(
    ("text", "word", "kind"),
    [
        ("A red cup was in Rome. A blue kite was in Rome. A", "A", "thing"),  # two at most
        ("Mia was in Rome. He", "he", "pronoun"),
        ("Mia was in Rome. She had a red cup. She came from Oslo. She", "she", "pronoun"),
        ("A red cup was in Rome. She", "she", "grammar"),  # nobody is there yet
        ("Mia was in Rome. The", "the", "grammar"),  # the others come first
        (f"{TOLD}The", "the", "thing"),  # there is none, so that Anna must have one …
        (f"{TOLD}Mia", "Mia", "thing"),
        (f"{TOLD}In", "in", "end"),
        (f"{TOLD}He", "he", "pronoun"),
        (f"{TOLD}She came", "came", "verb"),
        (f"{TOLD}She had a red cup. She had", "had", "verb"),
        (f"{TOLD}She had a red cup. Lucy", "Lucy", "person"),
        (f"{TOLD}She had a red cup. The blue", "blue", "thing"),
        (f"{TOLD}She had a red cup. She came from Oslo. Anna dreamed of Lima", "Lima", "home"),
        (f"{TOLD}She had a red cup. Anna ate", "ate", "verb"),
        (f"{TOLD}She had a red cup. The cup was with Anna. She", "she", "pronoun"),  # whom?
        ("Mia Mia", "Mia", "grammar"),
        ("Was", "Was", "grammar"),
    ],
)
def test_how_a_story_begins(text, word, kind):
    """The last word is the fault."""
    words = words_of(text)
    assert judge(words[:-1]).fault.kind == "unfinished"
    fault = judge(words).fault
    assert (fault.at, fault.word.lower(), fault.kind) == (len(words) - 1, word.lower(), kind)


def wrong_words(language, seen, n, seed):
    """Stories with another word somewhere: (its place in a sentence, words, at)."""
    draw, forms = random.Random(seed), w.FORMS[language]
    known = sorted({form for form in forms if form})
    alike = {}
    for symbol, form in enumerate(forms):
        alike.setdefault(sort_of(symbol, language), []).append(form)
    for k in range(n):
        told = story(k, seed=9)
        words = told.words(language)
        for at, place, _ in places(told, language):
            if draw.random() < 0.05:  # any word, and one such as may stand here
                likely = draw.choice(alike[draw.choice(sorted(seen[place]))])
                for wrong in (draw.choice(known), likely):
                    yield place, [*words[:at], wrong, *words[at + 1 :]], at


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_grammar_is_what_no_sentence_has_and_all_else_some_sentence(language):
    """A fault is one of grammar exactly if no word of its class stood at such a place in thousands
    of stories: what is called a fault about the world would be right in another."""
    seen, forms, kinds = learned(language), w.FORMS[language], set()
    for place, words, at in wrong_words(language, seen, 300, 1):
        fault = judge(words, language).fault
        if fault and fault.at == at:
            written = {sort_of(s, language) for s, form in enumerate(forms) if form == words[at]}
            assert (fault.kind == "grammar") == (not written & seen[place]), (place, fault)
            kinds.add(fault.kind)
    assert kinds == set(KINDS) - {"unfinished", "after the end"}


def test_the_parser_finds_the_same_word():
    """It reads texts, by code of its own."""
    judged = 0
    for _, words, _ in wrong_words("en", learned("en", 500), 100, 2):
        verdict = judge(words)
        try:
            told = parse(written(words))
        except ValueError as error:
            found = re.search(r"word (\d+) is", str(error))
            assert verdict.fault.at == int(found[1])
            judged += 1
        else:
            assert verdict.log2_prob == pytest.approx(told.log2_prob, rel=1e-12)
    assert judged > 500


def written(words):
    """As text: spaces and capitals."""
    text = " ".join(words).replace(" .", ".").replace(" 's", "'s")
    return re.sub(r"(^|\. )([a-z])", lambda match: match[1] + match[2].upper(), text)


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_a_text_is_cut_at_its_end(language):
    for n in range(50):
        words = story(n).words(language)
        assert to_the_end(words, language) == words
        assert to_the_end([*words, *story(n + 1).words(language)], language) == words
        assert to_the_end([*words, words[-2]], language) == words
        assert to_the_end(words[:-1], language) == words[:-1]
    lies = words_of(TEXT.replace("the end Mia was in Rome", "the end Mia was in Oslo"))
    assert to_the_end([*lies, "Mia", "was"]) == lies
    assert to_the_end([]) == []


def test_bad_input():
    with pytest.raises(ValueError, match="language is 'de'"):
        judge([], "de")
    with pytest.raises(ValueError, match="language is 'de'"):
        to_the_end([], "de")
    assert judge([]).fault == (0, "", "unfinished", judge(["x"]).fault.due)
