"""Text from a language model: temperature, top-k and top-p sampling over a key–value cache."""

from __future__ import annotations

import torch
from torch import Tensor

from llm_nb.models.gpt2 import GPT2, KVCache


def next_token_probs(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """The distribution that is sampled from, shape (B, V), given logits (B, V).

    Args:
        temperature: logits are divided by it; 0 puts everything on the largest (greedy).
        top_k: keep the k most probable tokens (Fan et al. 2018, section 5.1).
        top_p: keep the smallest set of most probable tokens whose probability reaches p, the
            nucleus (Holtzman et al. 2020, section 3.1); applied after ``top_k``.

    Ties at a threshold are broken by id, so exactly k tokens remain.
    """
    if temperature < 0:
        raise ValueError(f"temperature is {temperature}: use 0 for greedy, or a positive number")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}: keep at least 1 token, or None for all")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}: it must be in (0, 1], or None for all")
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    probs, order = (
        (logits.float() / temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
    )
    if top_k is not None:
        probs[:, top_k:] = 0
        probs = probs / probs.sum(-1, keepdim=True)
    if top_p is not None:
        before = probs.cumsum(-1) - probs  # the probability of all that is more probable
        probs = probs.masked_fill(before >= top_p, 0)
        probs = probs / probs.sum(-1, keepdim=True)
    return torch.zeros_like(probs).scatter(-1, order, probs)


@torch.inference_mode()
def generate(
    model: GPT2,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue each row of ``prompt`` (B, T) by up to ``max_new_tokens`` sampled tokens.

    Args:
        stop: a token that ends a row; the rest of a finished row is filled with it.
        generator: CPU generator of the draws, so that a text can be drawn again.

    Returns:
        (B, T + new): prompt and continuation; shorter when every row has met ``stop``.

    Raises:
        ValueError: the prompt is empty, or it and the new tokens are over the context.
    """
    B, T = prompt.shape
    if T == 0:
        raise ValueError("the prompt is empty: begin with at least one token, e.g. <|endoftext|>")
    if T + max_new_tokens > model.config.context:
        raise ValueError(
            f"a prompt of {T} tokens and {max_new_tokens} new ones are over the context of "
            f"{model.config.context}: shorten the prompt or ask for fewer"
        )
    was_training = model.training
    model.eval()
    ids, done = prompt, torch.zeros(B, dtype=torch.bool, device=prompt.device)
    cache = KVCache(model.config, B, model.wte.weight)
    new = prompt
    for _ in range(max_new_tokens):
        logits = model(new, cache=cache)[:, -1]  # (B, V)
        probs = next_token_probs(logits, temperature, top_k, top_p)
        new = torch.multinomial(probs.cpu(), 1, generator=generator).to(prompt.device)  # (B, 1)
        if stop is not None:
            new = new.masked_fill(done[:, None], stop)
            done = done | (new[:, 0] == stop)
        ids = torch.cat([ids, new], dim=1)
        if stop is not None and bool(done.all()):
            break
    model.train(was_training)
    return ids
