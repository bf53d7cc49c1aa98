"""GPT-2 against Hugging Face's, against itself, and against bad input."""

import math
import random

import pytest
import torch
from torch.testing import assert_close

from llm_nb.models.cache import KVCache
from llm_nb.models.chunked_loss import IGNORE
from llm_nb.models.gpt2 import GPT2, SIZES, GPT2Config
from llm_nb.models.pretrained import from_pretrained, save_pretrained

transformers = pytest.importorskip("transformers")

SMALL = GPT2Config(vocab_size=97, context=24, d_model=24, n_layers=3, n_heads=3, dropout=0.1)


def hugging_face(config: GPT2Config, seed: int):
    torch.manual_seed(seed)
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.context,
            n_embd=config.d_model,
            n_layer=config.n_layers,
            n_head=config.n_heads,
            layer_norm_epsilon=config.eps,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    for weight in model.parameters():  # biases and gains too, which start at 0 and 1
        torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def random_config(seed: int) -> GPT2Config:
    draw = random.Random(seed)
    n_heads = draw.randint(1, 6)
    return GPT2Config(
        vocab_size=draw.randint(2, 400),
        context=draw.randint(2, 48),
        d_model=n_heads * draw.choice([4, 6, 8, 16]),
        n_layers=draw.randint(1, 5),
        n_heads=n_heads,
        eps=draw.choice([1e-3, 1e-5, 1e-6]),
    )


@pytest.mark.parametrize("backend", ["sdpa", "reference"])
@pytest.mark.parametrize("seed", range(30))
def test_logits_hidden_states_and_loss_equal_hugging_face(seed, backend, tmp_path):
    """Random sizes; rows padded on the left by random amounts."""
    config = random_config(seed)
    theirs = hugging_face(config, seed)
    theirs.save_pretrained(tmp_path)
    ours = from_pretrained(GPT2, tmp_path)
    assert ours.config == GPT2Config(**{**vars(config), "dropout": 0.1})
    ids = torch.randint(config.vocab_size, (3, config.context))
    padding = torch.randint(config.context, (3, 1))
    padding[0] = 0
    mask = (torch.arange(config.context) >= padding).long()
    real = mask.bool()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        reference = theirs(
            ids, attention_mask=mask, position_ids=positions,
            output_hidden_states=True,
        )  # fmt: skip
        close(ours(ids, mask, backend=backend)[real], reference.logits[real])
        states = ours.hidden_states(ids, mask, backend)
        assert len(states) == config.n_layers + 1
        for state, theirs_state in zip(states, reference.hidden_states, strict=True):
            close(state[real], theirs_state[real])
        whole = theirs(ids, labels=ids).loss
        close(ours.loss((ids[:, :-1], ids[:, 1:])), whole)
        partly = ids.masked_fill(torch.rand(ids.shape) < 0.3, IGNORE)
        partly[0, 1] = ids[0, 1]
        close(ours.loss((ids[:, :-1], partly[:, 1:])), theirs(ids, labels=partly).loss)


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_padded_row_equals_the_row_alone():
    torch.manual_seed(0)
    model = GPT2(SMALL).eval()
    ids = torch.randint(1, 97, (2, 9))
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[0, :4] = 0
    with torch.no_grad():
        close(model(ids, mask)[0, 4:], model(ids[:1, 4:])[0])


def test_what_we_save_hugging_face_loads_unchanged(tmp_path):
    theirs = hugging_face(SMALL, 1)
    theirs.save_pretrained(tmp_path / "theirs")
    save_pretrained(from_pretrained(GPT2, tmp_path / "theirs"), tmp_path / "ours")
    back = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "ours")
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[name], tensor), name
    # A small vocabulary has no end mark 50256, of which the library would warn.
    assert (back.config.bos_token_id, back.config.eos_token_id) == (None, None)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_parameter_counts_of_the_released_sizes(name, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in GPT2(SIZES[name]).parameters()) == count


def test_cached_equals_uncached_token_by_token():
    torch.manual_seed(0)
    model = GPT2(SMALL).eval()
    ids = torch.randint(97, (3, 20))
    cache = model.new_cache(3)
    with torch.no_grad():
        whole = model(ids)
        steps = [model(ids[:, :7], cache=cache)]
        steps += [model(ids[:, t : t + 1], cache=cache) for t in range(7, 20)]
    assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-5)


def test_the_future_changes_nothing_before_it():
    model = GPT2(SMALL).eval()
    ids = torch.randint(97, (1, 10))
    other = ids.clone()
    other[0, 6] = (other[0, 6] + 1) % 97
    with torch.no_grad():
        difference = (model(ids) - model(other)).abs().amax(-1)[0]
    assert difference[:6].max() == 0
    assert difference[6:].min() > 0


def test_initialisation_is_gpt2s():
    config = GPT2Config(vocab_size=500, context=64, d_model=192, n_layers=8, n_heads=4)
    model = GPT2(config)
    stds = {name: weight.std().item() for name, weight in model.named_parameters()}
    assert stds["wte.weight"] == pytest.approx(0.02, rel=0.05)
    assert stds["blocks.3.attn.qkv.weight"] == pytest.approx(0.02, rel=0.05)
    for name in ("attn.proj", "proj"):
        assert stds[f"blocks.3.{name}.weight"] == pytest.approx(0.02 / math.sqrt(16), rel=0.05)
    ids = torch.randint(500, (4, 64))
    targets = torch.randint(500, (4, 64))
    assert model.eval().loss((ids, targets)).item() == pytest.approx(math.log(500), rel=0.05)


def test_ignored_targets_count_in_no_loss():
    model = GPT2(SMALL).eval()
    ids = torch.randint(97, (2, 8))
    targets = ids.clone()
    targets[:, 4:] = -100
    assert_close(model.loss((ids, targets)), model.loss((ids[:, :4], ids[:, :4])))


def test_attention_maps_are_the_weights_that_were_used():
    model = GPT2(SMALL).eval()
    ids = torch.randint(97, (2, 6))
    maps = model.attention_maps(ids)
    assert maps.shape == (3, 2, 3, 6, 6)
    assert_close(maps.sum(-1), torch.ones(3, 2, 3, 6))
    block, x = model.blocks[0], model.wte(ids) + model.wpe.weight[:6]
    _, _, v = block.attn.heads(block.ln_1(x))
    assert_close(
        block.attn.proj((maps[0] @ v).transpose(1, 2).flatten(2)), block.attn(block.ln_1(x))
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(torch.tensor([[0, 97]])), "id 97 is outside 0 … 96"),
        (lambda m: m(torch.tensor([[-1]])), "id -1 is outside"),
        (lambda m: m(torch.zeros(1, 25, dtype=torch.long)), "25 tokens are over the context of 24"),
        (
            lambda m: m(torch.zeros(1, 2, dtype=torch.long), torch.ones(1, 3)),
            "attention_mask has shape",
        ),
        (lambda m: GPT2Config(d_model=10, n_heads=3), "10 does not divide into 3 heads"),
        (lambda m: GPT2Config(n_layers=0), "n_layers is 0"),
        (lambda m: GPT2Config(dropout=1.0), "dropout is 1.0"),
        (lambda m: m(torch.zeros(0, 3, dtype=torch.long)), "at least one row"),
        (lambda m: m(torch.zeros(3, 0, dtype=torch.long)), "at least one row of one token"),
        (lambda m: m(torch.zeros(3, dtype=torch.long)), r"shape \(3,\)"),
        (
            lambda m: KVCache(1, 1, 1, 2, 4, torch.zeros(1)).extend(0, *torch.zeros(2, 1, 1, 3, 4)),
            "room for 2 positions, not 3",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(GPT2(SMALL).eval())
