"""The Transformer equals nn.Transformer: logits, gradients, hidden states, weights of attention."""

import dataclasses
import math
import random
import re

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from llm_nb.models.transformer import FeedForward, Transformer, TransformerConfig

# nn.Transformer says so of every second configuration; it concerns its own fast path only.
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")

SMALL = TransformerConfig(
    source_vocab_size=31,
    target_vocab_size=31,
    context=24,
    d_model=12,
    d_ff=20,
    n_heads=3,
    n_encoder_layers=2,
    n_decoder_layers=3,
)
BACKENDS = ["sdpa", "reference"]


def random_config(seed):
    """Some sizes of no particular roundness; every second one is pre-norm."""
    draw = random.Random(seed)
    heads = draw.choice([1, 2, 3, 4])
    tied = draw.choice(["all", "target", "none"])
    source = draw.randint(5, 60)
    return TransformerConfig(
        source_vocab_size=source,
        target_vocab_size=source if tied == "all" else draw.randint(5, 60),
        context=draw.randint(12, 40),
        d_model=2 * heads * draw.randint(1, 6),
        d_ff=draw.randint(1, 50),
        n_heads=heads,
        n_encoder_layers=draw.randint(1, 3),
        n_decoder_layers=draw.randint(1, 3),
        norm=["post", "pre"][seed % 2],
        tied=tied,
        pad=draw.choice([0, 1, 4]),
        eps=draw.choice([1e-5, 1e-3]),
    )


def build(config, seed=0):
    """A model in evaluation mode whose every weight is random, gains and biases too."""
    torch.manual_seed(seed)
    model = Transformer(config).eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.4)
    return model


def batch_of(config, B=3, S=9, T=7, seed=0):
    """Ids with uneven padding on the right; the first row has none."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for size, vocab in ((S, config.source_vocab_size), (T, config.target_vocab_size)):
        ids = torch.randint(vocab - 1, (B, size), generator=generator)
        ids += ids >= config.pad  # every id but the padding
        for b in range(1, B):
            ids[b, size - 2 * b :] = config.pad
        rows.append(ids)
    return tuple(rows)


RENAMED = [
    (r"(encoder|decoder)_norm\.", r"\1.norm."),
    (r"(encoder|decoder)\.(\d+)\.", r"\1.layers.\2."),
    (r"add_attn\.norm", "norm1"),
    (r"add_cross\.norm", "norm2"),
    (r"(decoder.*)add_ff\.norm", r"\1norm3"),
    (r"(encoder.*)add_ff\.norm", r"\1norm2"),
    (r"\.attn\.", ".self_attn."),
    (r"\.cross\.", ".multihead_attn."),
    (r"\.qkv\.", ".in_proj_"),
    (r"attn\.proj\.", "attn.out_proj."),
    (r"ff\.fc\.", "linear1."),
    (r"ff\.proj\.", "linear2."),
]


def their_name(name):
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def pytorchs(model):
    """nn.Transformer with our weights: the layers, without vectors, positions and output."""
    config = model.config
    theirs = nn.Transformer(
        config.d_model,
        config.n_heads,
        config.n_encoder_layers,
        config.n_decoder_layers,
        config.d_ff,
        dropout=0.0,
        layer_norm_eps=config.eps,
        batch_first=True,
        norm_first=config.norm == "pre",
    )
    outside = ("source.", "target.", "output.")
    state = {
        their_name(name): tensor.clone()
        for name, tensor in model.state_dict().items()
        if not name.startswith(outside)
    }
    theirs.load_state_dict(state)  # strict: every tensor has its counterpart
    return theirs.to(next(model.parameters()).dtype)


def their_logits(theirs, model, source, target_in):
    """nn.Transformer between our token vectors and our output matrix."""
    pad, C = model.config.pad, model.config.d_model

    def embed(vectors, ids):
        positions = ((ids != pad).long().cumsum(1) - 1).clamp(min=0)
        return vectors(ids) * math.sqrt(C) + model.positions(positions)

    T = target_in.size(1)
    out = theirs(
        embed(model.source or model.target, source),
        embed(model.target, target_in),
        tgt_mask=torch.ones(T, T, dtype=torch.bool).triu(1),
        src_key_padding_mask=source == pad,
        tgt_key_padding_mask=target_in == pad,
        memory_key_padding_mask=source == pad,
    )
    return out @ (model.output or model.target).weight.T


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(12))
def test_logits_and_gradients_equal_pytorchs(seed, backend):
    config = random_config(seed)
    model = build(config, seed).double()
    theirs = pytorchs(model)
    source, target_in = batch_of(config, seed=seed)
    ours_out = model(source, target_in, backend=backend)
    probe = torch.randn(ours_out.shape, dtype=torch.float64)
    (ours_out * probe).sum().backward()
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    theirs_out = their_logits(theirs, model, source, target_in)
    assert_close(ours_out, theirs_out, atol=1e-9, rtol=1e-9)
    (theirs_out * probe).sum().backward()
    outside = {name: w.grad for name, w in model.named_parameters() if w.grad is not None}
    inside = {name: w.grad for name, w in theirs.named_parameters()}
    assert set(outside) >= {"target.weight"}
    for name, gradient in ours.items():
        reference = outside[name] if name in outside else inside[their_name(name)]
        assert_close(gradient, reference, atol=1e-8, rtol=1e-8, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_in_single_precision_too(norm, backend):
    config = TransformerConfig(
        50, 50, d_model=64, d_ff=128, n_heads=4, n_encoder_layers=3, n_decoder_layers=3, norm=norm
    )
    torch.manual_seed(0)
    model = Transformer(config).eval()
    source, target_in = batch_of(config, S=20, T=18)
    with torch.no_grad():
        ours = model(source, target_in, backend=backend)
        theirs = their_logits(pytorchs(model), model, source, target_in)
    assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_every_hidden_state_equals_pytorchs(norm):
    model = build(dataclasses.replace(SMALL, norm=norm)).double()
    theirs = pytorchs(model)
    seen = {"encoder": [], "decoder": []}
    for stack, states in seen.items():
        for module in (*getattr(theirs, stack).layers, getattr(theirs, stack).norm):
            module.register_forward_hook(lambda _, __, out, states=states: states.append(out))
    source, target_in = batch_of(SMALL)
    their_logits(theirs, model, source, target_in)  # gradients on: its own fast path stays off
    states = model.hidden_states(source, target_in)
    assert [len(states.encoder), len(states.decoder)] == [4, 5]
    assert_close(states.encoder[1:], seen["encoder"])
    assert_close(states.decoder[1:], seen["decoder"])
    assert_close(states.decoder[-1] @ model.target.weight.T, model(source, target_in))
    assert_close(states.encoder[-1], model.encode(source))


def test_attention_maps_equal_pytorchs():
    model = build(SMALL).double()
    theirs, seen = pytorchs(model), {}
    for name, module in theirs.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            plain = module.forward

            def watched(*args, name=name, plain=plain, **kwargs):
                kwargs |= {"need_weights": True, "average_attn_weights": False}
                out, weights = plain(*args, **kwargs)
                seen[name] = weights
                return out, weights

            module.forward = watched
    source, target_in = batch_of(SMALL)
    their_logits(theirs, model, source, target_in)
    maps = model.attention_maps(source, target_in)
    assert_close(maps.encoder, [seen[f"encoder.layers.{i}.self_attn"] for i in range(2)])
    assert_close(maps.decoder, [seen[f"decoder.layers.{i}.self_attn"] for i in range(3)])
    assert_close(maps.cross, [seen[f"decoder.layers.{i}.multihead_attn"] for i in range(3)])
    assert maps.cross[0].shape == (3, 3, 7, 9)


def test_feed_forward_is_its_equation():
    ff, x = FeedForward(4, 7), torch.randn(2, 3, 4)
    hidden = (x @ ff.fc.weight.T + ff.fc.bias).clamp(min=0)
    assert_close(ff(x), hidden @ ff.proj.weight.T + ff.proj.bias)
