"""Packed documents: every token once, none sees another document, little is padding."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from llm_nb.data.batches import IGNORE  # noqa: E402
from llm_nb.data.feeds import Feed  # noqa: E402
from llm_nb.data.packed import PackedDocuments  # noqa: E402
from llm_nb.models.gpt2 import GPT2, GPT2Config  # noqa: E402


def documents(sizes):
    """Every token of a different id, so that any mixture shows."""
    flat = iter(range(1, sum(sizes) + 1))
    return [[next(flat) for _ in range(size)] for size in sizes]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(1, 9))
def test_every_token_but_the_first_of_a_document_is_a_target_once(sizes, context):
    texts = documents(sizes)
    if max(sizes) < 2:
        with pytest.raises(ValueError, match="no document has two tokens"):
            PackedDocuments(texts, context, 2)
        return
    source = PackedDocuments(texts, context, 2)
    batches = [source[n] for n in range(source.order.per_epoch)]
    targets = torch.cat([batch.targets.flatten() for batch in batches])
    wanted = [token for text in texts for token in text[1:]]
    assert sorted(targets[targets != IGNORE].tolist()) == sorted(wanted)
    for batch in batches:
        real = batch.documents > 0
        assert torch.equal(batch.targets[real], batch.ids[real] + 1)  # of the same document
        assert torch.equal(real, batch.targets != IGNORE)


def test_best_fit_leaves_little_room():
    sizes = torch.randint(5, 200, (500,), generator=torch.Generator().manual_seed(0)).tolist()
    source = PackedDocuments(documents(sizes), 256, 8)
    assert source.padding_share() < 0.02


def test_gpt2_reads_packed_documents_as_if_each_stood_alone():
    torch.manual_seed(0)
    model = GPT2(GPT2Config(200, 16, 24, 2, 3, dropout=0.0)).eval()
    texts = documents([7, 12, 3, 5, 16, 2])
    source = PackedDocuments(texts, 16, 3)
    batch = source[0]
    for backend in ("sdpa", "reference"):
        logits = model(batch.ids, documents=batch.documents, backend=backend)
        for b, row in enumerate(source.order[0]):
            start = 0
            for piece in source.rows[row]:
                alone = model(torch.from_numpy(piece[None, :-1]))[0]
                end = start + len(piece) - 1
                torch.testing.assert_close(logits[b, start:end], alone)
                start = end
    losses = [
        model.loss((torch.tensor([t[:-1]]), torch.tensor([t[1:]]))) * (len(t) - 1) for t in texts
    ]
    whole = PackedDocuments(texts, 16, 100)[0]
    torch.testing.assert_close(model.loss(whole), sum(losses) / sum(len(t) - 1 for t in texts))


def test_gpt2_refuses_documents_of_another_shape_or_with_a_mask():
    model = GPT2(GPT2Config(200, 16, 24, 1, 3))
    ids = torch.ones(2, 5, dtype=torch.long)
    for arguments in (
        {"documents": ids[:, :4]},
        {"documents": ids, "attention_mask": ids},
    ):
        with pytest.raises(ValueError, match="documents has shape"):
            model(ids, **arguments)


@pytest.mark.parametrize("workers", [0, 2])
def test_breaks_and_workers_change_no_batch(workers):
    source = PackedDocuments(documents([7, 12, 3, 5, 16, 2]), 8, 2, seed=5)
    feed = Feed(source, workers)
    first = [next(feed) for _ in range(3)]
    again = Feed(PackedDocuments(documents([7, 12, 3, 5, 16, 2]), 8, 2, seed=5), 2 - workers)
    again.load_state_dict(feed.state_dict())
    for n, batch in enumerate([*first, next(again)]):
        assert all(torch.equal(a, b) for a, b in zip(batch, source[n], strict=True))
    other = Feed(PackedDocuments(documents([7, 12, 3, 5, 16, 3]), 8, 2, seed=5))
    with pytest.raises(ValueError, match="is not the one that the run began with"):
        other.load_state_dict(feed.state_dict())
