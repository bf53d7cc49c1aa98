"""Words of texts, with their places."""

import pytest

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld import story
from llm_nb.data.microworld.cutting import cut
from llm_nb.data.microworld.facts import questions, summary


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_a_story_is_cut_into_its_own_words(language):
    for n in range(300):
        told = story(n, seed=5)
        text, spans = told.rendered(language)
        found = cut(text, language)
        assert [piece.word for piece in found] == told.words(language)
        assert [piece[1:] for piece in found] == [span for span in spans if span[0] < span[1]]


@pytest.mark.parametrize("language", w.LANGUAGES)
def test_nothing_of_a_question_or_a_summary_is_lost(language):
    for n in range(100):
        told = story(n, seed=5)
        for text in (summary(told, language), *(q.question for q in questions(told, language))):
            found = cut(text, language)
            assert "".join(text[a:b] for _, a, b in found) == text.replace(" ", "")
            names = {w.FORMS[language][p.name] for p in told.state.people}
            assert {name for name in names if name in text} <= {piece.word for piece in found}


def test_what_the_lexicon_lacks_stands_as_it_is_written():
    assert [piece.word for piece in cut("Where was Mia?")] == ["Where", "was", "Mia", "?"]
    assert [piece.word for piece in cut("米娅在哪里？", "zh")] == ["米娅", "在", "哪", "里", "？"]
    with pytest.raises(ValueError, match="language is 'de'"):
        cut("Mia", "de")
