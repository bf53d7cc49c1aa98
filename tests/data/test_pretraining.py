"""Masked texts and sentence pairs: the shares, the boundaries, and the same batches again."""

import pytest

torch = pytest.importorskip("torch")

from llm_nb.data.feeds import Feed  # noqa: E402
from llm_nb.data.masking import mask_tokens  # noqa: E402
from llm_nb.data.pretraining import IS_NEXT, MaskedTexts, SentencePairs  # noqa: E402
from llm_nb.models.bert import BertConfig  # noqa: E402
from llm_nb.models.bert_heads import BertForMaskedLM, BertForPreTraining  # noqa: E402
from llm_nb.text.wordpiece import SPECIAL_TOKENS, WordPiece  # noqa: E402

# A sentence names its document and its number, so that what follows what can be read off.
PIECES = [f"d{d}" for d in range(8)] + [f"s{s}" for s in range(12)]
TOKENIZER = WordPiece([*SPECIAL_TOKENS, *PIECES, *"wxyz", "##w", "##x", "##y"])
DOCUMENTS = [[f"d{d} s{s} wx yw wxy" for s in range(4 + d % 3)] for d in range(8)]
N = len(TOKENIZER.tokens)


def pairs(seed=0, documents=DOCUMENTS, **changes):
    arguments = {"batch_size": 8, "max_length": 40, "rate": 0.0} | changes
    return SentencePairs(documents, TOKENIZER, seed=seed, **arguments)


def near(count, total, share):
    """Within four standard deviations of a binomial draw."""
    return abs(count / total - share) < 4 * (share * (1 - share) / total) ** 0.5


def sentences(ids):
    """(document, sentence) of each sentence that begins in these ids."""
    tokens = [TOKENIZER.tokens[i] for i in ids]
    starts = zip(tokens, tokens[1:], strict=False)
    return [(int(a[1:]), int(b[1:])) for a, b in starts if a in PIECES[:8] and b in PIECES[8:]]


def test_true_pairs_are_adjacent_and_false_ones_of_another_document():
    source, true = pairs(), 0
    for n in range(100):
        batch = source[n]
        for ids, label, segments, mask in zip(
            batch.ids, batch.next_labels, batch.segments, batch.attention_mask, strict=True
        ):
            real = mask.bool()
            first, second = ids[real & (segments == 0)], ids[real & (segments == 1)]
            assert first[0] == TOKENIZER.cls_id
            assert first[-1] == second[-1] == TOKENIZER.sep_id
            a, b = sentences(first.tolist()), sentences(second.tolist())
            if len(a) and len(b):
                (document, last), (other, next_) = a[-1], b[0]
                if label == IS_NEXT:
                    assert (other, next_) == (document, last + 1)
                else:
                    assert other != document
            true += int(label == IS_NEXT)
    assert near(true, 800, 0.5)


def test_a_false_second_passage_never_begins_like_the_true_one():
    twins = [["d0 s0", "d9 s1", "d9 s2"]] * 5 + [["d3 s3"]]
    source = pairs(documents=twins, batch_size=50)
    for n in range(10):
        batch = source[n]
        for ids, label, segments in zip(batch.ids, batch.next_labels, batch.segments, strict=True):
            sep = (ids == TOKENIZER.sep_id).nonzero()[0, 0]
            first, second = ids[1:sep].tolist(), ids[segments == 1].tolist()
            for document in ([TOKENIZER.encode(s)[1:-1] for s in d] for d in twins):
                for s, following in zip(document, document[1:], strict=False):
                    if label != IS_NEXT and first[-len(s) :] == s:
                        assert second[: len(following)] != following


def test_pairs_keep_to_their_length_and_some_are_short():
    lengths = torch.cat(
        [pairs(max_length=30, short=s)[n].attention_mask.sum(1) for s in (0.0,) for n in range(20)]
    )
    assert lengths.max() == 30
    short = torch.cat([pairs(max_length=30, short=1.0)[n].attention_mask.sum(1) for n in range(20)])
    assert short.min() < 10
    assert short.float().mean() < 0.75 * lengths.float().mean()
    for max_length in range(5, 12):
        assert pairs(max_length=max_length)[0].ids.size(1) <= max_length


@pytest.mark.parametrize(
    ("documents", "changes"),
    [([["d0 s0", "d0 s1"]], {}), ([["d0"], ["d1"]], {}), ([["", " "], ["d0"]], {})],
)
def test_too_few_documents_are_refused(documents, changes):
    with pytest.raises(ValueError, match="two documents or more"):
        pairs(documents=documents, **changes)
    with pytest.raises(ValueError, match="max_length 4"):
        pairs(max_length=4)


def test_whole_words_are_hidden_all_or_none():
    texts = [TOKENIZER.encoding("wxy wx d1 yw s3 wxyw") for _ in range(64)]
    counts = torch.zeros(2)
    for whole in (False, True):
        source = MaskedTexts(texts, TOKENIZER, 64, whole_words=whole)
        broken = chosen = total = 0
        for n in range(20):
            labels = source[n].labels
            for word in range(6):
                places = [i for i, w in enumerate(texts[0].word_ids) if w == word]
                picked = (labels[:, places] != -100).sum(1)
                broken += int(((picked > 0) & (picked < len(places))).sum())
                chosen, total = chosen + int(picked.sum()), total + 64 * len(places)
        counts[int(whole)] = broken
        # Pieces of a word go together, so the draws are words: fewer, hence the wider bound.
        assert abs(chosen / total - 0.15) < 0.02
    assert counts[0] > 100
    assert counts[1] == 0


def test_masking_has_the_shares_of_hugging_faces_collator():
    transformers = pytest.importorskip("transformers")
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, N, (500, 100), generator=generator)
    ids[:, 0], ids[:, -1] = TOKENIZER.cls_id, TOKENIZER.sep_id

    class Theirs:
        """What the collator asks of a tokenizer."""

        mask_token, mask_token_id, pad_token = "[MASK]", TOKENIZER.mask_id, "[PAD]"

        def __len__(self):
            return N

        def get_special_tokens_mask(self, row, already_has_special_tokens=True):
            return [int(i < 5) for i in row]

        def convert_tokens_to_ids(self, token):
            return TOKENIZER.vocab[token]

    collator = transformers.DataCollatorForLanguageModeling(Theirs(), mlm_probability=0.15, seed=1)
    special = torch.isin(ids, torch.arange(5))
    fed, labels = collator.torch_mask_tokens(ids.clone(), special)
    ours = mask_tokens(ids, range(5), TOKENIZER.mask_id, N, generator)
    shares = []
    for inputs, wanted in ((fed, labels), ours):
        chosen = wanted != -100
        masked, kept = inputs == TOKENIZER.mask_id, inputs == ids
        counts = [
            chosen.sum() / (~special).sum(),
            *(x[chosen].float().mean() for x in (masked, kept)),
        ]
        shares.append(torch.stack(counts))
        assert not chosen[special].any()
    # Both are binomial draws over 49,000 and about 7,350 tokens. We never draw a special token
    # as the random one; they do.
    torch.testing.assert_close(shares[0], shares[1], rtol=0, atol=0.03)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["masked", "pairs"])
def test_breaks_and_workers_change_no_batch(kind, workers):
    def source(seed=3):
        if kind == "pairs":
            return pairs(seed, rate=0.15, whole_words=True)
        texts = [TOKENIZER.encoding(text) for document in DOCUMENTS for text in document]
        return MaskedTexts(texts, TOKENIZER, 4, seed, pool=2)

    feed = Feed(source(), workers)
    first = [next(feed) for _ in range(3)]
    again = Feed(source(), 2 - workers)
    again.load_state_dict(feed.state_dict())
    for n, batch in enumerate([*first, next(again)]):
        assert all(torch.equal(a, b) for a, b in zip(batch, source()[n], strict=True))
    assert not torch.equal(source()[0].labels, source()[len(DOCUMENTS) * 10].labels)
    with pytest.raises(ValueError, match="is not the one that the run began with"):
        Feed(source(4)).load_state_dict(feed.state_dict())


def test_berts_losses_take_the_batches():
    torch.manual_seed(0)
    config = BertConfig(N, 40, d_model=12, n_layers=1, n_heads=2, d_ff=24)
    assert BertForPreTraining(config).loss(pairs(rate=0.3)[0]).isfinite()
    texts = [TOKENIZER.encoding("wxy wx d1 yw s3 wxyw") for _ in range(8)]
    assert BertForMaskedLM(config).loss(MaskedTexts(texts, TOKENIZER, 8)[0]).isfinite()
