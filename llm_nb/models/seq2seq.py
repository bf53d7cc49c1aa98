"""An LSTM that reads and an LSTM that writes, with additive attention between them
(Bahdanau, Cho & Bengio 2015, sections 3.1, 3.2 and A.1.2).

source (B, S) → vectors → LSTM in both directions → annotations h_1 … h_S (B, S, 2H)
target (B, T) → step by step: attention of s_{i-1} over the h_j → context c_i → s_i → logits (B, T, V)

B batch · S, T source and target positions · E = d_embed · H = d_hidden, one direction's width and
the decoder's · A = d_attention · V target vocabulary

The paper's units are gated ones (Cho et al. 2014), here they are LSTMs; its output layer is a
maxout of s_{i-1}, y_{i-1} and c_i, here it is a tanh of s_i, y_{i-1} and c_i.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from llm_nb.models.checks import check_ids, check_shares, check_sizes
from llm_nb.models.modes import evaluating
from llm_nb.models.seq2seq_decoding import Continued, State


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes of an encoder–decoder of LSTMs; ``pad`` is the id of padding in both languages."""

    source_vocab_size: int
    target_vocab_size: int
    d_embed: int = 128
    d_hidden: int = 128
    d_attention: int = 128
    dropout: float = 0.1
    label_smoothing: float = 0.1
    pad: int = 0

    def __post_init__(self) -> None:
        check_sizes(self, "source_vocab_size", "target_vocab_size")
        check_sizes(self, "d_embed", "d_hidden", "d_attention")
        check_shares(self, "dropout", "label_smoothing")
        if not 0 <= self.pad < min(self.source_vocab_size, self.target_vocab_size):
            raise ValueError(f"pad is {self.pad}: it must be an id of both vocabularies")


class Annotations(NamedTuple):
    """What the decoder looks at, computed once for a source."""

    values: Tensor  # (B, S, 2H) h_j, both directions side by side; zeros at padding
    keys: Tensor  # (B, S, A) U_a h_j
    mask: Tensor  # (B, S) True at real tokens
    first: Tensor  # (B, H) the decoder's first state

    def rows(self, index: Tensor) -> Annotations:
        """Those of rows ``index``; a row may stand in it several times, or not at all."""
        return Annotations(*(part[index] for part in self))


class Decoded(NamedTuple):
    """What a stretch of the target gave."""

    logits: Tensor  # (B, T, V) of the token after each
    weights: Tensor  # (B, T, S) where the decoder looked for it
    state: State  # (s, c) after the last token, each (B, H)


class AdditiveAttention(nn.Module):
    """e_ij = v_aᵀ tanh(W_a s_{i-1} + U_a h_j), α_ij = softmax_j e_ij (section A.1.2).

    Args:
        d_state: width of s.
        d_value: width of the h_j.
        d_attention: width A of the hidden layer.
    """

    def __init__(self, d_state: int, d_value: int, d_attention: int) -> None:
        super().__init__()
        self.W = nn.Linear(d_state, d_attention, bias=False)
        self.U = nn.Linear(d_value, d_attention, bias=False)
        self.v = nn.Linear(d_attention, 1, bias=False)

    def forward(self, s: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Weights α (B, S) of s (B, d_state) over ``keys`` = U h (B, S, A); 0 where mask is False."""
        e = self.v((self.W(s)[:, None] + keys).tanh())[..., 0]  # (B, S)
        return e.masked_fill(~mask, -torch.inf).softmax(-1)


class Seq2Seq(nn.Module):
    """The whole model. Padding stands on the right; dropout on token vectors and on what enters
    the output layer."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        E, H, A = config.d_embed, config.d_hidden, config.d_attention
        self.source = nn.Embedding(config.source_vocab_size, E)
        self.target = nn.Embedding(config.target_vocab_size, E)
        self.encoder = nn.LSTM(E, H, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(H, H)  # W_s: the backward state at the first word → s_0
        self.attention = AdditiveAttention(H, 2 * H, A)
        self.cell = nn.LSTMCell(E + 2 * H, H)
        self.readout = nn.Linear(H + E + 2 * H, E)
        self.output = nn.Linear(E, config.target_vocab_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's uniform matrices, orthogonal from state to state, gate by gate; biases 0, of
        forget gates 1; token vectors of length about 1 (reasons in ``RecurrentLM``)."""
        H = self.config.d_hidden
        for name, weight in self.named_parameters():
            if name in ("source.weight", "target.weight"):
                nn.init.normal_(weight, std=self.config.d_embed**-0.5)
            elif weight.ndim == 1:
                nn.init.zeros_(weight)
                if "bias_ih" in name:
                    nn.init.ones_(weight[H : 2 * H].detach())  # gates: input, forget, …
            else:
                start = nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_
                gates = weight.detach().split(H) if "weight_" in name else (weight,)
                for gate in gates:
                    start(gate)

    def forward(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of ``target_in`` (B, T), given source (B, S).

        Raises:
            ValueError: ids are not (B, T), empty or outside their vocabulary; source and target
                differ in rows; a source is all padding, or has padding before a word.
        """
        return self.decode(target_in, self.encode(source)).logits

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean cross-entropy, in nats a target, of (source (B, S), target (B, T + 1)), as
        ``Transformer.loss`` has it: smoothed in training, not in evaluation."""
        source, target = batch
        if target.ndim != 2 or target.size(1) < 2:
            raise ValueError(
                f"target has shape {tuple(target.shape)}, needed (B, T + 1) with a begin token "
                "and at least one to predict"
            )
        if target.device.type == "cpu" and not self.n_targets(batch):
            raise ValueError("the batch is empty: every target is padding")
        return F.cross_entropy(
            self(source, target[:, :-1]).flatten(0, 1).float(),
            target[:, 1:].flatten(),
            ignore_index=self.config.pad,
            label_smoothing=self.config.label_smoothing if self.training else 0.0,
        )

    def n_targets(self, batch: tuple[Tensor, Tensor]) -> int:
        """How many targets the loss of a batch is a mean over, for the trainer."""
        return int((batch[1][:, 1:] != self.config.pad).sum())

    def encode(self, source: Tensor) -> Annotations:
        """Read the source (B, S) from both ends; errors as ``forward``."""
        config = self.config
        check_ids(source, config.source_vocab_size)
        mask = source != config.pad
        lengths = mask.sum(1)
        if source.device.type == "cpu":
            right = torch.arange(source.size(1)) < lengths[:, None]
            if not bool(lengths.all()) or not torch.equal(mask, right):
                raise ValueError(
                    f"a source is all padding (id {config.pad}) or has padding before a word: "
                    "pad on the right"
                )
        x = F.dropout(self.source(source), config.dropout, self.training)  # (B, S, E)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        read, (h, _) = self.encoder(packed)
        values, _ = pad_packed_sequence(read, batch_first=True, total_length=source.size(1))
        return Annotations(values, self.attention.U(values), mask, self.bridge(h[1]).tanh())

    def decode(
        self,
        target_in: Tensor,
        annotations: Annotations,
        state: State | None = None,
        target_mask: Tensor | None = None,
    ) -> Decoded:
        """Read ``target_in`` (B, T) on from ``state``.

        Args:
            annotations: of the same rows.
            state: (s, c), what an earlier call returned; None: at the beginning.
            target_mask: (B, T), 1 at real tokens; at others the state stays as it was.
        """
        config = self.config
        check_ids(target_in, config.target_vocab_size)
        if target_in.size(0) != annotations.mask.size(0):
            raise ValueError(
                f"{annotations.mask.size(0)} sources and {target_in.size(0)} targets: "
                "each target needs its own source"
            )
        if target_mask is not None and target_mask.shape != target_in.shape:
            raise ValueError(
                f"the mask has shape {tuple(target_mask.shape)}, needed {tuple(target_in.shape)}"
            )
        s, c = state or (annotations.first, torch.zeros_like(annotations.first))
        y = F.dropout(self.target(target_in), config.dropout, self.training)  # (B, T, E)
        seen = []
        for t, y_t in enumerate(y.unbind(1)):  # each step waits for the one before
            weights = self.attention(s, annotations.keys, annotations.mask)  # (B, S)
            context = (weights[:, None].to(y.dtype) @ annotations.values.to(y.dtype))[:, 0]
            new = self.cell(torch.cat([y_t, context], 1), (s, c))
            if target_mask is not None:
                real = target_mask[:, t : t + 1].bool()
                new = new[0].where(real, s), new[1].where(real, c)
            s, c = new
            seen.append((s, context, weights))
        states, contexts, looks = (torch.stack(part, 1) for part in zip(*seen, strict=True))
        together = torch.cat([states.to(y.dtype), y, contexts], -1)  # (B, T, H + E + 2H)
        hidden = self.readout(F.dropout(together, config.dropout, self.training)).tanh()
        return Decoded(self.output(hidden), looks, (s, c))

    @torch.no_grad()
    def attention_weights(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Where the decoder looks for the token after each of ``target_in``: (B, T, S)."""
        return self.decode(target_in, self.encode(source)).weights

    def given(self, source: Tensor) -> Continued:
        """The decoder with ``source`` (N, S) read once, as in evaluation and without gradients:
        a language model over the target, to be continued like any other."""
        with evaluating(self), torch.no_grad():
            return Continued(self, self.encode(source))
