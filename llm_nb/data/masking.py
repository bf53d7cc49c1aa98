"""Hiding words for BERT to guess (Devlin et al. 2019, section 3.1, task 1, and appendix C.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from llm_nb.data.batches import IGNORE


def mask_tokens(
    ids: Tensor,
    special_ids: Sequence[int],
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator,
    rate: float = 0.15,
) -> tuple[Tensor, Tensor]:
    """Choose tokens and hide them: 80 % become [MASK], 10 % a random token, 10 % stay.

    A network that only ever guessed at [MASK] would never meet one in fine-tuning; hence the
    other 20 %. Each token is chosen by itself, so the share of a row varies; the released code
    takes a fixed number a row instead.

    Args:
        ids: (B, T) token ids, left as they are.
        special_ids: tokens that are never chosen: [PAD], [CLS], [SEP] and their kind. Neither
            they nor [MASK] are drawn as the random token.
        mask_id: the id of [MASK].
        vocab_size: V; random tokens are drawn from 0 … V − 1.
        generator: the randomness, on the device of ``ids``.
        rate: the chance of a token to be chosen.

    Returns:
        The ids to feed, (B, T), and the labels, (B, T): the true id where a token was chosen,
        −100 elsewhere.

    Raises:
        ValueError: the rate is outside [0, 1], an id is outside the vocabulary, or the
            vocabulary has nothing but special tokens.
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate is {rate}: it is a chance, between 0 and 1")
    for name, given in (("mask_id", [mask_id]), ("special_ids", special_ids)):
        if wrong := [i for i in given if not 0 <= i < vocab_size]:
            raise ValueError(f"{name} has {wrong[0]}, outside the vocabulary of {vocab_size}")
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < vocab_size:
        raise ValueError(
            f"ids run from {int(ids.min())} to {int(ids.max())}, outside the vocabulary of {vocab_size}"
        )
    ordinary = torch.ones(vocab_size, dtype=torch.bool, device=ids.device)
    ordinary[[*special_ids, mask_id]] = False
    words = ordinary.nonzero().squeeze(1)  # what a random token is drawn from
    if not len(words):
        raise ValueError("every token is special: check special_ids and vocab_size")

    def draw() -> Tensor:
        return torch.rand(ids.shape, generator=generator, device=ids.device)

    may = ordinary[ids]
    chosen = (draw() < rate) & may
    fate = draw()
    hidden = chosen & (fate < 0.8)
    replaced = chosen & (fate >= 0.8) & (fate < 0.9)
    others = words[
        torch.randint(len(words), ids.shape, generator=generator, device=ids.device)
    ]  # (B, T)
    masked = torch.where(replaced, others, ids.masked_fill(hidden, mask_id))
    return masked, ids.masked_fill(~chosen, IGNORE)
