"""The Transformer's decoder as a language model: its cache changes speed and nothing else."""

import dataclasses

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import beam_search, generate
from llm_nb.models.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(
    source_vocab_size=29,
    target_vocab_size=23,
    context=20,
    d_model=12,
    d_ff=20,
    n_heads=3,
    n_encoder_layers=2,
    n_decoder_layers=3,
    tied="none",
)
STOP = 2


def build(norm="post"):
    torch.manual_seed(7)  # most other draws repeat one token for ever
    model = Transformer(dataclasses.replace(CONFIG, norm=norm)).eval()
    for weight in model.parameters():
        if weight.ndim == 1:  # gains and biases, which start at 1 and 0
            weight.data += 0.1 * torch.randn_like(weight)
    return model


def sources():
    """Three sources of 8, 3 and 6 tokens."""
    ids = torch.randint(1, 29, (3, 8), generator=torch.Generator().manual_seed(1))
    ids[1, 3:], ids[2, 6:] = 0, 0
    return ids


def targets(B, T, seed=2):
    return torch.randint(1, 23, (B, T), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("prompt", [1, 4])
def test_cached_equals_uncached_token_by_token(norm, prompt):
    model, source, ids = build(norm), sources(), targets(3, 12)
    given = model.given(source)
    cache = given.new_cache(3, 12)
    with torch.no_grad():
        whole = model(source, ids)
        steps = [given(ids[:, :prompt], cache=cache)]
        for t in range(prompt, 12):
            assert cache.length == t
            steps.append(given(ids[:, t : t + 1], cache=cache))
        assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-5)
        assert_close(given(ids), whole, atol=1e-5, rtol=1e-5)
        for b, length in enumerate((8, 3, 6)):  # and each source alone, unpadded
            alone = model.given(source[b : b + 1, :length])(ids[b : b + 1])
            assert_close(alone[0], whole[b], atol=1e-5, rtol=1e-5)


def test_uneven_prompts_are_padded_on_the_left():
    model, source, ids = build(), sources(), targets(3, 9)
    mask = torch.ones(3, 9, dtype=torch.long)
    mask[0, :4], mask[2, :1] = 0, 0
    given = model.given(source)
    cache = given.new_cache(3, 9)
    with torch.no_grad():
        steps = [given(ids[:, :5], mask[:, :5], cache)]
        steps += [given(ids[:, t : t + 1], mask[:, : t + 1], cache) for t in range(5, 9)]
        together = torch.cat(steps, 1)
        for b, start in enumerate((4, 0, 1)):
            alone = model.given(source[b : b + 1])(ids[b : b + 1, start:])
            assert_close(together[b, start:], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "order",
    [
        [1, 1, 2, 3, 5, 4],  # beams of one source among themselves
        [4, 0, 1, 1, 5, 3],  # rows that take their source with them
    ],
)
def test_reordered_rows_go_on_from_what_they_are_copies_of(order):
    model, source, order = build(), sources(), torch.tensor(order)
    given, ids, then = model.given(source), targets(6, 5), targets(6, 2, seed=3)
    cache = given.new_cache(6, 10)
    source_of_row = torch.tensor([0, 0, 1, 1, 2, 2])
    with torch.no_grad():
        before = given(ids, cache=cache)
        assert_close(before, model(source[source_of_row], ids), atol=1e-5, rtol=1e-5)
        cache.reorder(order)
        after = given(then, cache=cache)
        reference = model(source[source_of_row[order]], torch.cat([ids[order], then], 1))
        assert_close(after, reference[:, 5:], atol=1e-5, rtol=1e-5)
        cache.reorder(order)  # and once more, from the new order
        last = given(then[:, :1], cache=cache)
        whole = torch.cat([ids[order][order], then[order], then[:, :1]], 1)
        reference = model(source[source_of_row[order][order]], whole)
        assert_close(last, reference[:, 7:], atol=1e-5, rtol=1e-5)


def test_the_source_is_read_once_and_stays_where_it_is():
    model = build()
    calls = []
    model.encoder_norm.register_forward_hook(lambda *_: calls.append("encoder"))
    given = model.given(sources())
    cache = given.new_cache(6, 10)
    memory = cache.memory
    for _ in range(3):
        given(targets(6, 1), cache=cache)
        cache.reorder(torch.tensor([1, 0, 2, 2, 5, 5]))
    assert calls == ["encoder"]
    assert cache.memory is memory
    cache.reorder(torch.tensor([2, 0, 2, 2, 5, 5]))
    assert cache.memory is not memory


def test_given_reads_without_dropout_and_leaves_the_mode_as_it_was():
    model, ids = build(), targets(3, 4)
    expected = model.given(sources())(ids)
    given = model.train().given(sources())
    assert given.training
    assert model.training
    with pytest.raises(ValueError, match="outside 0 … 28"):
        model.given(sources() + 29)
    assert model.training
    assert_close(given.eval()(ids), expected)
    assert not model.training
    assert not given.memory.mask.requires_grad
    assert not given.memory.keys_values[0][0].requires_grad
    assert (given.context, given.vocab_size, given.device) == (20, 23, torch.device("cpu"))


def test_greedy_generation_writes_what_the_whole_model_finds_most_probable():
    model, source = build(), sources()
    begin = torch.ones(3, 1, dtype=torch.long)
    written = generate(model.given(source), begin, 10, temperature=0)
    with torch.no_grad():
        assert torch.equal(model(source, written[:, :-1]).argmax(-1), written[:, 1:])
    assert len({tuple(row) for row in written.tolist()}) == 3
    assert all(len(set(row)) > 4 for row in written.tolist())


@pytest.mark.parametrize("n_beams", [1, 4])
def test_beam_search_over_several_sources_is_that_over_each(n_beams):
    model, source = build(), sources()
    begin = torch.ones(3, 1, dtype=torch.long)
    together = beam_search(model.given(source), begin, 8, n_beams=n_beams, stop=STOP)
    for b, length in enumerate((8, 3, 6)):
        alone = model.given(source[b : b + 1, :length])
        found = beam_search(alone, begin[:1], 8, n_beams=n_beams, stop=STOP)
        assert_close(together.scores[b], found.scores[0], atol=1e-4, rtol=1e-4)
        for ids, expected in zip(together.ids[b], found.ids[0], strict=True):
            assert ids[: len(expected)].tolist() == expected.tolist()
            assert set(ids[len(expected) :].tolist()) <= {STOP}


def test_a_beam_of_all_continuations_is_exhaustive_search():
    model, source = build(), sources()
    begin, V = torch.ones(3, 1, dtype=torch.long), 23
    found = beam_search(model.given(source), begin, 2, n_beams=V, length_penalty=0.0)
    both = torch.cartesian_prod(torch.arange(V), torch.arange(V))  # (V², 2)
    texts = torch.cat([torch.ones(len(both), 1, dtype=torch.long), both], 1)
    for b in range(3):
        with torch.no_grad():
            logits = model(source[b : b + 1].expand(len(texts), -1), texts[:, :-1])
        scores = logits.log_softmax(-1).gather(-1, both[..., None])[..., 0].sum(1)
        best, index = scores.topk(5)
        assert_close(found.scores[b, :5], best, atol=1e-4, rtol=1e-4)
        assert torch.equal(found.ids[b, :5], texts[index])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.new_cache(7, 5), "7 rows do not divide among 3 sources"),
        (lambda g: g(targets(4, 2)), "4 rows do not divide among 3 sources"),
        (lambda g: g(targets(3, 21)), "21 tokens are over the context of 20"),
        (lambda g: g(targets(3, 4), cache=g.new_cache(3, 3)), "room for 3 positions, not 4"),
        (lambda g: g(targets(6, 2), cache=g.new_cache(3)), "3 sources and 6 targets"),
        (lambda g: g(targets(3, 2), torch.ones(3, 3)), r"the mask has shape \(3, 3\), needed"),
        (lambda g: g(targets(3, 2) * 0 + 23), "id 23 is outside 0 … 22"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(build().given(sources()))
