"""Many verdicts together, on stories whose faults are known."""

import math

import pytest

from llm_nb.data.microworld import story
from llm_nb.data.microworld.judging import judge
from llm_nb.metrics.told import story_scores

TOLD = [story(n) for n in range(6)]


def test_true_stories():
    scores = story_scores([judge(told.words()) for told in TOLD])
    assert (scores.n, scores.valid, scores.faults, scores.faults_per_word) == (6, 1.0, {}, 0.0)
    bits = -sum(told.log2_prob for told in TOLD)
    assert scores.bits == pytest.approx(bits / 6)
    assert scores.bits_per_word == pytest.approx(bits / sum(len(told.words()) for told in TOLD))


def test_some_are_broken():
    words = [told.words() for told in TOLD]
    words[1][2] = "was"  # "Mia was was"
    words[2][1] = "had"
    words[3].pop()
    scores = story_scores([judge(row) for row in words])
    good = [TOLD[i] for i in (0, 4, 5)]
    assert scores.valid == 1 / 2
    assert scores.faults == {"grammar": 2 / 6, "unfinished": 1 / 6}
    assert list(scores.faults) == ["grammar", "unfinished"]  # the most frequent first
    read = sum(len(told.words()) for told in good) + 3 + 2 + len(words[3]) + 1
    assert scores.faults_per_word == pytest.approx(3 / read)
    assert scores.bits == pytest.approx(-sum(told.log2_prob for told in good) / 3)
    assert scores.valid + sum(scores.faults.values()) == pytest.approx(1)


def test_none_is_right():
    scores = story_scores([judge(["Mia", "Mia"]), judge([])])
    assert (scores.valid, scores.faults_per_word) == (0, 2 / 3)
    assert math.isnan(scores.bits)
    assert math.isnan(scores.bits_per_word)


def test_no_stories():
    with pytest.raises(ValueError, match="no stories to judge"):
        story_scores([])
