"""Judging guesses of hidden words beside the truth."""

import math

import pytest
import torch

from llm_nb.data.batches import IGNORE
from llm_nb.data.microworld import story
from llm_nb.data.microworld.batches import held_out
from llm_nb.data.microworld.cloze import candidates
from llm_nb.data.microworld.masking import MASK, masked_vocabulary, one_hidden, row_of
from llm_nb.metrics.masked import MaskJudge, counting, reading, usual
from llm_nb.models.bert import BertConfig
from llm_nb.models.bert_heads import BertForMaskedLM
from llm_nb.models.neighbours import Neighbours

VOCABULARY = masked_vocabulary()
TOLD = held_out(30)
JUDGE = MaskJudge(TOLD, VOCABULARY, each=4, rows=7)


def knowing(batch):
    """ln P of whoever knows the language, for rows with one hidden word."""
    logits = torch.full((*batch.ids.shape, len(VOCABULARY)), -1e4)
    for b, ids in enumerate(batch.ids):
        [at] = (ids == VOCABULARY.ids[MASK]).nonzero().flatten().tolist()
        words = VOCABULARY.decode(ids[batch.attention_mask[b].bool()])[1:-1]
        for word, p in candidates(words, [at - 1])[at - 1].items():
            logits[b, at, VOCABULARY.ids[word]] = math.log(p)
    return logits


def test_whoever_knows_the_language_pays_the_floor():
    assert sum(int((batch.labels != IGNORE).sum()) for batch in JUDGE.one) == 120
    assert JUDGE.floor > 0
    assert JUDGE.best_accuracy < 1
    one = MaskJudge(TOLD, VOCABULARY, each=4, rows=7)
    one.many = one.one  # 15 % at once would take her very long
    scores = one.scores(knowing)
    assert scores["bits_per_word"] == pytest.approx(JUDGE.floor, rel=1e-4)
    assert scores["accuracy"] == pytest.approx(JUDGE.best_accuracy, abs=0.05)


def test_bits_are_those_of_the_words_drawn():
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(len(VOCABULARY), 200, 2, 16, 1, 2, 32))
    bits = torch.cat(JUDGE.bits(model))
    assert model.training  # as before
    for i, (told, place) in list(enumerate(one_hidden(TOLD, 4)))[::13]:
        ids = torch.tensor([row_of(told.words(), VOCABULARY)])
        word = ids[0, place + 1].item()
        ids[0, place + 1] = VOCABULARY.ids[MASK]
        nats = -model.eval()(ids)[0, place + 1].log_softmax(-1)[word]
        assert bits[i].item() == pytest.approx(nats.item() / math.log(2), rel=1e-4)
        model.train()
    scores = JUDGE.scores(reading(model))
    assert scores["bits_per_word"] == pytest.approx(JUDGE.per_word(JUDGE.bits(model)))


def test_counts_of_neighbours():
    rows = [row_of(story(n).words(), VOCABULARY) for n in range(500)]
    model = Neighbours(len(VOCABULARY)).fit(rows)
    counted, frequent = JUDGE.scores(counting(model)), JUDGE.scores(usual(model))
    assert JUDGE.floor < counted["bits_per_word"] < frequent["bits_per_word"] - 2
    batch = JUDGE.one[0]
    [[b, at]] = (batch.labels[:1] != IGNORE).nonzero().tolist()
    pair = batch.ids[b, at - 1 : at], batch.ids[b, at + 1 : at + 2]
    torch.testing.assert_close(counting(model)(batch)[b, at], model.log_probs(*pair)[0])
    word = VOCABULARY.tokens[int(usual(model)(batch)[b, at].argmax())]
    assert word == "."
    # A neighbour that is hidden too was never counted.
    assert JUDGE.scores(counting(model))["masked_bits"] > counted["bits_per_word"]


def test_something_to_judge_by():
    with pytest.raises(ValueError, match="no stories to judge by"):
        MaskJudge([], VOCABULARY)
