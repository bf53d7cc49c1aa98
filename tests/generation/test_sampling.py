"""Sampling: the dials, the cache, Hugging Face's greedy ids, bad input."""

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import generate, next_token_probs
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import save_gpt2

CONFIG = GPT2Config(vocab_size=61, context=32, d_model=16, n_layers=2, n_heads=2)
LOGITS = torch.tensor([[0.1, 0.5, 0.25, 0.15], [0.4, 0.3, 0.2, 0.1]]).log()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = GPT2(CONFIG)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model.eval()


def test_the_dials_on_worked_examples():
    assert_close(next_token_probs(LOGITS), LOGITS.exp())
    assert_close(next_token_probs(LOGITS, temperature=0)[0], torch.tensor([0.0, 1.0, 0.0, 0.0]))
    assert_close(
        next_token_probs(LOGITS, temperature=0.5)[1], torch.tensor([16.0, 9.0, 4.0, 1.0]) / 30
    )
    assert_close(next_token_probs(LOGITS, top_k=2)[0], torch.tensor([0, 2 / 3, 1 / 3, 0]))
    # 0.5 + 0.25 < 0.8: the third is needed to reach it, the fourth is not.
    assert_close(next_token_probs(LOGITS, top_p=0.8)[0], torch.tensor([0, 0.5, 0.25, 0.15]) / 0.9)
    assert_close(next_token_probs(LOGITS, top_p=0.01)[1], torch.tensor([1.0, 0.0, 0.0, 0.0]))
    # top-p counts what is left after top-k: 4/7 and 3/7, and 4/7 already reaches 0.55.
    both = next_token_probs(LOGITS, top_k=2, top_p=0.55)[1]
    assert_close(both, torch.tensor([1.0, 0.0, 0.0, 0.0]))


def test_ties_keep_exactly_k():
    assert (next_token_probs(torch.zeros(1, 10), top_k=3) > 0).sum() == 3


def test_generation_with_the_cache_equals_drawing_anew_each_time(model):
    prompt = torch.randint(61, (3, 5), generator=torch.Generator().manual_seed(1))
    fast = generate(model, prompt, 20, top_p=0.9, generator=torch.Generator().manual_seed(2))
    ids, generator = prompt, torch.Generator().manual_seed(2)
    for _ in range(20):
        with torch.no_grad():
            probs = next_token_probs(model(ids)[:, -1], top_p=0.9)
        ids = torch.cat([ids, torch.multinomial(probs, 1, generator=generator)], 1)
    assert torch.equal(fast, ids)


def test_greedy_equals_hugging_face(model, tmp_path):
    transformers = pytest.importorskip("transformers")
    save_gpt2(model, tmp_path)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    prompt = torch.randint(61, (3, 6))
    options = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    reference = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), **options)
    assert torch.equal(generate(model, prompt, 20, temperature=0), reference)


def test_a_finished_row_is_filled_and_all_finished_ends_early(model):
    prompt = torch.randint(61, (4, 3), generator=torch.Generator().manual_seed(0))
    free = generate(model, prompt, 20, generator=torch.Generator().manual_seed(0))
    stop = int(free[0, 5])
    stopped = generate(model, prompt, 20, stop=stop, generator=torch.Generator().manual_seed(0))
    assert (stopped[0, 5:] == stop).all()
    for row in stopped[:, 3:].tolist():
        assert stop not in row or set(row[row.index(stop) :]) == {stop}
    one = generate(model, prompt[:1], 20, stop=stop, generator=torch.Generator().manual_seed(0))
    assert one.size(1) <= 23


def test_generation_leaves_the_mode_as_it_was(model):
    model.train()
    generate(model, torch.zeros(1, 1, dtype=torch.long), 2)
    assert model.training
    model.eval()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: generate(m, torch.zeros(1, 33, dtype=torch.long), 1), "prompt of 33 tokens"),
        (lambda m: generate(m, torch.zeros(1, 30, dtype=torch.long), 3), "over the context of 32"),
        (lambda m: generate(m, torch.zeros(1, 0, dtype=torch.long), 3), "prompt is empty"),
        (lambda m: generate(m, torch.tensor([[61]]), 3), "id 61 is outside"),
        (lambda m: next_token_probs(LOGITS, temperature=-1), "temperature is -1"),
        (lambda m: next_token_probs(LOGITS, top_k=0), "top_k is 0"),
        (lambda m: next_token_probs(LOGITS, top_p=1.5), "top_p is 1.5"),
    ],
)
def test_bad_input_is_one_clear_sentence(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)
