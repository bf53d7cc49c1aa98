"""Stories in batches: fresh ones for training, others held out, the same after a break."""

import itertools

import pytest
import torch

from llm_nb.data.batches import IGNORE
from llm_nb.data.feeds import Feed
from llm_nb.data.microworld import story
from llm_nb.data.microworld.batches import BEGIN, StoryBatches, held_out, word_vocabulary


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rows_are_stories(language):
    vocabulary = word_vocabulary(language)
    x, y = StoryBatches(vocabulary, 4, seed=3, language=language)[2]
    for row in range(4):
        words = story(8 + row, seed=3).words(language)
        n = len(words)
        assert vocabulary.decode(x[row, :n]) == [BEGIN, *words[:-1]]
        assert vocabulary.decode(y[row, :n]) == words
        assert (y[row, n:] == IGNORE).all()
    assert vocabulary.unk_id not in x


@pytest.mark.parametrize("workers", [0, 1])
def test_a_break_changes_no_batch(workers):
    source = StoryBatches(word_vocabulary(), 3)
    whole = list(itertools.islice(Feed(source), 5))
    feed = Feed(source, workers)
    next(feed)
    state = feed.state_dict()
    later = Feed(StoryBatches(word_vocabulary(), 3), workers)
    later.load_state_dict(state)
    for (x, y), (x2, y2) in zip(whole[1:], later, strict=False):
        assert torch.equal(x, x2)
        assert torch.equal(y, y2)
    with pytest.raises(ValueError, match="not the one that the run began with"):
        Feed(StoryBatches(word_vocabulary(), 4)).load_state_dict(state)


def test_held_out_stories_are_not_those_of_training():
    train = {story(n).text() for n in range(500)}
    val, test = ({s.text() for s in held_out(100, part)} for part in (0, 1))
    assert len(val) == len(test) == 100
    assert not train & val
    assert not train & test
    assert not val & test


def test_a_batch_has_a_story():
    with pytest.raises(ValueError, match="batch_size is 0"):
        StoryBatches(word_vocabulary(), 0)
