"""Tags and answers on pieces: as Hugging Face aligns them, and read back from real questions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from llm_nb.data.alignment import (
    CLS_SPAN,
    align_tags,
    question_windows,
)
from llm_nb.data.examples import Answer, Question
from llm_nb.data.formats import read_conll, read_squad
from llm_nb.text.wordpiece import SPECIAL_TOKENS, WordPiece

TINY = WordPiece([*SPECIAL_TOKENS, *"abcdefgh?", *(f"##{c}" for c in "abcdefgh"), "de", "##fg"])


@pytest.fixture(scope="module")
def bert(real_data) -> WordPiece:
    return WordPiece.from_vocab(real_data / "bert-base-uncased-vocab" / "vocab.txt")


@pytest.fixture(scope="module")
def theirs(real_data):
    transformers = pytest.importorskip("transformers")
    return transformers.BertTokenizerFast(
        vocab=str(real_data / "bert-base-uncased-vocab" / "vocab.txt"), do_lower_case=True
    )


def test_first_pieces_carry_the_tag():
    encoding = TINY.encode_words(["ab", "a", "defg"], max_length=6)
    assert align_tags(encoding.word_ids, [4, 5, 6]) == [-100, 4, -100, 5, 6, -100]
    with pytest.raises(ValueError, match="a piece belongs to word 2, but there are 2 tags"):
        align_tags(encoding.word_ids, [4, 5])


def test_tags_are_aligned_as_hugging_face_aligns_them(real_data, bert, theirs):
    for sentence in read_conll(real_data / "wnut17" / "emerging.dev.conll")[:300]:
        tags = list(range(len(sentence.words)))
        word_ids = theirs(list(sentence.words), is_split_into_words=True).word_ids()
        expected = [
            -100 if w is None or w == before else tags[w]
            for before, w in zip([None, *word_ids], word_ids, strict=False)
        ]
        ours = align_tags(bert.encode_words(sentence.words).word_ids, tags)
        assert ours == expected


def reference_windows(tokenizer, question, max_length, stride):
    """Ids, and start and end places, as Hugging Face's example for question answering has them."""
    encoded = tokenizer(
        question.question,
        question.context,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    start_char = question.answers[0].start
    end_char = start_char + len(question.answers[0].text)
    found = []
    for i, offsets in enumerate(encoded["offset_mapping"]):
        sequence = encoded.sequence_ids(i)
        first = sequence.index(1)
        last = len(sequence) - 1 - sequence[::-1].index(1)
        if offsets[first][0] > start_char or offsets[last][1] < end_char:
            found.append((encoded["input_ids"][i], (0, 0)))
            continue
        while first < len(offsets) and offsets[first][0] <= start_char:
            first += 1
        while offsets[last][1] >= end_char:
            last -= 1
        found.append((encoded["input_ids"][i], (first - 1, last + 1)))
    return found


@pytest.mark.parametrize(("language", "n"), [("en", 150), ("zh", 100)])
def test_questions_become_the_windows_of_hugging_face(real_data, bert, theirs, language, n):
    questions = read_squad(real_data / "xquad" / f"xquad.{language}.json")[::8][:n]
    several = 0
    for question in questions:
        ours = question_windows(bert, question, max_length=96, stride=24)
        expected = reference_windows(theirs, question, 96, 24)
        assert [(w.encoding.ids, w.answer) for w in ours] == expected
        several += len(ours) > 1
    assert several > n // 2


@pytest.mark.parametrize(("language", "exact"), [("en", 1189), ("zh", 1190)])
def test_answers_can_be_read_back(real_data, bert, language, exact):
    """Of one English answer the last piece goes on behind it, and is taken whole."""
    found = 0
    for question in read_squad(real_data / "xquad" / f"xquad.{language}.json"):
        windows = question_windows(bert, question, stride=64)
        texts = [w.text(question.context, *w.answer) for w in windows if w.answer != CLS_SPAN]
        assert texts
        assert all(question.answers[0].text in text for text in texts)
        found += texts[0] == question.answers[0].text
    assert found == exact


@settings(deadline=None)
@given(st.text("abc defgh", min_size=1).filter(str.strip), st.data())
def test_every_piece_is_in_a_window_and_answers_stand_where_they_are(context, data):
    places = [i for i, c in enumerate(context) if c != " "]
    start = data.draw(st.sampled_from(places))
    end = data.draw(st.sampled_from([i for i in places if i >= start])) + 1
    question = Question(context, "abc?", (Answer(context[start:end], start),))
    windows = question_windows(TINY, question, max_length=15, stride=3)
    assert all(len(w.encoding.ids) <= 15 for w in windows)
    covered = {span for w in windows for span in w.encoding.offsets[w.inside]}
    whole = TINY.encoding(context).offsets[1:-1]
    assert covered == set(whole)
    for w in windows:
        assert len({len(part) for part in w.encoding}) == 1
        offsets = w.encoding.offsets[w.inside]
        if w.answer != CLS_SPAN:
            assert context[start:end] in w.text(context, *w.answer)
        else:
            assert offsets[0][0] > start or offsets[-1][1] < end


def test_no_answer_and_none_in_a_part_point_at_cls():
    [window] = question_windows(TINY, Question("a b c", "d?", ()), 20, 2)
    assert window.answer == CLS_SPAN
    assert window.text("a b c", *CLS_SPAN) == ""
    windows = question_windows(TINY, Question("a b c d e f", "d?", (Answer("a", 0),)), 9, 1)
    assert [w.answer for w in windows] == [(4, 4), CLS_SPAN]


def test_windows_that_cannot_move_on_are_refused():
    question = Question("a b c", "d?", ())
    with pytest.raises(ValueError, match=r"leaves 3 places .* and stride 3 of them overlap"):
        question_windows(TINY, question, max_length=8, stride=3)
