"""Against repetition: scores of what was said before are lowered, or ruled out.

B rows · T ids · V vocabulary
"""

from __future__ import annotations

import torch
from torch import Tensor


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


def block_repeated_ngrams(
    scores: Tensor, ids: Tensor, n: int, mask: Tensor | None = None
) -> Tensor:
    """Scores (B, V) with −∞ for each token that would repeat an n-gram of its row.

    No n tokens in a row are written twice (Paulus et al. 2018, section 2.5, who never repeat a
    trigram in beam search). The prompt counts too.

    Args:
        ids: (B, T), all that the row has so far.
        n: 1 forbids every token that was there.
        mask: (B, T), 0 at padding, which counts in no n-gram.

    Raises:
        ValueError: n is below 1, or nothing is left to choose from.
    """
    if n < 1:
        raise ValueError(f"no_repeat_ngram is {n}: use 1 or more, or None for none")
    T, V = ids.size(1), scores.size(-1)
    if n > T:
        return scores  # no n-gram is complete
    windows = ids.unfold(1, n, 1)  # (B, T - n + 1, n)
    repeated = (windows[:, :, :-1] == ids[:, None, T - n + 1 :]).all(-1)  # the last n - 1 again
    if mask is not None:
        repeated &= mask.unfold(1, n, 1).bool().all(-1)
    blocked = torch.zeros(ids.size(0), V + 1, dtype=torch.bool, device=ids.device)
    # A window that is no repetition marks a spare column, so that it cannot clear another's mark.
    blocked.scatter_(1, torch.where(repeated, windows[:, :, -1], V), True)
    if bool(blocked[:, :V].all(-1).any()):
        raise ValueError(
            f"each of the {V} tokens would repeat an n-gram of {n}: raise no_repeat_ngram or "
            "write fewer tokens"
        )
    return scores.masked_fill(blocked[:, :V], -torch.inf)
