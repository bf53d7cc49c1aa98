"""Sampling draws the tokens that Hugging Face draws, on even and uneven prompts."""

import pytest
import torch

from llm_nb.generation import generate, left_pad
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import from_hugging_face

transformers = pytest.importorskip("transformers")
CONFIG = GPT2Config(vocab_size=61, context=48, d_model=16, n_layers=2, n_heads=2)


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=61, n_positions=48, n_embd=16, n_layer=2, n_head=2, eos_token_id=None
        )
    ).eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    ours = GPT2(CONFIG)
    ours.load_state_dict(from_hugging_face(theirs.state_dict(), GPT2, CONFIG))
    return ours.eval(), theirs


DIALS = [
    {"temperature": 0.7},
    {"top_k": 5},
    {"top_p": 0.8},
    {"top_k": 9, "top_p": 0.9, "temperature": 1.3},
    {"repetition_penalty": 1.5},
    {"repetition_penalty": 1.2, "top_k": 20, "temperature": 0.8},
    {"typical_p": 0.3},
    {"top_k": 30, "top_p": 0.9, "typical_p": 0.6, "temperature": 1.3},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2, "typical_p": 0.9},
]


@pytest.mark.parametrize("dials", DIALS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_the_same_draws(models, dials, seed):
    ours, theirs = models
    prompt = torch.randint(61, (4, 6), generator=torch.Generator().manual_seed(seed))
    plain = {"top_k": 0, "top_p": 1.0, "temperature": 1.0}  # Hugging Face's default top_k is 50
    torch.manual_seed(seed)
    reference = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=True,
        pad_token_id=0, **(plain | dials),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    out = generate(ours, prompt, 20, generator=generator, **ours_of(dials))
    assert torch.equal(out, reference)


def ours_of(dials):
    """The same options by our names."""
    return {key.replace("ngram_size", "ngram"): value for key, value in dials.items()}


@pytest.mark.parametrize("penalty", [1.0, 1.4])
def test_uneven_prompts_greedily(models, penalty):
    ours, theirs = models
    prompts = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7], [9]]
    pad = 60
    ids, mask = left_pad(prompts, pad)
    out = generate(ours, ids, 20, attention_mask=mask, temperature=0, repetition_penalty=penalty)
    if penalty == 1.0:  # Hugging Face counts padding among the repeated tokens
        reference = theirs.generate(
            ids, attention_mask=mask, max_new_tokens=20, do_sample=False, pad_token_id=pad
        )
        assert torch.equal(out, reference)
    for row, prompt in enumerate(prompts):
        alone = generate(
            ours, torch.tensor([prompt]), 20, temperature=0, repetition_penalty=penalty
        )
        assert torch.equal(out[row, 7:], alone[0, len(prompt) :])


def test_several_stop_tokens(models):
    ours, theirs = models
    prompt = torch.randint(61, (5, 4), generator=torch.Generator().manual_seed(3))
    free = generate(ours, prompt, 20, temperature=0)
    stops = [int(free[0, 9]), int(free[1, 12])]
    reference = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False,
        eos_token_id=stops, pad_token_id=stops[0],
    )  # fmt: skip
    assert torch.equal(generate(ours, prompt, 20, temperature=0, stop=stops), reference)
