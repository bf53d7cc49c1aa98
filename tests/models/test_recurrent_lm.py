"""The recurrent language model: its state, its start, truncated backpropagation, real text."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from llm_nb.data.batches import consecutive_windows, parallel_streams
from llm_nb.data.corpora import language_reference
from llm_nb.metrics import total_bits
from llm_nb.models.ngram import KneserNey
from llm_nb.models.recurrent import GRU, LSTM, RNN
from llm_nb.models.recurrent_lm import (
    RecurrentLM,
    RecurrentLMConfig,
    TruncatedBPTT,
)
from llm_nb.training.trainer import TrainConfig, Trainer

WRITTEN_OUT = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
cells = pytest.mark.parametrize("cell", WRITTEN_OUT)


def small(cell="lstm", **changes):
    sizes = {"vocab_size": 50, "cell": cell, "d_embed": 12, "d_hidden": 16, "n_layers": 2}
    return RecurrentLM(RecurrentLMConfig(**{**sizes, **changes}))


@cells
def test_token_by_token_equals_the_whole_sequence(cell):
    torch.manual_seed(0)
    model = small(cell).eval()
    ids = torch.randint(50, (3, 11))
    with torch.no_grad():
        state, steps = None, []
        for t in range(11):
            logits, state = model.advance(ids[:, t : t + 1], state)
            steps.append(logits)
        assert_close(torch.cat(steps, 1), model(ids), atol=1e-5, rtol=1e-5)


@cells
def test_the_layers_are_those_written_out(cell):
    torch.manual_seed(1)
    model = small(cell).eval()
    layers = WRITTEN_OUT[cell](12, 16, 2)
    layers.load_state_dict(model.rnn.state_dict())
    ids = torch.randint(50, (3, 11))
    assert_close(model.head(layers(model.embedding(ids))[0]), model(ids), atol=1e-5, rtol=1e-5)


@cells
@pytest.mark.parametrize("tied", [False, True])
def test_the_start(cell, tied):
    torch.manual_seed(2)
    model = small(cell, vocab_size=300, d_embed=64, d_hidden=64, tied=tied).eval()
    ids, targets = torch.randint(300, (2, 8, 40))
    assert model.loss((ids, targets)).item() == pytest.approx(math.log(300), rel=0.05)
    for gate in model.rnn.weight_hh_l1.detach().split(64):
        assert_close(gate @ gate.T, torch.eye(64), atol=1e-5, rtol=0)
    bias = model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0
    expected = torch.zeros_like(bias)
    if cell == "lstm":
        expected[64:128] = 1
    assert torch.equal(bias, expected)
    assert (model.head.weight is model.embedding.weight) == tied


def test_parameter_count():
    count = sum(p.numel() for p in small(tied=True, d_embed=16).parameters())
    assert count == 50 * 16 + 50 + 2 * (4 * 16 * (16 + 16) + 2 * 4 * 16)


def test_ignored_targets_count_in_no_loss():
    model = small().eval()
    ids = torch.randint(50, (2, 8))
    targets = ids.clone()
    targets[:, 4:] = -100
    assert_close(model.loss((ids, targets)), model.loss((ids[:, :4], ids[:, :4])))


def test_bits_are_those_of_the_loss():
    model = small(dropout=0.5)
    ids = np.random.default_rng(0).integers(50, size=200).astype(np.int32)
    windows = list(consecutive_windows(ids, 16, 4))
    bits = total_bits(model, windows)
    model.eval()
    nats = sum(model.loss(b).item() * int((b[1] != -100).sum()) for b in windows)
    assert bits == pytest.approx(nats / math.log(2), rel=1e-5)


@cells
def test_truncated_backpropagation_carries_the_state_and_cuts_the_gradient(cell):
    torch.manual_seed(3)
    model = small(cell, dropout=0.0)
    ids, targets = torch.randint(50, (2, 2, 12))
    carried = TruncatedBPTT(model)
    halves = [carried.loss((ids[:, h], targets[:, h])) for h in (slice(0, 6), slice(6, 12))]
    assert_close(sum(halves) / 2, model.loss((ids, targets)))  # the values of the whole sequence
    # The gradient of the second half must not reach tokens that only the first half has.
    ids, targets = torch.arange(24).view(2, 12), torch.randint(50, (2, 12))
    carried.reset()
    carried.loss((ids[:, :6], targets[:, :6]))
    carried.loss((ids[:, 6:], targets[:, 6:])).backward()
    reached = model.embedding.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert reached == [*range(6, 12), *range(18, 24)]
    first = carried.loss((ids, targets))
    carried.reset()
    assert not torch.equal(carried.loss((ids, targets)), first)


# A plain RNN diverges at the rate that suits the other two.
@pytest.mark.parametrize(("cell", "lr"), [("rnn", 4e-3), ("lstm", 1e-2), ("gru", 1e-2)])
def test_seconds_of_training_on_real_text_beat_counting_pairs(cell, lr, monkeypatch):
    monkeypatch.setenv("CI", "1")
    corpus = language_reference()
    train = np.frombuffer("".join(corpus.train).encode(), np.uint8)
    held_out = np.frombuffer("".join(corpus.validation).encode(), np.uint8)[-12001:-4000]
    unigram, bigram = (
        -KneserNey(order, 256).fit(train).log2_probs(held_out)[1:].mean() for order in (1, 2)
    )
    torch.manual_seed(0)
    model = RecurrentLM(RecurrentLMConfig(256, cell, 64, 128, n_layers=1, dropout=0.0))
    config = TrainConfig(250, lr=lr, warmup=10, weight_decay=0.01, eval_every=250)
    Trainer(TruncatedBPTT(model), parallel_streams(train, 32, 32), config).fit()
    windows = consecutive_windows(held_out.astype(np.int32), 200, 40)
    bits = total_bits(model, windows) / 8000
    assert bits < bigram - 0.15 < unigram - 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(torch.tensor([[0, 50]])), "id 50 is outside 0 … 49"),
        (lambda m: m(torch.tensor([[-1]])), "id -1 is outside"),
        (lambda m: m(torch.zeros(0, 4, dtype=torch.long)), r"ids have shape \(0, 4\)"),
        (lambda m: m(torch.zeros(2, 0, dtype=torch.long)), "at least one row of one token"),
        (lambda m: m(torch.zeros(4, dtype=torch.long)), r"ids have shape \(4,\)"),
        (
            lambda m: m.loss((torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 4))),
            r"targets have shape \(2, 4\), ids \(2, 3\)",
        ),
        (
            lambda m: m.advance(torch.zeros(1, 1, dtype=torch.long), torch.zeros(2, 1, 16)),
            r"the state of a lstm is \(h, c\)",
        ),
        (
            lambda m: m.advance(torch.zeros(1, 1, dtype=torch.long), (torch.zeros(2, 3, 16),) * 2),
            r"the state has shape \(2, 3, 16\), needed \(2, 1, 16\)",
        ),
        (
            lambda m: small("gru").advance(
                torch.zeros(1, 1, dtype=torch.long), (torch.zeros(2, 1, 16),) * 2
            ),
            "the state of a gru is one tensor h",
        ),
        (lambda m: small("elman"), "cell is 'elman'"),
        (lambda m: small(d_hidden=0), "d_hidden is 0"),
        (lambda m: small(dropout=-0.1), "dropout is -0.1"),
        (lambda m: small(tied=True), "d_embed is 12 and d_hidden 16"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(small().eval())
