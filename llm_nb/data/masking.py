"""Hiding words for BERT to guess (Devlin et al. 2019, section 3.1, task 1, and appendix C.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from llm_nb.data.batches import IGNORE


def batch_generator(seed: int, n: int) -> torch.Generator:
    """A stream of random numbers of its own for batch ``n``; NumPy mixes it with the seed."""
    return torch.Generator().manual_seed(int(np.random.default_rng((seed, n, 1)).integers(2**31)))


def mask_tokens(
    ids: Tensor,
    special_ids: Sequence[int],
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator,
    rate: float = 0.15,
    word_ids: Tensor | None = None,
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
        word_ids: (B, T), the word that each token is a piece of, −1 at special tokens. With it the
            pieces of a word are chosen all or none, as in the later release of BERT ("whole word
            masking"); what becomes of a chosen piece is still drawn for each.

    Returns:
        The ids to feed, (B, T), and the labels, (B, T): the true id where a token was chosen,
        −100 elsewhere.

    Raises:
        ValueError: the rate is outside [0, 1], an id is outside the vocabulary, or the
            vocabulary has nothing but special tokens, or ``word_ids`` has another shape.
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
    luck = draw()
    if word_ids is not None:
        luck = luck.gather(1, _first_pieces(word_ids, ids))
    chosen = (luck < rate) & may
    fate = draw()
    hidden = chosen & (fate < 0.8)
    replaced = chosen & (fate >= 0.8) & (fate < 0.9)
    others = words[
        torch.randint(len(words), ids.shape, generator=generator, device=ids.device)
    ]  # (B, T)
    masked = torch.where(replaced, others, ids.masked_fill(hidden, mask_id))
    return masked, ids.masked_fill(~chosen, IGNORE)


def _first_pieces(word_ids: Tensor, ids: Tensor) -> Tensor:
    """Where the word of each token begins, (B, T)."""
    if word_ids.shape != ids.shape:
        raise ValueError(
            f"word_ids has shape {tuple(word_ids.shape)}, needed {tuple(ids.shape)}, that of ids"
        )
    begins = torch.ones_like(word_ids, dtype=torch.bool)
    begins[:, 1:] = (word_ids[:, 1:] != word_ids[:, :-1]) | (word_ids[:, 1:] < 0)
    places = torch.arange(ids.size(1), device=ids.device).expand_as(ids)
    return places.masked_fill(~begins, 0).cummax(1).values
