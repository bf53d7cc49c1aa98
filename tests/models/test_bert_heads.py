"""Every head against Hugging Face's: logits, losses, and what must not count in them."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from llm_nb.models.bert_heads import (
    BertBatch,
    BertForMaskedLM,
    BertForNextSentence,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainingBatch,
    mean_cross_entropy,
    mean_pool,
)
from llm_nb.models.pretrained import from_pretrained
from tests.models.test_bert import SMALL, hugging_face, random_batch, random_config

SEEDS = range(6)
BACKENDS = pytest.mark.parametrize("backend", ["sdpa", "reference"])


def pair(model_class, name, seed, folder, config=None):
    """Hugging Face's model with random weights, and ours with the same; both in evaluation."""
    config = config or random_config(seed)
    theirs = hugging_face(config, seed, name)
    theirs.save_pretrained(folder)
    return theirs, from_pretrained(model_class, folder), config


def token_labels(n_labels, mask, seed):
    """(B, T) labels, about a third of them −100, and all at padding."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(n_labels, mask.shape, generator=draw)
    kept = (torch.rand(mask.shape, generator=draw) < 0.7) & mask.bool()
    kept[:, 0] = True
    return labels.masked_fill(~kept, -100)


def close(actual, expected):
    assert_close(actual, expected, atol=1e-5, rtol=1e-5)


@BACKENDS
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model_class", [BertForMaskedLM, BertForTokenClassification])
@torch.no_grad()
def test_words_and_token_classes(model_class, seed, backend, tmp_path):
    theirs, ours, config = pair(model_class, model_class.__name__, seed, tmp_path)
    ids, mask, segments = random_batch(config, seed)
    sizes = {BertForMaskedLM: config.vocab_size, BertForTokenClassification: len(config.labels)}
    labels = token_labels(sizes[model_class], mask, seed)
    expected = theirs(ids, mask, segments, labels=labels)
    real = mask.bool()
    close(ours(ids, mask, segments, backend)[real], expected.logits[real])
    close(ours.loss(BertBatch(ids, labels, mask, segments)), expected.loss)


@BACKENDS
@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_next_sentence(seed, backend, tmp_path):
    name = "BertForNextSentencePrediction"
    theirs, ours, config = pair(BertForNextSentence, name, seed, tmp_path)
    ids, mask, segments = random_batch(config, seed)
    labels = torch.tensor([0, 1, 1, 0, 0])
    expected = theirs(ids, mask, segments, labels=labels)
    close(ours(ids, mask, segments, backend), expected.logits)
    close(ours.loss(BertBatch(ids, labels, mask, segments)), expected.loss)


@BACKENDS
@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_pre_training_sums_both_losses(seed, backend, tmp_path):
    theirs, ours, config = pair(BertForPreTraining, "BertForPreTraining", seed, tmp_path)
    ids, mask, segments = random_batch(config, seed)
    labels, following = token_labels(config.vocab_size, mask, seed), torch.tensor([0, 1, 0, 0, 1])
    expected = theirs(ids, mask, segments, labels=labels, next_sentence_label=following)
    words, next_sentence = ours(ids, mask, segments, backend)
    real = mask.bool()
    close(words[real], expected.prediction_logits[real])
    close(next_sentence, expected.seq_relationship_logits)
    close(ours.loss(PreTrainingBatch(ids, labels, following, mask, segments)), expected.loss)


@BACKENDS
@pytest.mark.parametrize("seed", range(10))
@torch.no_grad()
def test_sequence_classes_and_regression(seed, backend, tmp_path):
    name = "BertForSequenceClassification"
    theirs, ours, config = pair(BertForSequenceClassification, name, seed, tmp_path)
    ids, mask, segments = random_batch(config, seed)
    n_labels = len(config.labels)
    labels = torch.randn(5) if n_labels == 1 else torch.arange(5) % n_labels
    expected = theirs(ids, mask, segments, labels=labels)
    assert expected.logits.shape == (5, n_labels)
    close(ours(ids, mask, segments, backend), expected.logits)
    close(ours.loss(BertBatch(ids, labels, mask, segments)), expected.loss)


def test_the_configurations_of_that_test_hold_both_kinds():
    assert {len(random_config(seed).labels) == 1 for seed in range(10)} == {True, False}


@BACKENDS
@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_spans(seed, backend, tmp_path):
    config = dataclasses.replace(random_config(seed), labels=("start", "end"))
    name = "BertForQuestionAnswering"
    theirs, ours, _ = pair(BertForQuestionAnswering, name, seed, tmp_path, config)
    ids, mask, segments = random_batch(config, seed)
    T, real = ids.size(1), mask.bool()
    logits = ours(ids, mask, segments, backend)
    expected = theirs(ids, mask, segments)
    close(logits[..., 0][real], expected.start_logits[real])
    close(logits[..., 1][real], expected.end_logits[real])
    # One position before the window, one behind it, one far behind: cut to 0 and left out.
    labels = torch.tensor([[0, 1], [-3, T], [T + 9, 1], [2, 2], [1, T - 1]])
    start, end = labels.unbind(1)
    expected = theirs(ids, None, segments, start_positions=start, end_positions=end)
    close(ours.loss(BertBatch(ids, labels, None, segments)), expected.loss)


@torch.no_grad()
def test_padding_takes_no_part_in_a_spans_loss(tmp_path):
    config = dataclasses.replace(SMALL, labels=("start", "end"))
    name = "BertForQuestionAnswering"
    theirs, ours, _ = pair(BertForQuestionAnswering, name, 0, tmp_path, config)
    ids, mask, segments = random_batch(config, 3)
    labels = torch.tensor([[0, 1]] * 5)
    alone = [
        theirs(
            ids[row : row + 1, :length],
            None,
            segments[row : row + 1, :length],
            start_positions=labels[row : row + 1, 0],
            end_positions=labels[row : row + 1, 1],
        ).loss
        for row, length in enumerate(mask.sum(1).tolist())
    ]
    close(ours.loss(BertBatch(ids, labels, mask, segments)), torch.stack(alone).mean())


def test_labels_at_padding_count_in_no_loss():
    for model_class in (BertForMaskedLM, BertForTokenClassification):
        model = model_class(SMALL).eval()
        ids, mask, _ = random_batch(SMALL, 1)
        labels = torch.randint(2, ids.shape)
        other = labels.masked_fill(mask == 0, -100)
        assert_close(
            model.loss(BertBatch(ids, labels, mask)), model.loss(BertBatch(ids, other, mask))
        )


def test_class_0_of_next_sentence_counts():
    model = BertForNextSentence(SMALL).eval()
    ids, mask, _ = random_batch(SMALL, 1, rows=2)
    both = model.loss(BertBatch(ids, torch.tensor([0, 1]), mask))
    each = [
        model.loss(BertBatch(ids[i : i + 1], torch.tensor([i]), mask[i : i + 1])) for i in (0, 1)
    ]
    assert_close(both, sum(each) / 2)


def test_the_decoder_is_the_word_matrix():
    model = BertForPreTraining(SMALL)
    assert not [name for name, _ in model.named_parameters() if "decoder" in name]
    ids, mask, _ = random_batch(SMALL, 1)
    before = model.bert.encoder.word.weight.grad
    model.loss(PreTrainingBatch(ids, ids, torch.tensor([0, 1, 0, 1, 0]), mask)).backward()
    grad = model.bert.encoder.word.weight.grad
    assert before is None
    unseen = sorted(set(range(97)) - set(ids[mask.bool()].tolist()))
    assert unseen  # words that were not read learn too: they were offered as answers
    assert grad[unseen].abs().amax(1).min() > 0


def test_the_dropout_of_a_classifier_is_its_own():
    assert BertForTokenClassification(SMALL).dropout.p == SMALL.dropout
    config = dataclasses.replace(SMALL, classifier_dropout=0.5)
    assert BertForSequenceClassification(config).dropout.p == 0.5


def test_a_head_learns():
    torch.manual_seed(0)
    config = dataclasses.replace(SMALL, dropout=0.0, labels=("O", "even"))
    model = BertForTokenClassification(config)
    ids, mask, _ = random_batch(config, 1, rows=16)
    batch = BertBatch(ids, (ids % 2 == 0).long(), mask)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        optimizer.step()
    predicted = model.eval()(ids, mask).argmax(-1)
    assert (predicted == batch.labels)[mask.bool()].float().mean() > 0.98


def test_mean_pool_leaves_padding_out():
    hidden = torch.randn(3, 5, 4)
    mask = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 0, 1]])
    pooled = mean_pool(hidden, mask)
    for row in range(3):
        assert_close(pooled[row], hidden[row, mask[row].bool()].mean(0))
    with pytest.raises(ValueError, match="needed \\(3, 5\\)"):
        mean_pool(hidden, mask[:2])
    with pytest.raises(ValueError, match="no real token"):
        mean_pool(hidden, torch.zeros(3, 5))


def test_mean_cross_entropy_is_torchs():
    logits, labels = torch.randn(9, 4), torch.tensor([0, 3, -100, 1, 2, -100, 0, 0, 1])
    assert_close(mean_cross_entropy(logits, labels), F.cross_entropy(logits, labels))


IDS = torch.ones(2, 3, dtype=torch.long)
ONE = torch.zeros(2, dtype=torch.long)
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    ("model_class", "labels", "message"),
    [
        (BertForMaskedLM, IDS * -100, "no label to learn from"),
        (BertForMaskedLM, IDS * 97, "label 97 is outside 0 … 96"),
        (BertForMaskedLM, IDS[:, :2], r"labels have shape \(2, 2\), needed \(2, 3\)"),
        (BertForTokenClassification, IDS * 2, "label 2 is outside 0 … 1"),
        (BertForTokenClassification, ONE, r"needed \(2, 3\)"),
        (BertForSequenceClassification, ONE + 2, "label 2 is outside"),
        (BertForSequenceClassification, IDS, r"labels have shape \(2, 3\), needed \(2,\)"),
        (BertForNextSentence, ONE - 1, "label -1 is outside"),
        (BertForQuestionAnswering, ONE, r"needed \(2, 2\)"),
        (BertForQuestionAnswering, torch.tensor([[0, 1], [0, 2]]), "ends at padding"),
        (BertForQuestionAnswering, torch.full((2, 2), 3), "no label to learn from"),
    ],
)
def test_bad_labels_are_one_clear_sentence(model_class, labels, message):
    with pytest.raises(ValueError, match=message):
        model_class(SMALL).eval().loss(BertBatch(IDS, labels, MASK))
