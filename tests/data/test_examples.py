"""Examples check themselves; BIO in both directions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.data.examples import (
    Answer,
    Dialogue,
    Labelled,
    Question,
    Summarised,
    Tagged,
    TaskData,
    Translated,
    Utterance,
    bio_fault,
    to_bio,
)

SILENCE = np.zeros(80, np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Labelled(" ", "1"), "Labelled has text ' '"),
        (lambda: Labelled("good", 1), "Labelled has label 1"),
        (lambda: Tagged(("a", "b"), ("O",)), "2 words and 1 tags"),
        (lambda: Tagged((), ()), "0 words"),
        (lambda: Tagged(("a", ""), ("O", "O")), "a word of"),
        (lambda: Tagged(("a", "b"), ("O", "I-PER")), "'I-PER' of word 1 follows 'O'.*B-PER"),
        (lambda: Tagged(("a", "b"), ("B-LOC", "I-PER")), "follows 'B-LOC'"),
        (lambda: Tagged(("a", "b"), ("B-LOC", "NOUN")), "'NOUN' of word 1 is not BIO"),
        (
            lambda: Question("the cat sat", "who?", (Answer("cat", 3),)),
            "start at character 3.*at 4",
        ),
        (lambda: Question("the cat", "who?", (Answer("dog", 4),)), "nowhere in the context"),
        (lambda: Question("the cat", "who?", (Answer("cat", -3),)), "start at character -3"),
        (lambda: Question("the cat", "who?", (Answer("", 2),)), "start at character 2"),
        (lambda: Summarised("long", ""), "summary ''"),
        (lambda: Translated("", "你好"), "source ''"),
        (lambda: Dialogue(()), "no turns"),
        (lambda: Dialogue((("Ann", "hello"), ("", "hi"))), "lacks its speaker"),
        (lambda: Utterance(SILENCE.astype(float), 8000, "0"), "float64"),
        (lambda: Utterance(SILENCE[:0], 8000, "0"), r"shape \(0,\)"),
        (lambda: Utterance(SILENCE + 2, 8000, "0"), "samples reach 2.0"),
        (lambda: Utterance(SILENCE * np.float32("nan"), 8000, "0"), "samples reach nan"),
        (lambda: Utterance(SILENCE, 0, "0"), "rate of 0"),
    ],
)
def test_a_bad_example_is_one_clear_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_parts_of_speech_are_not_taken_for_entities():
    assert Tagged(("go", "on"), ("VB", "O")).tags == ("VB", "O")


def test_an_unanswerable_question_has_no_answers():
    assert Question("the cat sat", "who flew?", ()).answers == ()


def test_task_data_says_its_sizes_and_knows_its_labels():
    examples = [Labelled("good", "1"), Labelled("bad", "0")]
    data = TaskData("tiny", "sentiment", examples, [], examples[:1], "none")
    assert str(data) == "tiny (sentiment): train 2, validation 0, test 1; 2 labels (none)"
    assert data.labels == ("0", "1")
    assert data.part("test") == examples[:1]
    with pytest.raises(ValueError, match="tiny has no validation examples"):
        data.part("validation")
    with pytest.raises(ValueError, match="no part 'dev'"):
        data.part("dev")
    with pytest.raises(ValueError, match="label '0', not one of 1, 2"):
        TaskData("tiny", "sentiment", examples, [], [], "none", ("1", "2"))
    with pytest.raises(ValueError, match="has a Labelled; qa needs Question"):
        TaskData("tiny", "qa", examples, [], [], "none")
    with pytest.raises(ValueError, match="unknown task 'mood'"):
        TaskData("tiny", "mood", examples, [], [], "none")
    with pytest.raises(ValueError, match="has no examples"):
        TaskData("tiny", "qa", [], [], [], "none")


def test_tags_are_named_with_outside_first():
    data = TaskData("tiny", "ner", [Tagged(("a", "b"), ("B-PER", "O"))], [], [], "none")
    assert data.labels == ("O", "B-PER")


@settings(deadline=None)
@given(st.lists(st.one_of(st.just("O"), st.tuples(st.sampled_from("BIES"), st.sampled_from("PL")))))
def test_whatever_the_tags_are_they_become_bio(drawn):
    tags = [tag if tag == "O" else "-".join(tag) for tag in drawn]
    bio = to_bio(tags)
    assert bio_fault(bio) is None
    assert [t == "O" for t in bio] == [t == "O" for t in tags]
    assert [t[2:] for t in bio] == [t[2:] for t in tags]
    assert to_bio(bio) == bio


def test_to_bio_refuses_what_is_no_tag():
    with pytest.raises(ValueError, match="'X-PER' is no tag"):
        to_bio(["O", "X-PER"])
