"""Where a token stands, as a vector added to its own (Vaswani et al. 2017, section 3.5).

T positions · C = d_model. Attention itself sees a set, not a sequence: without these, a
sentence and its words in any other order would be the same to it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_range

_REMEDY = "shorten the sequence, or build the model with more positions"


def sinusoids(n_positions: int, d_model: int) -> Tensor:
    """The table (T, C) of section 3.5, float32:

        PE(t, 2i) = sin(t / 10000^(2i/C))      PE(t, 2i+1) = cos(t / 10000^(2i/C))

    Each pair of columns is a hand turning at its own rate, from 1 radian a position to about
    1/10000, so that k positions further on is one fixed rotation of every pair, wherever it starts.

    Raises:
        ValueError: no position is asked for, or the width is odd and has no pairs.
    """
    if n_positions < 1:
        raise ValueError(f"n_positions is {n_positions}: it must be at least 1")
    if d_model < 2 or d_model % 2:
        raise ValueError(
            f"d_model is {d_model}: sines and cosines come in pairs, choose an even width"
        )
    # In float64: with float32 angles, 5001 positions of width 512 are off by up to 4e-4.
    pairs = torch.arange(0, d_model, 2, dtype=torch.float64)  # (C / 2,)
    rates = torch.exp(pairs * (-math.log(10000.0) / d_model))
    angles = torch.arange(n_positions, dtype=torch.float64)[:, None] * rates  # (T, C / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()


class SinusoidalPositions(nn.Module):
    """Position vectors that need no training, for positions 0 … n_positions - 1."""

    table: Tensor  # (n_positions, C)

    def __init__(self, n_positions: int, d_model: int) -> None:
        super().__init__()
        # A constant of the sizes: it moves with the model and is not saved with it.
        self.register_buffer("table", sinusoids(n_positions, d_model), persistent=False)

    def forward(self, positions: Tensor) -> Tensor:
        """Integers of any shape (…) → (…, C).

        Raises:
            ValueError: a position is outside the table.
        """
        check_range("position", positions, self.table.size(0), _REMEDY)
        return F.embedding(positions, self.table)


class LearnedPositions(nn.Module):
    """A trained vector for each of n_positions (Gehring et al. 2017, section 3.1; row E of
    Vaswani's table 3); there is none beyond them."""

    def __init__(self, n_positions: int, d_model: int, std: float = 0.02) -> None:
        super().__init__()
        if n_positions < 1:
            raise ValueError(f"n_positions is {n_positions}: it must be at least 1")
        self.weight = nn.Parameter(torch.empty(n_positions, d_model))
        nn.init.normal_(self.weight, std=std)

    def forward(self, positions: Tensor) -> Tensor:
        """Integers of any shape (…) → (…, C).

        Raises:
            ValueError: a position is outside the table.
        """
        check_range("position", positions, self.weight.size(0), _REMEDY)
        return F.embedding(positions, self.weight)
