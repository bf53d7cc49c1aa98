"""Batch n is the same whoever makes it and whenever."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from llm_nb.data.feeds import Feed, RandomWindows, fingerprint  # noqa: E402

IDS = np.arange(103, dtype=np.int32)


def source(ids=IDS, context=10, batch_size=4, seed=3):
    return RandomWindows(ids, context, batch_size, seed)


def test_random_windows_are_shifted_by_one_and_repeatable():
    x, y = source()[5]
    assert x.shape == y.shape == (4, 10)
    assert torch.equal(y, x + 1)
    assert torch.equal(x, source()[5][0])
    assert not torch.equal(x, source()[6][0])
    assert not torch.equal(x, source(seed=4)[5][0])


def test_random_windows_reach_both_ends():
    x, y = source(IDS[:12], 10, 64)[0]
    assert (int(x.min()), int(y.max())) == (0, 11)


def test_text_shorter_than_the_context_is_refused():
    with pytest.raises(ValueError, match="103 tokens, shorter than one window of 103"):
        source(context=103)
    with pytest.raises(ValueError, match="batch_size 0"):
        source(batch_size=0)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_and_breaks_change_no_batch(workers):
    feed = Feed(source(), workers)
    first = [next(feed)[0] for _ in range(3)]
    state = feed.state_dict()
    assert state["position"] == 3  # not what workers have made ahead
    rest = [next(feed)[0] for _ in range(3)]
    again = Feed(source(), 2 - workers)
    again.load_state_dict(state)
    found = first + [next(again)[0] for _ in range(3)]
    for n, x in enumerate(found):
        assert torch.equal(x, source()[n][0])
    assert all(torch.equal(a, b) for a, b in zip(rest, found[3:], strict=True))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    for workers in (0, 1):
        next(Feed(source(), workers))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "other",
    [{"ids": IDS[::-1].copy()}, {"context": 9}, {"batch_size": 5}, {"seed": 4}],
    ids=lambda other: next(iter(other)),
)
def test_other_data_or_settings_are_refused(other):
    feed = Feed(source(**other), position=7)
    with pytest.raises(ValueError, match="is not the one that the run began with"):
        feed.load_state_dict(Feed(source()).state_dict())
    assert feed.position == 7
    feed.load_state_dict(Feed(source(**other), position=1).state_dict())
    assert feed.position == 1


def test_of_a_large_array_the_length_and_blocks_are_read():
    ids = np.zeros(40_000_000, np.uint16)
    before = fingerprint(ids)
    ids[20_000_000:30_000_000] = 1
    assert fingerprint(ids) != before
    assert fingerprint(ids[:-1]) != fingerprint(ids)
