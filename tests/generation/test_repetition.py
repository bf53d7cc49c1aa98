"""Typical sets and blocked n-grams against Hugging Face's processors; no n-gram comes twice."""

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import (
    beam_search,
    block_repeated_ngrams,
    generate,
    left_pad,
    next_token_probs,
)
from llm_nb.models.gpt2 import GPT2, GPT2Config

transformers = pytest.importorskip("transformers")
from transformers import NoRepeatNGramLogitsProcessor, TypicalLogitsWarper  # noqa: E402


@pytest.fixture(scope="module")
def model():
    """One that repeats itself: greedily it falls into a loop."""
    torch.manual_seed(0)
    model = GPT2(GPT2Config(vocab_size=29, context=64, d_model=16, n_layers=2, n_heads=2))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


@pytest.mark.parametrize("mass", [0.05, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_the_typical_set_is_hugging_faces(mass, spread):
    generator = torch.Generator().manual_seed(int(100 * mass))
    logits = spread * torch.randn(200, 500, generator=generator)
    theirs = TypicalLogitsWarper(mass)(None, logits)
    ours = next_token_probs(logits, typical_p=mass)
    assert torch.equal(ours > 0, theirs > -torch.inf)
    assert_close(ours, theirs.softmax(-1))


@pytest.mark.parametrize("mass", [0.05, 0.5, 0.9])
def test_ties_are_kept_as_by_hugging_face(mass):
    """Many tokens are equally probable, so many stand at the edge of the set together."""
    levels = torch.randint(4, (200, 60), generator=torch.Generator().manual_seed(3))
    logits = 0.7 * levels.float()
    ours = next_token_probs(logits, typical_p=mass)
    assert torch.equal(ours > 0, TypicalLogitsWarper(mass)(None, logits) > -torch.inf)
    for row, kept in zip(levels, ours > 0, strict=True):  # whole levels or none
        assert all(kept[row == level].unique().numel() < 2 for level in range(4))
    assert not bool((ours > 0).all())


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [1, 4, 40])
def test_blocked_tokens_are_hugging_faces(n, length):
    generator = torch.Generator().manual_seed(n)
    ids = torch.randint(4, (50, length), generator=generator)  # four ids: much comes again
    scores = torch.randn(50, 7, generator=generator)
    ours = block_repeated_ngrams(scores, ids, n)
    assert torch.equal(ours, NoRepeatNGramLogitsProcessor(n)(ids, scores))
    assert length < 2 or n > 3 or bool((ours == -torch.inf).any())


def ngrams(ids, n):
    return [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]


@pytest.mark.parametrize("n", [2, 3])
def test_no_ngram_is_written_twice(model, n):
    prompt = torch.randint(29, (3, 4), generator=torch.Generator().manual_seed(1))
    free = generate(model, prompt, 50, temperature=0)
    assert any(len(set(ngrams(row, n))) < len(ngrams(row, n)) for row in free.tolist())
    greedy = generate(model, prompt, 50, temperature=0, no_repeat_ngram=n)
    beams = beam_search(model, prompt, 50, n_beams=3, no_repeat_ngram=n).ids.flatten(0, 1)
    for row in (*greedy.tolist(), *beams.tolist()):
        assert len(set(ngrams(row, n))) == len(ngrams(row, n))


def test_beams_equal_hugging_face(model, tmp_path):
    from llm_nb.models.pretrained import save_pretrained

    save_pretrained(model, tmp_path)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    prompt = torch.randint(29, (4, 5), generator=torch.Generator().manual_seed(2))
    reference = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), num_beams=3, max_new_tokens=30,
        do_sample=False, no_repeat_ngram_size=2, repetition_penalty=1.2, eos_token_id=None,
        pad_token_id=0,
    )  # fmt: skip
    beams = beam_search(model, prompt, 30, n_beams=3, no_repeat_ngram=2, repetition_penalty=1.2)
    assert torch.equal(beams.ids[:, 0], reference)


def test_padding_is_in_no_ngram(model):
    prompts = [[0, 0, 0, 0, 0, 5], [3, 1], [7, 0, 7]]
    ids, mask = left_pad(prompts, pad=0)
    out = generate(model, ids, 20, attention_mask=mask, temperature=0, no_repeat_ngram=2)
    beams = beam_search(model, ids, 20, n_beams=2, attention_mask=mask, no_repeat_ngram=2).ids
    for row, prompt in enumerate(prompts):
        alone = torch.tensor([prompt])
        one = generate(model, alone, 20, temperature=0, no_repeat_ngram=2)
        assert torch.equal(out[row, 6:], one[0, len(prompt) :])
        searched = beam_search(model, alone, 20, n_beams=2, no_repeat_ngram=2).ids
        assert torch.equal(beams[row, 0, 6:], searched[0, 0, len(prompt) :])
    # Were padding counted, the third row's "7 0" and the padding's "0 0" would block the 0.
    scores = torch.zeros(3, 29)
    blocked = block_repeated_ngrams(scores, torch.tensor([[0, 0, 0]] * 3), 2, mask[:, :3])
    assert blocked[0, 0] == -torch.inf
    assert blocked[1, 0] == blocked[2, 0] == 0


def test_a_finished_row_is_filled_all_the_same(model):
    """What fills a row that has ended may repeat."""
    prompt = torch.randint(29, (2, 3), generator=torch.Generator().manual_seed(1))
    free = generate(model, prompt, 12, temperature=0, no_repeat_ngram=1)
    stop = int(free[0, 5])
    out = generate(model, prompt, 12, temperature=0, no_repeat_ngram=1, stop=stop)
    assert (out[0, 5:] == stop).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: block_repeated_ngrams(torch.zeros(1, 3), torch.zeros(1, 3), 0), "ngram is 0"),
        (
            lambda: block_repeated_ngrams(torch.zeros(1, 3), torch.tensor([[0, 2, 1]]), 1),
            "each of the 3 tokens would repeat",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
