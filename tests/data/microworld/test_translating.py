"""Passages: one translation each, the gold alignment, what training never has."""

import pytest

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld import story
from llm_nb.data.microworld.tasks import is_new
from llm_nb.data.microworld.translating import (
    PARTS,
    SENTENCES,
    encoded,
    passages,
    vocabularies,
    written,
)
from llm_nb.text.vocabulary import BEGIN, END


def test_a_passage_has_one_translation_only():
    found = {}
    for part in PARTS:
        for told in passages(3000, part):
            assert found.setdefault(told.text("en"), told.text("zh")) == told.text("zh")
    assert len(found) > 7000


def test_passages_are_the_sentences_of_stories():
    told = passages(60, "train", (1, 3))
    kept = {sentence for p in told for sentence in p.text("zh").split("。")}
    whole = "。".join(story(n).text("zh") for n in range(60)).split("。")
    assert kept <= set(whole)
    assert {p.text().count(".") for p in told} == {1, 2, 3}
    assert all(p.text()[0].isupper() and p.text()[-1] == "." for p in told)
    assert {p.text().count(".") for p in passages(60, sentences=(11, 11))} == {11}
    assert min(story(n).text().count(".") for n in range(3000)) == SENTENCES


def test_alignment_follows_the_words():
    for told in passages(200):
        english, chinese = told.words("en"), told.words("zh")
        heard = [s for s in told.symbols if w.CHINESE[s]]
        assert len(told.alignment) == len(chinese)
        for symbol, place in zip(heard, told.alignment, strict=True):
            if place is None:
                assert not w.ENGLISH[symbol]
            else:
                assert english[place] == w.ENGLISH[symbol]
    told = next(p for p in passages(200) if "红色" in p.words("zh"))
    at = told.words("zh").index("红色")
    assert told.words("en")[told.alignment[at]] == "red"
    assert told.alignment[at + 1] is None  # 的


def test_no_pair_of_the_unseen_part_stands_in_training():
    def pairs(part):
        return {
            (name, other)
            for p in passages(1500, part)
            for name in set(p.symbols) & set(w.NAMES)
            for other in set(p.symbols) & {*w.PLACES, *w.THINGS}
        }

    seen, validation, unseen = pairs("train"), pairs("validation"), pairs("unseen")
    new = {pair for pair in unseen if is_new(*pair)}
    assert len(new) > 150
    assert not new & (seen | validation)
    assert all(
        any(is_new(n, o) for n in p.symbols for o in p.symbols) for p in passages(50, "unseen")
    )
    texts = [{p.text() for p in passages(1500, part)} for part in ("train", "unseen")]
    assert not texts[0] & texts[1]


def test_ids_and_back():
    en, zh = vocabularies()
    told = passages(20)
    sources, targets = encoded(told, en, zh)
    for p, source, target in zip(told, sources, targets, strict=True):
        assert en.decode(source) == [*p.words("en"), END]
        assert zh.decode(target) == [BEGIN, *p.words("zh"), END]
        assert written(target, zh) == p.text("zh")
    assert written([*targets[0], *targets[1]], zh) == told[0].text("zh")
    assert written(targets[0][1:4], zh) == "".join(told[0].words("zh")[:3])
    assert passages(20) == told
    assert passages(20, seed=1) != told


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: passages(5, "test"), "part is 'test': use one of train, validation, unseen"),
        (lambda: passages(0), "n is 0"),
        (lambda: passages(5, sentences=(0, 2)), r"sentences are \(0, 2\)"),
        (lambda: passages(5, sentences=(3, 2)), r"sentences are \(3, 2\)"),
        (lambda: passages(5, sentences=(3, 12)), "from 1 to 11, which every story has"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
