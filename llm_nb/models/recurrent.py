"""RNN, LSTM and GRU layers, written out, equal to torch's in weights and results.

    B batch · T steps · D input_size · H hidden_size · L num_layers
    x (B, T, D) → outputs of the top layer (B, T, H), final states (L, B, H)

``step`` runs one step by the equations of ``recurrent_cells``, ``forward`` a whole sequence, fast.
Parameters have the names, shapes and order of ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``
(``weight_ih_l0`` …, gates under one another), so ``load_state_dict`` works both ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_shares, check_sizes
from llm_nb.models.recurrent_cells import (
    Activation,
    States,
    Weights,
    gru_gates,
    gru_sequence,
    gru_step,
    lstm_gates,
    lstm_sequence,
    lstm_step,
    rnn_sequence,
    rnn_step,
)

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class RNN(nn.Module):
    """Elman's network; like ``nn.RNN(…, batch_first=True)``.

    Args:
        input_size: width D of the inputs.
        hidden_size: width H of the state.
        num_layers: layers on top of one another; each reads the outputs of the one below.
        nonlinearity: "tanh" or "relu".
        dropout: share of outputs dropped between layers, in training.

    Raises:
        ValueError: a size below 1, a dropout outside [0, 1), another nonlinearity.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity is {nonlinearity!r}: use 'tanh' or 'relu'")
        self.activation: Activation = torch.tanh if nonlinearity == "tanh" else torch.relu
        self.sizes = _Sizes(input_size, hidden_size, num_layers, dropout)
        self.sizes.add_parameters(self, n_gates=1)

    def step(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of all layers: x (B, D), h (L, B, H) → output (B, H), new h (L, B, H)."""

        def layer(x: Tensor, states: States, w: Weights) -> States:
            return (rnn_step(x[0], states[0], w, self.activation)[None],)

        output, (h,) = _run(self, layer, x[:, None], (h,))
        return output[:, 0], h

    def forward(
        self, x: Tensor, h: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x (B, T, D) → outputs of the top layer (B, T, H), final h (L, B, H).

        Args:
            h: initial state (L, B, H); zeros if left out.
            lengths: (B,) real steps of each row, the rest is padding on the right. Outputs there
                are zero, and the final state is that of each row's last real step.

        Raises:
            ValueError: a shape does not fit, or a length is not in 1 … T.
        """

        def layer(x: Tensor, states: States, w: Weights) -> States:
            return (rnn_sequence(x, states[0], w, self.activation),)

        output, (h,) = _run(self, layer, x, (h,), lengths)
        return output, h


class LSTM(nn.Module):
    """Long short-term memory; like ``nn.LSTM(…, batch_first=True)``. Arguments as in ``RNN``."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.sizes = _Sizes(input_size, hidden_size, num_layers, dropout)
        self.sizes.add_parameters(self, n_gates=4)

    def step(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One step: x (B, D), state (h, c), each (L, B, H) → output (B, H), new state."""

        def layer(x: Tensor, states: States, w: Weights) -> States:
            h, c = lstm_step(x[0], states[0], states[1], w)
            return h[None], c[None]

        output, (h, c) = _run(self, layer, x[:, None], state or (None, None))
        return output[:, 0], (h, c)

    def forward(
        self,
        x: Tensor,
        state: tuple[Tensor, Tensor] | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (B, T, D) → outputs (B, T, H), final (h, c); ``lengths`` and errors as in ``RNN``."""

        def layer(x: Tensor, states: States, w: Weights) -> States:
            return lstm_sequence(x, states[0], states[1], w)

        output, (h, c) = _run(self, layer, x, state or (None, None), lengths)
        return output, (h, c)

    @torch.no_grad()
    def gates(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> dict[str, Tensor]:
        """What every gate did: "i", "f", "g", "o", and "h", "c", each (L, B, T, H)."""
        seen: list[States] = []

        def layer(x: Tensor, states: States, w: Weights) -> States:
            h, c = lstm_sequence(x, states[0], states[1], w)
            before = torch.cat([states[0][None], h[:-1]])  # h_{t-1}
            seen.append((*lstm_gates(x, before, w), h, c))
            return h, c

        _run(self, layer, x, state or (None, None))
        return _by_name("ifgohc", seen)


class GRU(nn.Module):
    """Gated recurrent unit; like ``nn.GRU(…, batch_first=True)``. Arguments as in ``RNN``."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.sizes = _Sizes(input_size, hidden_size, num_layers, dropout)
        self.sizes.add_parameters(self, n_gates=3)

    def step(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of all layers: x (B, D), h (L, B, H) → output (B, H), new h (L, B, H)."""

        def layer(x: Tensor, states: States, w: Weights) -> States:
            return (gru_step(x[0], states[0], w)[None],)

        output, (h,) = _run(self, layer, x[:, None], (h,))
        return output[:, 0], h

    def forward(
        self, x: Tensor, h: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x (B, T, D) → outputs (B, T, H), final h; ``lengths`` and errors as in ``RNN``."""

        def layer(x: Tensor, states: States, w: Weights) -> States:
            return (gru_sequence(x, states[0], w),)

        output, (h,) = _run(self, layer, x, (h,), lengths)
        return output, h

    @torch.no_grad()
    def gates(self, x: Tensor, h: Tensor | None = None) -> dict[str, Tensor]:
        """What every gate did: "r", "z", "n", and the state "h", each (L, B, T, H)."""
        seen: list[States] = []

        def layer(x: Tensor, states: States, w: Weights) -> States:
            h = gru_sequence(x, states[0], w)
            before = torch.cat([states[0][None], h[:-1]])  # h_{t-1}
            seen.append((*gru_gates(x, before, w), h))
            return (h,)

        _run(self, layer, x, (h,))
        return _by_name("rznh", seen)


# ---- What the three share --------------------------------------------------------------------


@dataclass(frozen=True)
class _Sizes:
    input_size: int
    hidden_size: int
    num_layers: int
    dropout: float

    def __post_init__(self) -> None:
        check_sizes(self, "input_size", "hidden_size", "num_layers")
        check_shares(self, "dropout")

    def add_parameters(self, module: nn.Module, n_gates: int) -> None:
        """Torch's parameters in its order, each from U(-1/√H, 1/√H): one seed, one result."""
        rows, bound = n_gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        for layer in range(self.num_layers):
            columns = self.hidden_size if layer else self.input_size
            shapes = ((rows, columns), (rows, self.hidden_size), (rows,), (rows,))
            for name, shape in zip(_NAMES, shapes, strict=True):
                values = torch.empty(shape).uniform_(-bound, bound)
                module.register_parameter(f"{name}_l{layer}", nn.Parameter(values))


def _run(
    module: RNN | LSTM | GRU,
    layer: Callable[[Tensor, States, Weights], States],
    x: Tensor,
    states: tuple[Tensor | None, ...],
    lengths: Tensor | None = None,
) -> tuple[Tensor, States]:
    """All layers over x (B, T, D): outputs (B, T, H), and each of the final states (L, B, H)."""
    sizes = module.sizes
    first, last = _checked(sizes, x, states, lengths)
    x = x.transpose(0, 1).contiguous()  # (T, B, D): one step lies together
    rows, finals = torch.arange(x.size(1), device=x.device), list[list[Tensor]]()
    for k in range(sizes.num_layers):
        w = Weights(*(getattr(module, f"{name}_l{k}") for name in _NAMES))
        with torch.autocast(x.device.type, enabled=False):  # a rounded state errs more each step
            steps = layer(x.to(w.w_ih.dtype), tuple(state[k] for state in first), w)  # (T, B, H)
        finals.append([s[-1] if last is None else s[last, rows] for s in steps])
        x = steps[0]
        if k + 1 < sizes.num_layers:
            x = F.dropout(x, sizes.dropout, module.training)
    output = x.transpose(0, 1)
    if last is not None:
        output = output * (torch.arange(x.size(0), device=x.device) <= last[:, None])[..., None]
    return output, tuple(torch.stack(state) for state in zip(*finals, strict=True))


def _checked(
    sizes: _Sizes, x: Tensor, states: tuple[Tensor | None, ...], lengths: Tensor | None
) -> tuple[States, Tensor | None]:
    """The states, zeros where there are none, and the last real step of each row, (B,)."""
    if x.dim() != 3 or x.size(2) != sizes.input_size or 0 in x.shape:
        raise ValueError(
            f"the input has shape {tuple(x.shape)}, needed (batch, steps, {sizes.input_size}), none empty"
        )
    B, T, _ = x.shape
    shape = (sizes.num_layers, B, sizes.hidden_size)
    for state in states:
        if state is not None and state.shape != shape:
            raise ValueError(f"a state has shape {tuple(state.shape)}, needed {shape}")
    full = tuple(x.new_zeros(shape) if state is None else state for state in states)
    if lengths is None:
        return full, None
    if lengths.shape != (B,) or int(lengths.min()) < 1 or int(lengths.max()) > T:
        raise ValueError(
            f"lengths are {lengths.tolist()}: give one for each of the {B} rows, from 1 to {T}"
        )
    return full, lengths.to(x.device) - 1


def _by_name(names: str, seen: list[States]) -> dict[str, Tensor]:
    """Layer by layer, (T, B, H) each → name by name, (L, B, T, H) each."""
    stacked = (torch.stack(tensors).transpose(1, 2) for tensors in zip(*seen, strict=True))
    return dict(zip(names, stacked, strict=True))
