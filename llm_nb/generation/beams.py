"""Beam search: the continuation that is most probable as a whole.

B rows · K beams · T ids of a prompt · V vocabulary
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from llm_nb.generation.decoder import Decoder, check, extended
from llm_nb.generation.repetition import (
    block_repeated_ngrams,
    penalise_repetition,
    seen_tokens,
)
from llm_nb.models.modes import evaluating


class Beams(NamedTuple):
    """The hypotheses of a beam search, best first in every row."""

    ids: Tensor  # (B, K, T + new), padded after their ends
    scores: Tensor  # (B, K) log-probability / length ** length_penalty


@torch.inference_mode()
def beam_search(
    model: Decoder,
    prompt: Tensor,
    max_new_tokens: int,
    *,
    n_beams: int = 4,
    length_penalty: float = 1.0,
    early_stopping: bool = False,
    repetition_penalty: float = 1.0,
    no_repeat_ngram: int | None = None,
    stop: int | None = None,
    attention_mask: Tensor | None = None,
) -> Beams:
    """The continuations that the model finds most probable as a whole, K kept at every step.

    Every step extends each of K beams by each token and keeps the K best that go on; those that
    meet ``stop`` are finished. A finished continuation of n tokens is judged by its
    log-probability / n ** length_penalty (Wu et al. 2016, section 7, in the simple form that
    ``transformers`` uses, to whose ids this is held equal).

    Args:
        n_beams: K; 1 is greedy search.
        length_penalty: 0 judges by probability alone, which favours short texts; higher values
            favour longer ones.
        early_stopping: end a row at once when K continuations have finished; otherwise when
            the best that still runs is, at its present length, no better than they are.
        repetition_penalty, no_repeat_ngram: as in ``generate``, on log-probabilities.
        stop: the token that ends a continuation; it also pads the shorter ones (else 0 does).

    Returns:
        Prompt and continuations, best first.

    Raises:
        ValueError: as ``generate``; or fewer than one beam.
    """
    check(model, prompt, attention_mask, max_new_tokens)
    if n_beams < 1:
        raise ValueError(f"n_beams is {n_beams}: keep at least one beam")
    (B, T), K, device = prompt.shape, n_beams, prompt.device
    rows = torch.arange(B, device=device).repeat_interleave(K)  # (B K,) each prompt K times
    ids, scores = prompt[rows], torch.full((B, K), -1e9, device=device)
    scores[:, 0] = 0.0  # at first all beams of a row are equal: let only one of them run
    mask = None if attention_mask is None else extended(attention_mask, max_new_tokens)[rows]
    finished: list[list[tuple[float, Tensor]]] = [[] for _ in range(B)]
    done = [False] * B
    with evaluating(model):
        cache, new = model.new_cache(B * K, T + max_new_tokens), ids
        for n in range(1, max_new_tokens + 1):
            seen_mask = None if mask is None else mask[:, : T + n - 1]
            logits = model(new, seen_mask, cache)[:, -1]
            log_probs = logits.float().log_softmax(-1)  # (B K, V)
            if repetition_penalty != 1:
                seen = seen_tokens(ids, seen_mask, log_probs.size(-1))
                log_probs = penalise_repetition(log_probs, seen, repetition_penalty)
            if no_repeat_ngram is not None:
                log_probs = block_repeated_ngrams(log_probs, ids, no_repeat_ngram, seen_mask)
            V = log_probs.size(-1)
            totals = (scores[:, :, None] + log_probs.view(B, K, V)).view(B, K * V)
            # 2K candidates: even if K of them end here, K are left to go on.
            best, flat = totals.topk(min(2 * K, K * V), dim=1)  # (B, 2K)
            parents, tokens = rows.view(B, K)[:, :1] * K + flat // V, flat % V
            ending = tokens == (-1 if stop is None else stop)
            last = n == max_new_tokens
            for b in range(B):
                for i in range(K):  # only the K best candidates may finish
                    if not done[b] and (last or bool(ending[b, i])):
                        text = torch.cat([ids[parents[b, i]], tokens[b, i : i + 1]])
                        finished[b].append((float(best[b, i]) / n**length_penalty, text))
                finished[b] = sorted(finished[b], key=lambda pair: -pair[0])[:K]
            best = best.masked_fill(ending, -1e9)
            scores, kept = best.topk(K, dim=1)
            parents, tokens = parents.gather(1, kept).flatten(), tokens.gather(1, kept).view(-1, 1)
            ids, new = torch.cat([ids[parents], tokens], dim=1), tokens
            for b in range(B):
                if len(finished[b]) == K:
                    worst, hope = finished[b][-1][0], float(scores[b, 0]) / n**length_penalty
                    done[b] = done[b] or early_stopping or hope <= worst
            if last or all(done):
                break
            cache.reorder(parents)
    return _beams(finished, 0 if stop is None else stop)


def _beams(finished: list[list[tuple[float, Tensor]]], pad: int) -> Beams:
    K = max(map(len, finished))
    width = max(len(text) for row in finished for _, text in row)
    ids = finished[0][0][1].new_full((len(finished), K, width), pad)
    scores = torch.full((len(finished), K), -torch.inf)
    for b, row in enumerate(finished):
        for i, (score, text) in enumerate(row):
            ids[b, i, : len(text)], scores[b, i] = text, score
    return Beams(ids, scores)
