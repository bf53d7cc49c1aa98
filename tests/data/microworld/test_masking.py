"""Stories with hidden words: rows, labels, the same after a break."""

import itertools

import pytest
import torch

from llm_nb.data.batches import IGNORE
from llm_nb.data.feeds import Feed
from llm_nb.data.microworld import story
from llm_nb.data.microworld.batches import StoryBatches, held_out, word_vocabulary
from llm_nb.data.microworld.masking import (
    CLS,
    MASK,
    SEP,
    MaskedStories,
    hidden_batch,
    masked_vocabulary,
    one_hidden,
)

VOCABULARY = masked_vocabulary()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rows_are_stories_with_words_to_guess(language):
    vocabulary = masked_vocabulary(language)
    source = MaskedStories(vocabulary, 4, seed=3, language=language)
    asked = words = masks = kept = 0
    for n in range(8):
        batch, told = source[n], source.stories.told(n)
        for ids, labels, real, one in zip(*batch[:3], told, strict=True):
            whole = torch.where(labels == IGNORE, ids, labels)[real.bool()]
            assert vocabulary.decode(whole) == [CLS, *one.words(language), SEP]
            assert (ids[~real.bool()] == vocabulary.pad_id).all()
            chosen = labels != IGNORE
            assert not (chosen & ~real.bool()).any()
            words += int(real.sum()) - 2
            asked += int(chosen.sum())
            masks += int((ids == vocabulary.ids[MASK]).sum())
            kept += int((chosen & (ids == labels)).sum())
        assert (batch.segments == 0).all()
    assert 0.13 < asked / words < 0.17
    assert 0.7 < masks / asked < 0.9
    assert 0.04 < kept / asked < 0.2


def test_the_stories_are_those_that_the_others_train_on():
    plain = StoryBatches(VOCABULARY, 4, seed=2)
    told = MaskedStories(VOCABULARY, 4, seed=2).stories.told(6)
    assert [s.text() for s in told] == [s.text() for s in plain.told(6)]


def test_short_stories_come_first():
    source = MaskedStories(VOCABULARY, 4, short=3)
    rows = [[sum(real).item() for real in source[n].attention_mask] for n in range(6)]
    assert [len(row) for row in rows] == [12, 12, 12, 4, 4, 4]
    assert max(map(max, rows[:3])) < min(map(min, rows[3:]))
    ratio = sum(map(sum, rows[:3])) / sum(map(sum, rows[3:]))
    assert 0.7 < ratio < 1.4  # words of a batch


@pytest.mark.parametrize("workers", [0, 1])
def test_a_break_changes_no_batch(workers):
    whole = list(itertools.islice(Feed(MaskedStories(VOCABULARY, 3)), 4))
    feed = Feed(MaskedStories(VOCABULARY, 3), workers)
    next(feed)
    later = Feed(MaskedStories(VOCABULARY, 3), workers)
    later.load_state_dict(feed.state_dict())
    for before, after in zip(whole[1:], later, strict=False):
        assert all(map(torch.equal, before, after))
    with pytest.raises(ValueError, match="not the one that the run began with"):
        Feed(MaskedStories(VOCABULARY, 3, rate=0.3)).load_state_dict(feed.state_dict())


def test_chosen_words_are_hidden():
    rows = [(story(n).words(), [0, 2 + n]) for n in range(3)]
    batch = hidden_batch(rows, VOCABULARY)
    for (words, places), ids, labels in zip(rows, batch.ids, batch.labels, strict=True):
        at = [place + 1 for place in places]
        assert (ids == VOCABULARY.ids[MASK]).nonzero().flatten().tolist() == at
        assert (labels != IGNORE).nonzero().flatten().tolist() == at
        assert VOCABULARY.decode(labels[at]) == [words[place] for place in places]
    with pytest.raises(ValueError, match=r"word -1 of a story of \d+: count from 0"):
        hidden_batch([(story(0).words(), [-1])], VOCABULARY)
    with pytest.raises(ValueError, match="no stories to hide words of"):
        hidden_batch([], VOCABULARY)


def test_a_vocabulary_that_lacks_something_is_refused():
    with pytest.raises(ValueError, match=r"lacks '\[CLS\]': use masked_vocabulary\('en'\)"):
        MaskedStories(word_vocabulary(), 4)
    with pytest.raises(ValueError, match=r"use masked_vocabulary\('en'\)"):
        MaskedStories(masked_vocabulary("zh"), 4)
    with pytest.raises(ValueError, match="language is 'de'"):
        masked_vocabulary("de")


def test_words_are_drawn_alike_every_time():
    told = held_out(20)
    drawn = one_hidden(told, 3)
    assert drawn == one_hidden(told[:5], 3) + one_hidden(told[5:], 3)
    assert len({(s.text(), place) for s, place in drawn}) == 60
    assert len({place for _, place in drawn}) > 20
    assert len(one_hidden(told[:1], 10**6)) == len(told[0].words())
