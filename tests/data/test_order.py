"""The order of rows: each once an epoch, the same for the same seed, and less padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.data.order import Order


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(0, 2**32 - 1),
)
def test_every_epoch_reads_every_row_once(lengths, batch_size, pool, seed):
    order = Order(lengths, batch_size, seed, pool)
    for epoch in (0, 3):
        first = epoch * order.per_epoch
        batches = [order[n] for n in range(first, first + order.per_epoch)]
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert max(map(len, batches)) <= batch_size
    again = Order(lengths, batch_size, seed, pool)
    assert np.array_equal(again[order.per_epoch + 1], order[order.per_epoch + 1])


def test_epochs_and_seeds_differ():
    orders = [Order([1] * 100, 10, seed)[n] for seed, n in ((0, 0), (0, 10), (1, 0))]
    assert len({tuple(rows) for rows in orders}) == 3


def test_sorting_by_length_spares_most_of_the_padding():
    lengths = np.random.default_rng(0).lognormal(3, 0.7, 5000).astype(int) + 1
    plain, sorted_ = (Order(lengths, 32, 0, pool).padding_share() for pool in (1, 50))
    assert plain > 0.5
    assert sorted_ < 0.1


def test_batches_of_short_and_of_long_rows_come_mixed():
    order = Order(list(range(1, 2001)), 20, 0, pool=10)
    means = [order.lengths[order[n]].mean() for n in range(order.per_epoch)]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(([], 4), "no rows"), (([1], 0), "batch_size 0"), (([1], 1, 0, 0), "pool 0")],
)
def test_bad_sizes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Order(*arguments)
