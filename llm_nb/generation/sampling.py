"""From logits to the next token: greedy, temperature, top-k, top-p, typical.

B rows · T ids of a prompt · V vocabulary
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from llm_nb.generation.decoder import Decoder, check, extended
from llm_nb.generation.repetition import (
    block_repeated_ngrams,
    penalise_repetition,
    seen_tokens,
)
from llm_nb.models.modes import evaluating


def next_token_probs(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    typical_p: float | None = None,
) -> Tensor:
    """The distribution that is sampled from, shape (B, V), given logits (B, V).

    Args:
        temperature: logits are divided by it; 0 puts everything on the largest (greedy).
        top_k: keep the k most probable tokens (Fan et al. 2018, section 5.1).
        top_p: keep the smallest set of most probable tokens whose probability reaches p, the
            nucleus (Holtzman et al. 2020, section 3.1); applied after ``top_k``.
        typical_p: keep the tokens whose surprise −log p is nearest to the entropy H, as few as
            reach this probability (locally typical sampling, Meister et al. 2023); applied last,
            with H of what is left. It can drop the most probable token.

    With ties at a threshold exactly k tokens remain; ``typical_p`` keeps all that are equally near,
    as ``transformers`` does.
    """
    if temperature < 0:
        raise ValueError(f"temperature is {temperature}: use 0 for greedy, or a positive number")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}: keep at least 1 token, or None for all")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}: it must be in (0, 1], or None for all")
    if typical_p is not None and not 0 < typical_p <= 1:
        raise ValueError(f"typical_p is {typical_p}: it must be in (0, 1], or None for all")
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    scaled = logits.float() / temperature
    if top_k is None and top_p is None:
        return _typical(scaled, scaled.softmax(-1), typical_p)
    # Sorting the whole vocabulary costs as much as a small model's step: only top-p needs it.
    kept, order = scaled.topk(min(top_k or scaled.size(-1), scaled.size(-1)), dim=-1)
    probs = kept.softmax(-1)
    if top_p is not None:
        before = probs.cumsum(-1) - probs  # the probability of all that is more probable
        probs = probs.masked_fill(before >= top_p, 0)
        probs = probs / probs.sum(-1, keepdim=True)
    return _typical(scaled, torch.zeros_like(scaled).scatter(-1, order, probs), typical_p)


def _typical(scaled: Tensor, probs: Tensor, mass: float | None) -> Tensor:
    """probs (B, V), of logits ``scaled``, with what is outside the typical set at 0."""
    if mass is None or mass == 1:
        return probs
    # From the logits, whose differences are exact where probabilities are tiny or all but alike.
    logs = scaled.masked_fill(probs == 0, -torch.inf).log_softmax(-1)  # (B, V)
    entropy = -(logs.exp() * logs).nansum(-1, keepdim=True)  # (B, 1), in nats; 0 ln 0 counts 0
    distance = (-logs - entropy).abs()  # (B, V), infinite where p is 0
    near, order = distance.sort(-1)
    inside = (logs.gather(-1, order).exp().cumsum(-1) < mass).sum(-1, keepdim=True)  # (B, 1)
    farthest = near.gather(-1, inside.clamp(max=near.size(-1) - 1))  # of those that are needed
    return logs.masked_fill(distance > farthest, -torch.inf).softmax(-1)


@torch.inference_mode()
def generate(
    model: Decoder,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    attention_mask: Tensor | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    typical_p: float | None = None,
    repetition_penalty: float = 1.0,
    no_repeat_ngram: int | None = None,
    stop: int | Sequence[int] | None = None,
    stop_strings: Sequence[str] = (),
    decode: Callable[[list[int]], str] | None = None,
    streamer: Callable[[Tensor], object] | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue each row of ``prompt`` (B, T) by up to ``max_new_tokens`` tokens.

    Args:
        attention_mask: (B, T), 0 at padding on the left: see ``left_pad``.
        temperature: 0 takes the most probable token each time; the dials are described at
            ``next_token_probs``. Before them come ``penalise_repetition`` and then
            ``block_repeated_ngrams``.
        stop: the token, or tokens, that end a row. The rest of a finished row is filled with
            the (first) stop token, or with 0 where there is none.
        stop_strings: texts that end a row as soon as its continuation holds one of them.
        decode: the text of some ids, ``tokenizer.decode``; stop strings need it.
        streamer: called after each step with the new ids (B,), for example a ``TextStreamer``.
        generator: CPU generator of the draws, so that a text can be drawn again.

    Returns:
        (B, T + new): prompt and continuation; shorter when every row has ended.

    Raises:
        ValueError: the prompt is empty, it and the new tokens are over the context, or an
            option is out of its range.
    """
    check(model, prompt, attention_mask, max_new_tokens)
    if stop_strings and (decode is None or "" in stop_strings):
        raise ValueError("stop_strings must not be empty texts, and need decode=tokenizer.decode")
    (B, T), device = prompt.shape, prompt.device
    ends = torch.tensor([stop] if isinstance(stop, int) else list(stop or []), device=device)
    fill = int(ends[0]) if len(ends) else 0
    may_end = bool(len(ends) or stop_strings)
    ids = torch.cat([prompt, prompt.new_full((B, max_new_tokens), fill)], dim=1)
    mask = None if attention_mask is None else extended(attention_mask, max_new_tokens)
    done = torch.zeros(B, dtype=torch.bool, device=device)
    seen: Tensor | None = None
    with evaluating(model):
        cache, new, end = model.new_cache(B, T + max_new_tokens), prompt, T
        while end < T + max_new_tokens and not (may_end and bool(done.all())):
            logits = model(new, None if mask is None else mask[:, :end], cache)[:, -1]  # (B, V)
            if repetition_penalty != 1:
                seen = (
                    seen_tokens(prompt, attention_mask, logits.size(-1)) if seen is None else seen
                )
                logits = penalise_repetition(logits, seen, repetition_penalty)
            if no_repeat_ngram is not None:
                seen_mask = None if mask is None else mask[:, :end]
                logits = block_repeated_ngrams(logits, ids[:, :end], no_repeat_ngram, seen_mask)
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)  # (B, 1)
            else:
                probs = next_token_probs(logits, temperature, top_k, top_p, typical_p)
                new = torch.multinomial(probs.cpu(), 1, generator=generator).to(device)
            new = new.masked_fill(done[:, None], fill)
            ids[:, end : end + 1], end = new, end + 1
            if seen is not None:
                seen.scatter_(1, new, True)
            if streamer is not None:
                streamer(new[:, 0])
            if len(ends):
                done = done | torch.isin(new[:, 0], ends)
            if stop_strings and decode is not None:
                done = done | _has_string(ids[:, T:end], stop_strings, decode)
    return ids[:, :end]


def _has_string(new: Tensor, strings: Sequence[str], decode: Callable[[list[int]], str]) -> Tensor:
    """(B,) booleans: the row's text holds a stop string. Every token is at least one byte, so
    only the last tokens, as many as the longest string has bytes, can have completed one."""
    tail = max(len(string.encode()) for string in strings)
    texts = [decode(row) for row in new[:, -tail:].tolist()]
    return torch.tensor([any(s in text for s in strings) for text in texts], device=new.device)
