"""The Transformer against what it promises: loss, masks, errors, and tasks that it must learn."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from llm_nb.generation import generate
from llm_nb.models.transformer import Transformer, TransformerConfig
from tests.models.test_transformer import BACKENDS, SMALL, batch_of, build

# -- vectors, initialisation, loss --------------------------------------------------------------


def test_tied_matrices_are_one():
    sizes = {"all": 1, "target": 2, "none": 3}
    for tied, matrices in sizes.items():
        model = Transformer(dataclasses.replace(SMALL, tied=tied))
        with_vocabulary = [w for w in model.parameters() if w.shape == (31, 12)]
        assert len(with_vocabulary) == matrices
        assert len({t.data_ptr() for t in model.state_dict().values()}) == len(model.state_dict())


def test_what_enters_is_of_unit_variance_and_logits_start_near_uniform():
    torch.manual_seed(0)
    config = TransformerConfig(500, 500, d_model=256, d_ff=256, n_heads=4, dropout=0.0)
    model = Transformer(config)
    assert model.target.weight.std().item() == pytest.approx(1 / 16, rel=0.02)
    fan = config.d_model + config.d_ff
    bound = math.sqrt(6 / fan)
    assert model.encoder[2].ff.fc.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert model.encoder[2].ff.fc.bias.abs().max() == 0
    ids = torch.randint(1, 500, (8, 20))
    entered = model.hidden_states(ids, ids).encoder[0] - model.positions(torch.arange(20))
    assert entered.std().item() == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_the_loss_is_cross_entropy_on_shifted_targets(smoothing):
    config = dataclasses.replace(SMALL, label_smoothing=smoothing, dropout=0.0)
    model = build(config)
    source, target = batch_of(config)
    logits, labels = model(source, target[:, :-1]), target[:, 1:]
    log_probs, real = logits.log_softmax(-1), labels != config.pad
    plain = -log_probs.gather(-1, labels[..., None])[..., 0][real]
    assert_close(model.loss((source, target)), plain.mean())
    # Section 5.4: the label is right with 1 - ε, and any id of the vocabulary with ε.
    smoothed = (1 - smoothing) * plain - smoothing * log_probs.mean(-1)[real]
    trained = model.train().loss((source, target))
    assert_close(trained, smoothed.mean())
    reference = F.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=0, label_smoothing=smoothing
    )
    assert_close(trained, reference)


# -- masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_padding_changes_nothing_on_either_side(norm):
    model = build(dataclasses.replace(SMALL, norm=norm))
    source, target_in = torch.randint(1, 31, (1, 5)), torch.randint(1, 31, (1, 4))
    expected = model(source, target_in)
    for s, t in (((0, 3), (0, 2)), ((3, 0), (2, 0)), ((1, 2), (2, 1))):
        padded = model(F.pad(source, s), F.pad(target_in, t))[:, t[0] : t[0] + 4]
        assert_close(padded, expected, atol=1e-5, rtol=1e-5)


def test_a_mask_that_is_given_stands_for_the_padding_id():
    model = build(SMALL)
    source, target_in = batch_of(SMALL)
    marks = (source != 0).long(), (target_in != 0).long()
    filled = source.where(source != 0, 7), target_in.where(target_in != 0, 7)
    real = target_in != 0
    assert_close(model(*filled, *marks)[real], model(source, target_in)[real])
    assert not torch.allclose(model(*filled)[real], model(source, target_in)[real])


def test_the_future_changes_nothing_before_it():
    model = build(SMALL)
    source, target_in = batch_of(SMALL)
    other = target_in.clone()
    other[0, 4] = other[0, 4] % 30 + 1
    difference = (model(source, target_in) - model(source, other)).abs().amax(-1)[0]
    assert difference[:4].max() == 0
    assert difference[4:].min() > 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_a_source_of_nothing_but_padding_is_no_nan(norm, backend):
    model = build(dataclasses.replace(SMALL, norm=norm))
    source, target_in = batch_of(SMALL)
    source[1] = 0
    target_in[2, :3] = 0  # and targets that begin with padding
    logits = model(source, target_in, backend=backend)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert_close(logits[0], model(source[:1], target_in[:1], backend=backend)[0])


# -- bad input ----------------------------------------------------------------------------------


def ones(*shape):
    return torch.ones(shape, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(ones(1, 3) * 31, ones(1, 2)), "id 31 is outside 0 … 30: encode"),
        (lambda m: m(ones(1, 3), -ones(1, 2)), "id -1 is outside"),
        (lambda m: m(ones(1, 25), ones(1, 2)), "25 tokens are over the context of 24: shorten"),
        (lambda m: m(ones(1, 2), ones(1, 25)), "25 tokens are over the context of 24: shorten"),
        (lambda m: m(ones(0, 3), ones(0, 2)), r"ids have shape \(0, 3\): needed \(B, T\)"),
        (lambda m: m(ones(2, 3), ones(2, 0)), r"ids have shape \(2, 0\)"),
        (lambda m: m(ones(3), ones(1, 2)), r"ids have shape \(3,\)"),
        (lambda m: m(ones(2, 3), ones(3, 2)), "2 sources and 3 targets: each target needs"),
        (lambda m: m(ones(1, 3), ones(1, 2), ones(1, 2)), r"the mask has shape \(1, 2\), needed"),
        (lambda m: m(ones(1, 3), ones(1, 2), None, ones(1, 3)), r"needed \(1, 2\): one mark"),
        (lambda m: m.loss((ones(1, 3), ones(1, 1))), r"target has shape \(1, 1\), needed"),
        (lambda m: m.loss((ones(1, 3), ones(1, 3) * 0)), "the batch is empty: every target is"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(Transformer(SMALL))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d_model": 10}, "d_model 10 does not divide into 3 heads: choose a multiple"),
        ({"d_model": 9}, "d_model is 9: sines and cosines come in pairs"),
        ({"n_heads": 0}, "n_heads 0 must"),
        ({"n_encoder_layers": 0}, "n_encoder_layers is 0"),
        ({"d_ff": -1}, "d_ff is -1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1"),
        ({"norm": "both"}, "norm is 'both': choose one of"),
        ({"tied": "yes"}, "tied is 'yes': choose one of"),
        ({"target_vocab_size": 40}, "vocabularies of 31 and 40 cannot share one matrix"),
        ({"pad": 31}, "pad is 31: it must be an id of both vocabularies"),
    ],
)
def test_impossible_sizes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Transformer(dataclasses.replace(SMALL, **changes))


# -- learning -----------------------------------------------------------------------------------

PAD, BEGIN, END = range(3)


def pairs(n, task, seed, length=6, symbols=8):
    """Random sequences of 2 … 6 symbols, and each copied or reversed between BEGIN and END."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.zeros(n, length).long(), torch.zeros(n, length + 2).long()
    target[:, 0] = BEGIN
    lengths = torch.randint(2, length + 1, (n,), generator=generator).tolist()
    drawn = torch.randint(3, 3 + symbols, (n, length), generator=generator)
    for b, size in enumerate(lengths):
        source[b, :size] = drawn[b, :size]
        target[b, 1 : size + 1] = drawn[b, :size].flip(0) if task == "reverse" else drawn[b, :size]
        target[b, size + 1] = END
    return source, target


@pytest.mark.parametrize(
    ("task", "norm", "steps"), [("copy", "post", 350), ("reverse", "pre", 700)]
)
def test_a_task_is_learned_and_holds_for_sequences_never_seen(task, norm, steps):
    torch.manual_seed(0)
    config = TransformerConfig(
        11, 11, context=16, d_model=48, d_ff=96, n_heads=4,
        n_encoder_layers=1, n_decoder_layers=1, dropout=0.0, norm=norm,
    )  # fmt: skip
    model = Transformer(config)
    source, target = pairs(10_000, task, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 4e-3 * min((step + 1) / 50, 1 - step / steps)
        rows = torch.randint(len(source), (48,))
        optimizer.zero_grad()
        model.loss((source[rows], target[rows])).backward()
        optimizer.step()
    seen = {tuple(row) for row in source.tolist()}
    new, expected = pairs(600, task, seed=1)
    unseen = torch.tensor([tuple(row) not in seen for row in new.tolist()])
    assert unseen.sum() > 200
    given = model.given(new[unseen])
    begin = torch.full((int(unseen.sum()), 1), BEGIN)
    written = generate(given, begin, 7, temperature=0, stop=END)
    # Behind the end generate writes END again, the reference PAD.
    ended = (written == END).cumsum(1) > 1
    exact = (written.masked_fill(ended, PAD) == expected[unseen]).all(1).float().mean().item()
    assert exact > 0.95
    wrong = model.given(new[unseen].roll(1, 0))  # it is the source that it reads
    assert not torch.equal(generate(wrong, begin, 7, temperature=0, stop=END), written)
