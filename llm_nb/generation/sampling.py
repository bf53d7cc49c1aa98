"""From logits to the next token: greedy, temperature, top-k, top-p, repetition penalty.

B rows · T ids of a prompt · V vocabulary
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from llm_nb.generation.decoder import Decoder, check, extended
from llm_nb.models.modes import evaluating


def next_token_probs(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """The distribution that is sampled from, shape (B, V), given logits (B, V).

    Args:
        temperature: logits are divided by it; 0 puts everything on the largest (greedy).
        top_k: keep the k most probable tokens (Fan et al. 2018, section 5.1).
        top_p: keep the smallest set of most probable tokens whose probability reaches p, the
            nucleus (Holtzman et al. 2020, section 3.1); applied after ``top_k``.

    With ties at a threshold exactly k tokens remain.
    """
    if temperature < 0:
        raise ValueError(f"temperature is {temperature}: use 0 for greedy, or a positive number")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}: keep at least 1 token, or None for all")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}: it must be in (0, 1], or None for all")
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    scaled = logits.float() / temperature
    if top_k is None and top_p is None:
        return scaled.softmax(-1)
    # Sorting the whole vocabulary costs as much as a small model's step: only top-p needs it.
    kept, order = scaled.topk(min(top_k or scaled.size(-1), scaled.size(-1)), dim=-1)
    probs = kept.softmax(-1)
    if top_p is not None:
        before = probs.cumsum(-1) - probs  # the probability of all that is more probable
        probs = probs.masked_fill(before >= top_p, 0)
        probs = probs / probs.sum(-1, keepdim=True)
    return torch.zeros_like(scaled).scatter(-1, order, probs)


def penalise_repetition(scores: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Scores (B, V) with those of the tokens already ``seen`` (B, V) made smaller.

    A positive score is divided by ``penalty``, a negative one multiplied, so that both fall
    (Keskar et al. 2019, section 4.1, who suggest 1.2; 1 changes nothing).
    """
    if penalty <= 0:
        raise ValueError(f"repetition_penalty is {penalty}: use 1 for none, or more")
    return torch.where(seen, torch.where(scores > 0, scores / penalty, scores * penalty), scores)


def seen_tokens(ids: Tensor, mask: Tensor | None, vocab_size: int) -> Tensor:
    """(B, V) booleans, True for the tokens that stand in ids (B, T); padding does not count."""
    real = torch.ones_like(ids) if mask is None else mask.long()
    counts = torch.zeros(ids.size(0), vocab_size, dtype=torch.long, device=ids.device)
    return counts.scatter_add_(1, ids, real) > 0


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
    repetition_penalty: float = 1.0,
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
            ``next_token_probs`` and ``penalise_repetition``.
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
            if temperature == 0:
                new = logits.argmax(-1, keepdim=True)  # (B, 1)
            else:
                probs = next_token_probs(logits, temperature, top_k, top_p)
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
