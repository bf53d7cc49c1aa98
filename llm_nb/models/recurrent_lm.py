"""A recurrent language model (Mikolov et al. 2010; with LSTM, Zaremba et al. 2014).

ids (B, T) → token vectors (B, T, E) → L recurrent layers (B, T, H) → logits (B, T, V)

B batch · T steps · E = d_embed · H = d_hidden · L = n_layers · V = vocab_size

The layers are torch's built-in ones; ``recurrent.py`` has the same written out, and the weights
of ``rnn`` load there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.checks import check_ids, check_shares, check_sizes
from llm_nb.models.chunked_loss import vocabulary_loss

State = Tensor | tuple[Tensor, Tensor]  # h, or of an LSTM (h, c), each (L, B, H)

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class RecurrentLMConfig:
    """Sizes of a recurrent language model; ``tied``: the output layer uses the token vectors."""

    vocab_size: int
    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    d_embed: int = 256
    d_hidden: int = 256
    n_layers: int = 2
    dropout: float = 0.1
    tied: bool = False

    def __post_init__(self) -> None:
        if self.cell not in _CELLS:
            raise ValueError(f"cell is {self.cell!r}: use one of {', '.join(map(repr, _CELLS))}")
        check_sizes(self, "vocab_size", "d_embed", "d_hidden", "n_layers")
        check_shares(self, "dropout")
        if self.tied and self.d_embed != self.d_hidden:
            raise ValueError(
                f"tied vectors need one width, but d_embed is {self.d_embed} and d_hidden {self.d_hidden}: "
                "make them equal, or leave tied=False"
            )


class RecurrentLM(nn.Module):
    """The whole model. Dropout stands on token vectors and on every layer's outputs, never on
    the path from step to step (Zaremba et al. 2014, section 3.1)."""

    def __init__(self, config: RecurrentLMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_embed)
        self.rnn = _CELLS[config.cell](
            config.d_embed,
            config.d_hidden,
            config.n_layers,
            batch_first=True,
            dropout=config.dropout if config.n_layers > 1 else 0.0,  # torch warns at 1 layer
        )
        self.head = nn.Linear(config.d_hidden, config.vocab_size)
        if config.tied:
            self.head.weight = self.embedding.weight
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Vectors of length about 1; Glorot input and orthogonal recurrent matrices, gate by gate
        (Glorot & Bengio 2010; Saxe et al. 2014); biases 0, but an LSTM's forget gate starts open,
        at bias 1 (Gers et al. 2000; Jozefowicz et al. 2015)."""
        H = self.config.d_hidden
        nn.init.normal_(self.head.weight, std=H**-0.5)
        nn.init.normal_(self.embedding.weight, std=self.config.d_embed**-0.5)
        nn.init.zeros_(self.head.bias)
        for name, weight in self.rnn.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(weight)
                if self.config.cell == "lstm" and name.startswith("bias_ih"):
                    nn.init.ones_(weight[H : 2 * H].detach())  # gates: input, forget, …
                continue
            for gate in weight.detach().split(H):  # (H, ·) each
                if name.startswith("weight_hh"):
                    nn.init.orthogonal_(gate)
                else:
                    nn.init.xavier_uniform_(gate)

    def forward(self, ids: Tensor) -> Tensor:
        """Next-token logits (B, T, V) of ids (B, T), from a state of zeros; errors as ``advance``."""
        return self.advance(ids)[0]

    def advance(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Read on from ``state``: the next-token logits, and the state after the last token.

        Args:
            ids: (B, T) token ids.
            state: what an earlier call returned; zeros if left out.

        Returns:
            logits (B, T, V), and the state: h (L, B, H), of an LSTM (h, c).

        Raises:
            ValueError: there are no ids, some are outside the vocabulary, or the state is of
                another batch size or model.
        """
        y, state = self._body(ids, state)
        return self.head(y), state

    def _body(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """All but the output layer, (B, T, H)."""
        self._check(ids, state)
        x = F.dropout(self.embedding(ids), self.config.dropout, self.training)  # (B, T, E)
        y, state = self.rnn(x, state)  # (B, T, H)
        return F.dropout(y, self.config.dropout, self.training), state

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean cross-entropy, in nats, of (ids, targets), both (B, T); target −100 is left out."""
        return self.loss_from(batch)[0]

    def loss_from(
        self, batch: tuple[Tensor, Tensor], state: State | None = None
    ) -> tuple[Tensor, State]:
        """The loss when reading on from ``state``, and the state after it, cut off from the graph.

        Passing that on to the next batch is truncated backpropagation through time (Williams &
        Peng 1990): the model hears from before the batch, the gradient does not go there.
        """
        ids, targets = batch
        if targets.shape != ids.shape:
            raise ValueError(
                f"targets have shape {tuple(targets.shape)}, ids {tuple(ids.shape)}: they must agree"
            )
        y, state = self._body(ids, state)
        loss = vocabulary_loss(y.flatten(0, 1), self.head.weight, targets.flatten(), self.head.bias)
        return loss, _detached(state)

    def _check(self, ids: Tensor, state: State | None) -> None:
        config = self.config
        check_ids(ids, config.vocab_size)
        if state is None:
            return
        if isinstance(state, tuple) != (config.cell == "lstm"):
            needed = "(h, c)" if config.cell == "lstm" else "one tensor h"
            raise ValueError(
                f"the state of a {config.cell} is {needed}: pass what advance returned"
            )
        shape = (config.n_layers, ids.size(0), config.d_hidden)
        for part in state if isinstance(state, tuple) else (state,):
            if part.shape != shape:
                raise ValueError(
                    f"the state has shape {tuple(part.shape)}, needed {shape}: "
                    "start from None where the batch changes"
                )


class TruncatedBPTT(nn.Module):
    """Training with the state carried over: each ``loss`` reads on from where the last one ended.

    To the ``Trainer`` it is a model like any other. Batches must follow one another row by row,
    as those of ``parallel_streams`` do; ``reset`` starts from zeros again.
    """

    def __init__(self, model: RecurrentLM) -> None:
        super().__init__()
        self.model = model
        self.state: State | None = None

    def reset(self) -> None:
        """Forget what was read."""
        self.state = None

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """As ``RecurrentLM.loss``, after all batches since the last ``reset``."""
        loss, self.state = self.model.loss_from(batch, self.state)
        return loss


def _detached(state: State) -> State:
    return (state[0].detach(), state[1].detach()) if isinstance(state, tuple) else state.detach()
