"""Padded batches: labels of every shape, masks, and the losses that take them."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from llm_nb.data.alignment import align_tags, question_windows  # noqa: E402
from llm_nb.data.examples import Answer, Question  # noqa: E402
from llm_nb.data.feeds import Feed  # noqa: E402
from llm_nb.data.padding import LabelledEncodings, SequencePairs, pad  # noqa: E402
from llm_nb.files import remove_folder  # noqa: E402
from llm_nb.models.bert import BertConfig  # noqa: E402
from llm_nb.models.bert_heads import (  # noqa: E402
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from llm_nb.models.transformer import Transformer, TransformerConfig  # noqa: E402
from llm_nb.text.wordpiece import SPECIAL_TOKENS, WordPiece  # noqa: E402
from llm_nb.training import TrainConfig, Trainer  # noqa: E402
from llm_nb.training.step import n_targets  # noqa: E402

TOKENIZER = WordPiece([*SPECIAL_TOKENS, *"abcdefgh", "##b"])
TEXTS = ["a", "ab c d e", "f g", "a b c d e f g h", "h h h"]
ENCODINGS = [TOKENIZER.encoding(text) for text in TEXTS]
CONFIG = BertConfig(14, 16, d_model=12, n_layers=1, n_heads=2, d_ff=24, labels=("x", "y", "z"))


def classes(seed=0, pool=1):
    return LabelledEncodings(ENCODINGS, [0, 1, 2, 1, 0], 0, 2, seed, pool=pool)


def tags():
    labels = [align_tags(e.word_ids, range(9)) for e in ENCODINGS]
    return LabelledEncodings(ENCODINGS, labels, 0, 5, per_token=True)


def spans():
    question = Question("a b c d e f g h", "h?", (Answer("c d", 4),))
    windows = question_windows(TOKENIZER, question, 9, 1)
    rows = [window.encoding for window in windows], [window.answer for window in windows]
    return LabelledEncodings(*rows, 0, 8)


def translations(seed=0):
    sources, targets = [[5], [6, 7, 8], [9, 9]], [[1, 4, 2], [1, 2], [1, 5, 6, 2]]
    return SequencePairs(sources, targets, 0, 2, seed)


def test_rows_masks_and_classes_belong_together():
    source = classes(pool=2)
    for n in range(source.order.per_epoch):
        batch = source[n]
        for row, ids, mask, label in zip(
            source.order[n], batch.ids, batch.attention_mask, batch.labels, strict=True
        ):
            assert ids[mask.bool()].tolist() == ENCODINGS[row].ids
            assert not ids[~mask.bool()].any()
            assert label == [0, 1, 2, 1, 0][row]


def test_labels_of_tokens_are_padded_with_what_counts_in_no_loss():
    source = tags()
    batch = source[0]
    assert batch.labels.shape == batch.ids.shape
    assert (batch.labels[batch.attention_mask == 0] == -100).all()
    row = list(source.order[0]).index(1)
    assert batch.labels[row, :7].tolist() == [-100, 0, -100, 1, 2, 3, -100]


def test_source_and_target_are_padded_each_to_its_own_longest():
    source = translations()
    for n in range(source.order.per_epoch):
        rows, (s, t) = source.order[n], source[n]
        assert s.tolist() == pad([source.sources[row] for row in rows], 0).tolist()
        assert t.tolist() == pad([source.targets[row] for row in rows], 0).tolist()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("make", [classes, translations])
def test_breaks_and_workers_change_no_batch(make, workers):
    feed = Feed(make(3), workers)
    first = [next(feed) for _ in range(4)]
    again = Feed(make(3), 2 - workers)
    again.load_state_dict(feed.state_dict())
    for n, batch in enumerate([*first, next(again)]):
        assert all(torch.equal(a, b) for a, b in zip(batch, make(3)[n], strict=True))
    with pytest.raises(ValueError, match="is not the one that the run began with"):
        Feed(make(4)).load_state_dict(feed.state_dict())


def test_other_labels_are_other_data():
    others = LabelledEncodings(ENCODINGS, [0, 1, 2, 1, 1], 0, 2)
    assert others.fingerprint != classes().fingerprint


def test_the_models_take_the_batches():
    torch.manual_seed(0)
    assert BertForSequenceClassification(CONFIG).loss(classes()[0]).isfinite()
    nine = BertConfig(14, 16, d_model=12, n_layers=1, n_heads=2, d_ff=24, labels=tuple("012345678"))
    assert BertForTokenClassification(nine).loss(tags()[0]).isfinite()
    assert BertForQuestionAnswering(CONFIG).loss(spans()[0]).isfinite()
    config = TransformerConfig(
        10, 10, 8, d_model=12, d_ff=24, n_heads=2, n_encoder_layers=1, n_decoder_layers=1
    )
    assert Transformer(config).loss(translations()[0]).isfinite()


def test_the_trainer_counts_the_targets_of_pairs_without_their_padding():
    """Two steps' worth of one large batch, and the same in two small ones of unequal length."""
    torch.manual_seed(0)
    config = TransformerConfig(
        10, 10, 8, d_model=12, d_ff=24, n_heads=2, n_encoder_layers=1, n_decoder_layers=1
    )
    model = Transformer(replace(config, dropout=0.0, label_smoothing=0.0))
    small = translations()
    batches = [small[n] for n in range(small.order.per_epoch)]
    counts = [n_targets(model, batch) for batch in batches]
    assert sum(counts) == 6
    whole = SequencePairs(small.sources, small.targets, 0, 3)[0]
    parts = [model.loss(b) * n / sum(counts) for b, n in zip(batches, counts, strict=True)]
    torch.testing.assert_close(model.loss(whole), sum(parts))


@pytest.mark.parametrize("make", [classes, tags])
def test_training_goes_on_with_the_next_batch(make, tmp_path):
    labels = tuple("012345678")
    config = BertConfig(14, 16, d_model=12, n_layers=1, n_heads=2, d_ff=24, labels=labels)
    kind = BertForTokenClassification if make is tags else BertForSequenceClassification
    plan = TrainConfig(steps=6, warmup=0, save_every=3)

    def trainer():
        torch.manual_seed(0)
        return Trainer(kind(config), Feed(make()), plan, folder=tmp_path)

    whole = trainer()
    whole.fit()
    remove_folder(max(tmp_path.glob("step-*")))
    rest = trainer()
    rest.resume()
    assert rest.step == 3
    rest.fit()
    for name, value in rest.model.state_dict().items():
        assert torch.equal(value, whole.model.state_dict()[name])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LabelledEncodings(ENCODINGS, [1], 0, 2), "5 encodings and 1 labels"),
        (lambda: LabelledEncodings(ENCODINGS, [1, 1, (1, 2, 3), 1, 1], 0, 2), "row 2 is .*a class"),
        (
            lambda: LabelledEncodings(ENCODINGS, [1] * 5, 0, 2, per_token=True),
            "row 0 .*one a token",
        ),
        (lambda: SequencePairs([[5]], [], 0, 2), "1 sources and 0 targets"),
        (lambda: SequencePairs([[5], []], [[1, 2], [1, 2]], 0, 2), "row 1 has 0 source"),
        (lambda: SequencePairs([[5]], [[1]], 0, 2), "row 0 has 1 source and 1 target"),
        (lambda: SequencePairs([[5, 0]], [[1, 2]], 0, 2), "row 0 holds 0, the id of padding"),
        (lambda: LabelledEncodings([], [], 0, 2), "no rows"),
    ],
)
def test_bad_rows_are_one_clear_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()
