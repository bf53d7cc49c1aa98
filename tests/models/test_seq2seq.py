"""LSTM to LSTM with additive attention: against the equations, alone and padded, as a decoder."""

import dataclasses
import math

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import beam_search, generate
from llm_nb.models.recurrent import LSTM
from llm_nb.models.recurrent_cells import Weights, lstm_step
from llm_nb.models.seq2seq import AdditiveAttention, Seq2Seq, Seq2SeqConfig

CONFIG = Seq2SeqConfig(29, 23, d_embed=10, d_hidden=12, d_attention=7, dropout=0.0)
LENGTHS, STOP = (8, 3, 6), 2


def build(**changes):
    torch.manual_seed(7)
    return Seq2Seq(dataclasses.replace(CONFIG, **changes)).eval()


def sources():
    """Three sources of 8, 3 and 6 tokens."""
    ids = torch.randint(1, 29, (3, 8), generator=torch.Generator().manual_seed(1))
    ids[1, 3:], ids[2, 6:] = 0, 0
    return ids


def targets(B, T, seed=2):
    return torch.randint(1, 23, (B, T), generator=torch.Generator().manual_seed(seed))


def test_additive_attention_by_hand():
    attention = AdditiveAttention(d_state=1, d_value=1, d_attention=2)
    for layer, values in ((attention.W, [[1.0], [0.0]]), (attention.U, [[0.0], [2.0]])):
        layer.weight.data = torch.tensor(values)
    attention.v.weight.data = torch.tensor([[1.0, 3.0]])
    keys = attention.U(torch.tensor([[[0.5], [-0.5], [9.0]]]))  # the third is padding
    weights = attention(torch.tensor([[0.3]]), keys, torch.tensor([[True, True, False]]))
    e = [math.tanh(0.3) + 3 * math.tanh(1.0), math.tanh(0.3) + 3 * math.tanh(-1.0)]
    total = math.exp(e[0]) + math.exp(e[1])
    assert_close(weights, torch.tensor([[math.exp(e[0]) / total, math.exp(e[1]) / total, 0.0]]))


def encoded_by_hand(model, source):
    """Annotations (S, 2H) of one source (S,), and the decoder's first state, by our own LSTM."""
    weights, x = model.encoder.state_dict(), model.source(source)[None]
    both = []
    for ending, read in (("", x), ("_reverse", x.flip(1))):
        layer = LSTM(10, 12)
        layer.load_state_dict({n: weights[f"{n}{ending}"] for n in layer.state_dict()})
        both.append(layer(read)[0])
    there, back = both[0], both[1].flip(1)
    return torch.cat([there, back], -1)[0], (model.bridge.weight @ back[0, 0] + model.bridge.bias)


@torch.no_grad()
def test_every_step_is_the_papers():
    model, source, target = build(), sources()[0], targets(1, 5)[0]
    h, first = encoded_by_hand(model, source)
    s, c = first.tanh(), torch.zeros(12)
    a, cell = model.attention, Weights(*model.cell.parameters())
    logits, looks = [], []
    for y in model.target(target):
        e = torch.stack([a.v.weight[0] @ (a.W.weight @ s + a.U.weight @ h_j).tanh() for h_j in h])
        alpha = e.exp() / e.exp().sum()
        context = sum(alpha_j * h_j for alpha_j, h_j in zip(alpha, h, strict=True))
        s, c = (x[0] for x in lstm_step(torch.cat([y, context])[None], s[None], c[None], cell))
        logits.append(model.output(model.readout(torch.cat([s, y, context])).tanh()))
        looks.append(alpha)
    assert_close(model(source[None], target[None])[0], torch.stack(logits), atol=1e-5, rtol=1e-5)
    found = model.attention_weights(source[None], target[None])[0]
    assert_close(found, torch.stack(looks), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_padding_has_no_influence():
    model, source, ids = build(), sources(), targets(3, 6)
    logits, looks = model(source, ids), model.attention_weights(source, ids)
    assert (logits.shape, looks.shape) == ((3, 6, 23), (3, 6, 8))
    assert_close(looks.sum(-1), torch.ones(3, 6))
    for b, n in enumerate(LENGTHS):
        assert_close(model(source[b : b + 1, :n], ids[b : b + 1])[0], logits[b])
        assert not looks[b, :, n:].any()
    padded = torch.cat([ids, torch.tensor([[0, 0], [2, 0], [0, 0]])], 1)
    nats = model.loss((source, padded)) * model.n_targets((source, padded))
    alone = [model.loss((source[b : b + 1], ids[b : b + 1])) * 5 for b in (0, 2)]
    alone.append(model.loss((source[1:2], padded[1:2, :7])) * 6)
    assert_close(nats, sum(alone))


def test_labels_are_smoothed_in_training_only():
    batch = sources(), targets(3, 6)
    smooth, plain = build(label_smoothing=0.2), build(label_smoothing=0.0)
    assert_close(smooth.loss(batch), plain.loss(batch))
    log_p = plain(batch[0], batch[1][:, :-1]).log_softmax(-1)
    evenly = -log_p.mean()
    assert_close(smooth.train().loss(batch), 0.8 * plain.loss(batch) + 0.2 * evenly)


@torch.no_grad()
@pytest.mark.parametrize("prompt", [1, 4])
def test_cached_equals_uncached_token_by_token(prompt):
    model, source, ids = build(), sources(), targets(3, 9)
    given = model.given(source)
    cache = given.new_cache(3)
    steps = [given(ids[:, :prompt], cache=cache)]
    for t in range(prompt, 9):
        assert cache.length == t
        steps.append(given(ids[:, t : t + 1], cache=cache))
    assert_close(torch.cat(steps, 1), model(source, ids))
    assert_close(given(ids), model(source, ids))


@torch.no_grad()
def test_uneven_prompts_are_padded_on_the_left():
    model, source, ids = build(), sources(), targets(3, 9)
    mask = torch.ones(3, 9, dtype=torch.long)
    mask[0, :4], mask[2, :1] = 0, 0
    given = model.given(source)
    cache = given.new_cache(3)
    steps = [given(ids[:, :5], mask[:, :5], cache)]
    steps += [given(ids[:, t : t + 1], mask[:, : t + 1], cache) for t in range(5, 9)]
    for b, start in enumerate((4, 0, 1)):
        alone = model(source[b : b + 1], ids[b : b + 1, start:])
        assert_close(torch.cat(steps, 1)[b, start:], alone[0])


@torch.no_grad()
@pytest.mark.parametrize("order", [[1, 1, 2, 3, 5, 4], [4, 0, 1, 1, 5, 3]])
def test_reordered_rows_go_on_from_what_they_are_copies_of(order):
    model, source, order = build(), sources(), torch.tensor(order)
    given, ids, then = model.given(source), targets(6, 5), targets(6, 2, seed=3)
    cache, of_row = given.new_cache(6), torch.tensor([0, 0, 1, 1, 2, 2])
    given(ids, cache=cache)
    for _ in range(2):
        cache.reorder(order)
        ids, of_row = ids[order], of_row[order]
    after = given(then, cache=cache)
    assert_close(after, model(source[of_row], torch.cat([ids, then], 1))[:, 5:])


def test_greedy_and_beams_write_what_the_whole_model_finds_most_probable():
    model, source, begin = build(), sources(), torch.ones(3, 1, dtype=torch.long)
    written = generate(model.given(source), begin, 8, temperature=0)
    with torch.no_grad():
        assert torch.equal(model(source, written[:, :-1]).argmax(-1), written[:, 1:])
    found = beam_search(model.given(source), begin, 2, n_beams=23, length_penalty=0.0)
    both = torch.cartesian_prod(torch.arange(23), torch.arange(23))
    texts = torch.cat([torch.ones(len(both), 1, dtype=torch.long), both], 1)
    for b in range(3):
        with torch.no_grad():
            logits = model(source[b : b + 1].expand(len(texts), -1), texts[:, :-1])
        best, index = logits.log_softmax(-1).gather(-1, both[..., None])[..., 0].sum(1).topk(5)
        assert_close(found.scores[b, :5], best, atol=1e-4, rtol=1e-4)
        assert torch.equal(found.ids[b, :5], texts[index])


def test_given_reads_without_dropout_and_leaves_the_mode_as_it_was():
    model, ids = build(dropout=0.5), targets(3, 4)
    expected = model.given(sources())(ids)
    given = model.train().given(sources())
    assert given.training
    assert not torch.equal(given(ids), expected)
    assert_close(given.eval()(ids), expected)
    assert not given.annotations.values.requires_grad


def test_a_few_pairs_are_learned_by_heart_and_the_order_of_their_words():
    torch.manual_seed(0)
    model, batch = build(label_smoothing=0.0, d_hidden=32), (sources(), targets(3, 7))
    optimizer = torch.optim.Adam(model.train().parameters(), lr=1e-2)
    before = model.loss(batch).item()
    for _ in range(150):
        optimizer.zero_grad()
        loss = model.loss(batch)
        loss.backward()
        optimizer.step()
    assert before > 2.5
    assert loss.item() < 0.1
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    begin = batch[1][:, :1]
    assert torch.equal(generate(model.given(batch[0]), begin, 6, temperature=0), batch[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(sources() + 29, targets(3, 2)), "outside 0 … 28"),
        (lambda m: m(sources(), targets(3, 2) + 23), "outside 0 … 22"),
        (lambda m: m(sources(), targets(2, 2)), "3 sources and 2 targets"),
        (lambda m: m(sources() * 0, targets(3, 2)), "a source is all padding"),
        (lambda m: m(sources().flip(1), targets(3, 2)), "padding before a word: pad on the right"),
        (lambda m: m.loss((sources(), targets(3, 1))), r"target has shape \(3, 1\)"),
        (lambda m: m.loss((sources(), targets(3, 3) * 0)), "the batch is empty"),
        (lambda m: m.given(sources()).new_cache(7), "7 rows do not divide among 3 sources"),
        (
            lambda m: m.given(sources())(targets(3, 4), torch.ones(3, 3)),
            r"the mask has shape \(3, 3\), needed \(3, 4\)",
        ),
        (lambda m: build(d_hidden=0), "d_hidden is 0"),
        (lambda m: build(dropout=1.0), "dropout is 1.0"),
        (lambda m: build(pad=23), "pad is 23: it must be an id of both"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(build())
