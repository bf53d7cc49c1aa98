"""From documents to training windows of token ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ids = NDArray[np.int32]
Batch = tuple[Tensor, Tensor]
IGNORE = -100


def token_stream(
    encode: Callable[[str], Sequence[int]], documents: Iterable[str], end_of_text: int
) -> Ids:
    """All documents as one array of ids, ``end_of_text`` before each and after the last."""
    ids = [end_of_text]
    for text in documents:
        ids += encode(text)
        ids.append(end_of_text)
    if len(ids) < 3:
        raise ValueError("no tokens: the documents are empty")
    return np.asarray(ids, dtype=np.int32)


def parallel_streams(ids: Ids, context: int, batch_size: int) -> Iterator[Batch]:
    """Endless batches (x, y), each (B, T), in which row b goes on where row b ended before.

    The text is cut into ``batch_size`` long pieces that are read side by side; at their end they
    begin anew. A rest too short for one more step of all rows is left out.

    Args:
        ids: (N,) the token ids of the whole text.
        context: T, how far the gradient goes back.

    Raises:
        ValueError: the text is too short for one batch.
    """
    stream = torch.from_numpy(ids.astype(np.int64))
    n_batches = (len(stream) - 1) // (context * batch_size) if min(context, batch_size) > 0 else 0
    if not n_batches:
        raise ValueError(
            f"the text has {len(stream)} tokens, too few for {batch_size} rows of {context} and a target: "
            "give more text, or a smaller context or batch (of at least 1)"
        )
    n = n_batches * context * batch_size
    x, y = (part.view(batch_size, -1) for part in (stream[:n], stream[1 : n + 1]))
    while True:
        yield from zip(x.split(context, dim=1), y.split(context, dim=1), strict=True)


def consecutive_windows(ids: Ids, context: int, batch_size: int) -> Iterator[Batch]:
    """Every token of ``ids`` but the first as a target exactly once, in order.

    The last window is filled up with targets of −100, which count in no loss.
    """
    check_length(ids, 1)
    n_windows = -(-(len(ids) - 1) // context)
    x = torch.zeros(n_windows * context, dtype=torch.long)
    y = torch.full((n_windows * context,), IGNORE)
    x[: len(ids) - 1] = torch.from_numpy(ids[:-1].astype(np.int64))
    y[: len(ids) - 1] = torch.from_numpy(ids[1:].astype(np.int64))
    yield from zip(
        x.view(n_windows, context).split(batch_size),
        y.view(n_windows, context).split(batch_size),
        strict=True,
    )


def check_length(ids: Sized, context: int) -> None:
    """Raise ValueError unless the text holds one window of ``context`` and its last target."""
    if len(ids) <= context:
        raise ValueError(
            f"the text has {len(ids)} tokens, shorter than one window of {context} and its last target: "
            "give more text or a smaller context"
        )
