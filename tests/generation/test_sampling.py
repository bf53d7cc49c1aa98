"""Sampling: the dials, the cache, Hugging Face's greedy ids, bad input."""

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import (
    TextStreamer,
    generate,
    left_pad,
    next_token_probs,
    penalise_repetition,
)
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import save_pretrained

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


def test_the_typical_set_can_leave_out_the_most_probable():
    probs = torch.tensor([[0.5, 0.2, 0.2, 0.1]])
    # H = 1.2206; the surprises are 0.693, 1.609, 1.609, 2.303: 0.527, 0.389, 0.389, 1.082 away.
    assert_close(next_token_probs(probs.log(), typical_p=0.3), torch.tensor([[0, 0.5, 0.5, 0]]))
    assert_close(
        next_token_probs(probs.log(), typical_p=0.5), torch.tensor([[5.0, 2.0, 2.0, 0.0]]) / 9
    )
    assert_close(next_token_probs(probs.log(), typical_p=1), probs)
    # After top-k: 5/7 and 2/7 with H = 0.598; 0.336 is 0.262 away, 1.253 is 0.654.
    assert_close(
        next_token_probs(probs.log(), top_k=2, typical_p=0.7), torch.tensor([[1.0, 0, 0, 0]])
    )
    # All alike are equally near: none is better than another.
    assert_close(next_token_probs(torch.zeros(1, 10), typical_p=0.3), torch.full((1, 10), 0.1))


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
    save_pretrained(model, tmp_path)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    prompt = torch.randint(61, (3, 6))
    options = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    reference = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), **options)
    assert torch.equal(generate(model, prompt, 20, temperature=0), reference)


def test_cached_equals_uncached_token_by_token_on_uneven_prompts(model):
    ids, mask = left_pad([[1, 2, 3], [4], [5, 6, 7, 8, 9]])
    cache = model.new_cache(3, 25)
    with torch.no_grad():
        for n in range(5, 25):
            new = ids if n == 5 else ids[:, -1:]
            cached, plain = model(new, mask, cache)[:, -1], model(ids, mask)[:, -1]
            assert_close(cached, plain, atol=1e-5, rtol=1e-5)
            ids = torch.cat([ids, plain.argmax(-1, keepdim=True)], 1)
            mask = torch.cat([mask, mask.new_ones(3, 1)], 1)
    greedy = generate(model, ids[:, :5], 20, attention_mask=mask[:, :5], temperature=0)
    assert torch.equal(greedy, ids)


def test_the_repetition_penalty_lowers_both_signs():
    scores, seen = (
        torch.tensor([[2.0, -2.0, 2.0, -2.0]]),
        torch.tensor([[True, True, False, False]]),
    )
    penalised = penalise_repetition(scores, seen, 2.0)
    assert_close(penalised, torch.tensor([[1.0, -4.0, 2.0, -2.0]]))


def letters(ids):
    return "".join(chr(97 + i % 26) for i in ids)


def test_a_stop_string_ends_its_row_even_across_tokens(model):
    prompt = torch.randint(61, (3, 3), generator=torch.Generator().manual_seed(1))
    draws = {"temperature": 1.0, "generator": torch.Generator().manual_seed(1)}
    free = generate(model, prompt, 20, **draws)
    wanted = letters(free[0, 8:11].tolist())  # three letters, three tokens
    draws["generator"].manual_seed(1)
    out = generate(model, prompt, 20, stop=60, stop_strings=[wanted, "#"], decode=letters, **draws)
    text = letters(free[0, 3:].tolist())
    end = 3 + text.index(wanted) + 3
    assert torch.equal(out[0, :end], free[0, :end])
    assert (out[0, end:] == 60).all()
    assert out.size(1) > end  # other rows went on
    # A string that stands in the prompt alone does not stop anything.
    draws["generator"].manual_seed(1)
    begun = letters(prompt[0].tolist())
    assert begun not in text
    untouched = generate(model, prompt[:1], 5, stop_strings=[begun], decode=letters, **draws)
    assert untouched.size(1) == 8


def test_the_streamer_sees_every_step(model):
    steps = []
    out = generate(model, torch.tensor([[1, 2], [3, 4]]), 6, streamer=steps.append)
    assert torch.equal(torch.stack(steps, 1), out[:, 2:])


def test_text_is_streamed_in_whole_characters():
    text, parts = "né 一😀!", []
    streamer = TextStreamer(lambda ids: bytes(ids).decode(errors="replace"), parts.append)
    for byte in text.encode():
        streamer(torch.tensor([byte]))
    assert parts == list(text)
    assert streamer.rest() == ""
    streamer(torch.tensor(["一".encode()[0]]))
    assert parts == list(text)
    assert streamer.rest() == "\N{REPLACEMENT CHARACTER}"


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
        (lambda m: generate(m, torch.zeros(0, 3, dtype=torch.long), 3), "prompt is empty"),
        (lambda m: generate(m, torch.tensor([[-1]]), 3), "id -1 is outside"),
        (lambda m: generate(m, torch.tensor([[1]]), 0), "max_new_tokens is 0"),
        (lambda m: generate(m, torch.tensor([[1]]), 3, repetition_penalty=-1.0), "penalty is -1"),
        (lambda m: generate(m, torch.tensor([[1]]), 3, stop_strings=["a"]), "decode="),
        (
            lambda m: generate(m, torch.tensor([[1, 2]]), 3, attention_mask=torch.tensor([[1, 0]])),
            "pad on the left",
        ),
        (lambda m: left_pad([[1], []]), "prompt is empty"),
        (lambda m: left_pad([]), "prompt is empty"),
        (lambda m: next_token_probs(LOGITS, temperature=-1), "temperature is -1"),
        (lambda m: next_token_probs(LOGITS, top_k=0), "top_k is 0"),
        (lambda m: next_token_probs(LOGITS, top_p=1.5), "top_p is 1.5"),
        (lambda m: next_token_probs(LOGITS, typical_p=0), "typical_p is 0"),
    ],
)
def test_bad_input_is_one_clear_sentence(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)
