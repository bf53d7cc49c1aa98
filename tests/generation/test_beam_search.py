"""Beam search: Hugging Face's ids, exhaustive search, bad input."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from llm_nb.generation import beam_search, generate, left_pad
from llm_nb.models.gpt2 import GPT2, GPT2Config

transformers = pytest.importorskip("transformers")


def pair(seed, vocab=61, std=0.5):
    """Our model and Hugging Face's with the same weights."""
    torch.manual_seed(seed)
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=vocab, n_positions=48, n_embd=16, n_layer=2, n_head=2, eos_token_id=None
        )
    ).eval()
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=std)
    return as_ours(theirs, GPT2Config(vocab, 48, 16, 2, 2)), theirs


def as_ours(theirs, config):
    from llm_nb.models.pretrained import from_hugging_face

    ours = GPT2(config)
    ours.load_state_dict(from_hugging_face(theirs.state_dict(), GPT2, config))
    return ours.eval()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.0, -1.0])
def test_ids_and_scores_equal_hugging_face(seed, early, length_penalty):
    ours, theirs = pair(seed)
    prompt = torch.randint(1, 61, (3, 5), generator=torch.Generator().manual_seed(seed))
    # The token that the model itself writes most often ends some hypotheses early.
    stop = int(generate(ours, prompt, 12, temperature=0)[:, 5:].flatten().mode().values)
    n_beams, penalty = 2 + seed % 4, [1.0, 1.3][seed % 2]
    out = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), num_beams=n_beams, max_new_tokens=12,
        do_sample=False, early_stopping=early, length_penalty=length_penalty,
        repetition_penalty=penalty, eos_token_id=stop, pad_token_id=stop,
        num_return_sequences=n_beams, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    beams = beam_search(
        ours, prompt, 12, n_beams=n_beams, early_stopping=early, length_penalty=length_penalty,
        repetition_penalty=penalty, stop=stop,
    )  # fmt: skip
    assert torch.equal(beams.ids.flatten(0, 1), out.sequences)
    assert_close(beams.scores.flatten(), out.sequences_scores, atol=1e-4, rtol=1e-4)


def test_uneven_prompts_equal_hugging_face_and_each_prompt_alone():
    ours, theirs = pair(3)
    prompts = [[5, 9, 2], [7], [1, 2, 3, 4, 5, 6]]
    ids, mask = left_pad(prompts, pad=0)
    reference = theirs.generate(
        ids, attention_mask=mask, num_beams=3, max_new_tokens=10, do_sample=False, pad_token_id=0
    )
    beams = beam_search(ours, ids, 10, n_beams=3, attention_mask=mask)
    assert torch.equal(beams.ids[:, 0], reference)
    for row, prompt in enumerate(prompts):
        alone = beam_search(ours, torch.tensor([prompt]), 10, n_beams=3)
        assert torch.equal(beams.ids[row, 0, 6:], alone.ids[0, 0, len(prompt) :])


def test_with_as_many_beams_as_texts_it_finds_the_most_probable_text():
    """Five tokens, three steps: 125 continuations, all of which can be looked at."""
    ours, _ = pair(7, vocab=5)
    prompt = torch.tensor([[1, 4]])
    every = torch.tensor(list(itertools.product(range(5), repeat=3)))
    with torch.no_grad():
        logits = ours(torch.cat([prompt.expand(125, -1), every], 1))
    log_probs = logits[:, 1:4].log_softmax(-1).gather(2, every[:, :, None]).sum((1, 2))
    beams = beam_search(ours, prompt, 3, n_beams=25, length_penalty=0.0)
    assert beams.ids[0, 0, 2:].tolist() == every[log_probs.argmax()].tolist()
    assert_close(beams.scores[0, 0], log_probs.max())
    # All 25 that it returns are the 25 best.
    assert_close(beams.scores[0], log_probs.topk(25).values)


def test_one_beam_is_greedy_search():
    ours, _ = pair(2)
    prompt = torch.randint(61, (4, 5))
    greedy = generate(ours, prompt, 15, temperature=0)
    assert torch.equal(beam_search(ours, prompt, 15, n_beams=1).ids[:, 0], greedy)


def test_more_beams_find_a_text_at_least_as_probable():
    """Not a theorem, but true of these models, and false of a search that forgets its cache."""
    for seed in range(5):
        ours, _ = pair(seed)
        prompt = torch.randint(61, (2, 4), generator=torch.Generator().manual_seed(seed))
        scores = [
            beam_search(ours, prompt, 10, n_beams=k, length_penalty=0.0).scores[:, 0]
            for k in (1, 8)
        ]
        assert (scores[1] >= scores[0] - 1e-5).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_beams": 0}, "n_beams is 0"),
        ({"max_new_tokens": 60}, "over the context of 48"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"prompt": torch.zeros(0, 3, dtype=torch.long)}, "prompt is empty"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is 0"),
        ({"attention_mask": torch.ones(1, 9)}, "attention_mask"),
    ],
)
def test_bad_input_is_one_clear_sentence(options, message):
    ours, _ = pair(0)
    arguments = {"prompt": torch.tensor([[1]]), "max_new_tokens": 4} | options
    with pytest.raises(ValueError, match=message):
        beam_search(ours, **arguments)
