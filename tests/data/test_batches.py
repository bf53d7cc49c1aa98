"""Windows: every token once, y one ahead of x, text too short refused."""

from itertools import islice

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from llm_nb.data.batches import (  # noqa: E402
    IGNORE,
    consecutive_windows,
    parallel_streams,
    token_stream,
)

IDS = np.arange(103, dtype=np.int32)


def test_documents_are_separated():
    stream = token_stream(lambda text: [ord(c) for c in text], ["ab", "c"], 0)
    assert stream.tolist() == [0, 97, 98, 0, 99, 0]
    with pytest.raises(ValueError, match="empty"):
        token_stream(lambda text: [], [""], 0)


@pytest.mark.parametrize("context", [1, 7, 102, 200])
def test_consecutive_windows_have_every_target_once(context):
    targets = torch.cat([y.flatten() for _, y in consecutive_windows(IDS, context, 3)])
    assert targets[targets != IGNORE].tolist() == list(range(1, 103))


def test_text_shorter_than_the_context_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        next(consecutive_windows(IDS[:1], 8, 4))


def test_parallel_streams_go_on_where_they_ended():
    batches = list(islice(parallel_streams(np.arange(100), context=4, batch_size=3), 9))
    x = torch.cat([x for x, _ in batches[:8]], 1)
    assert x.tolist() == torch.arange(96).view(3, 32).tolist()
    assert all(torch.equal(y, x + 1) and x.shape == (3, 4) for x, y in batches)
    assert torch.equal(batches[8][0], batches[0][0])  # then from the beginning
    for arguments in ((12, 4, 3), (100, 0, 3), (100, 4, 0)):
        n, context, batch_size = arguments
        with pytest.raises(ValueError, match="too few for"):
            next(parallel_streams(np.arange(n), context, batch_size))
    next(parallel_streams(np.arange(13), 4, 3))
