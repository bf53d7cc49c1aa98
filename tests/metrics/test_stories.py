"""Models judged word by word on stories, beside the floor."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from llm_nb.data.microworld import story
from llm_nb.data.microworld.batches import held_out, word_vocabulary
from llm_nb.data.microworld.measure import words
from llm_nb.data.microworld.stories import drive
from llm_nb.metrics.language import total_bits
from llm_nb.metrics.stories import StoryJudge
from llm_nb.models.ngram import KneserNey
from llm_nb.models.recurrent_lm import RecurrentLM, RecurrentLMConfig
from llm_nb.text.vocabulary import BEGIN

VOCABULARY = word_vocabulary()
TOLD = held_out(7)


class Oracle(nn.Module):
    """Knows the language: gives each word of these stories the probability that it has."""

    def __init__(self, told, vocabulary):
        super().__init__()
        begin = vocabulary.special_tokens[BEGIN]
        self.known = {}
        for s in told:
            ids = [begin, *vocabulary.encode(s.words())]
            self.known[tuple(ids[:12])] = (ids, [word.bits for word in words(s)])

    def forward(self, x):
        out = torch.full((*x.shape, len(VOCABULARY)), -1e9)
        for row, ids in enumerate(x.tolist()):
            whole, bits = self.known[tuple(ids[:12])]
            for t, (target, cost) in enumerate(zip(whole[1:], bits, strict=True)):
                rest = 1 - 2**-cost
                out[row, t, target] = -cost * math.log(2)
                out[row, t, 1 if target != 1 else 2] = math.log(rest) if rest > 0 else -1e9
        return out


def test_who_knows_the_language_pays_the_floor():
    judge = StoryJudge(TOLD, VOCABULARY, rows=3)
    bits = judge.bits(Oracle(TOLD, VOCABULARY))
    assert judge.per_word(bits) == pytest.approx(judge.floor, abs=1e-5)
    for row, told in zip(bits, TOLD, strict=True):
        assert row == pytest.approx([word.bits for word in words(told)], abs=1e-4)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_words_of_a_network_sum_to_its_loss(language):
    vocabulary = word_vocabulary(language)
    judge = StoryJudge(TOLD, vocabulary, language, rows=3)
    torch.manual_seed(0)
    model = RecurrentLM(RecurrentLMConfig(len(vocabulary), "gru", 8, 8, 1, dropout=0.5)).train()
    bits = judge.bits(model)
    assert model.training
    assert [len(row) for row in bits] == [len(s.words(language)) for s in TOLD]
    whole = total_bits(model, judge.batches)
    assert judge.per_word(bits) * judge.n_words == pytest.approx(whole, rel=1e-5)
    assert judge.floor == pytest.approx(
        -sum(s.log2_prob for s in TOLD) / sum(map(len, bits)), rel=1e-12
    )


def test_counting_is_judged_on_the_same_words():
    judge = StoryJudge(TOLD, VOCABULARY)
    begin = VOCABULARY.special_tokens[BEGIN]
    stream = [i for n in range(300) for i in (begin, *VOCABULARY.encode(story(n).words()))]
    model = KneserNey(3, len(VOCABULARY)).fit(stream)
    bits = judge.bits_by_counting(model)
    assert [len(row) for row in bits] == [len(s.words()) for s in TOLD]
    ids = [begin, *VOCABULARY.encode(TOLD[0].words())]
    assert bits[0][1] == pytest.approx(-np.log2(model.next_probs(ids[:2])[ids[2]]))
    assert judge.floor < judge.per_word(bits) < math.log2(len(VOCABULARY))


def test_no_stories():
    with pytest.raises(ValueError, match="no stories to judge by"):
        StoryJudge([], VOCABULARY)


def test_the_floor_is_of_the_choices_that_were_made():
    """Driving a story again meets the same surprises."""
    told = TOLD[0]
    again = drive(lambda choice, narrator: told.symbols[len(narrator.said)])
    assert again.surprises == told.surprises
