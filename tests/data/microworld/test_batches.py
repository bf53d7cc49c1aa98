"""Stories in batches: fresh ones for training, others held out, the same after a break."""

import itertools

import pytest
import torch

from llm_nb.data.batches import IGNORE
from llm_nb.data.feeds import Feed
from llm_nb.data.microworld import story
from llm_nb.data.microworld.batches import StoryBatches, held_out, word_vocabulary
from llm_nb.text.vocabulary import BEGIN


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rows_are_stories(language):
    vocabulary = word_vocabulary(language)
    source = StoryBatches(vocabulary, 4, seed=3, language=language)
    told = [story(16 + i, seed=3).words(language) for i in range(16)]
    for x, y in (source[n] for n in range(4, 8)):
        for row in range(4):
            n = int((y[row] != IGNORE).sum())
            words = vocabulary.decode(y[row, :n])
            assert vocabulary.decode(x[row, :n]) == [BEGIN, *words[:-1]]
            assert (y[row, n:] == IGNORE).all()
            told.remove(words)
        assert vocabulary.unk_id not in x
    assert not told  # each of the next sixteen, once


def test_stories_of_like_length_share_a_batch():
    source = StoryBatches(word_vocabulary(), 16)
    lengths = [x.shape[1] for x, _ in (source[n] for n in range(40))]
    padding = [float((source[n][1] == IGNORE).float().mean()) for n in range(40)]
    assert sum(padding) / 40 < 0.1
    firsts = [max(lengths[i : i + 4]) == lengths[i] for i in range(0, 40, 4)]
    assert 0 < sum(firsts) < 10  # the longest is not always the first


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
