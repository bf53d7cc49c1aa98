"""The written-out recurrent layers against torch's own, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import torch
from run import Comparison
from torch import Tensor, nn
from torch.testing import assert_close

from llm_nb.models.recurrent import GRU, LSTM, RNN

# Kind, batch, steps, width of input and of state, how often a contender runs: seconds in all.
SIZES = [
    ("LSTM", 32, 64, 256, 16),
    ("LSTM", 32, 64, 512, 4),
    ("LSTM", 16, 64, 128, 64),
    ("GRU", 32, 64, 256, 24),
    ("RNN", 32, 64, 256, 48),
]
LAYERS = {"LSTM": (LSTM, nn.LSTM), "GRU": (GRU, nn.GRU), "RNN": (RNN, nn.RNN)}


def forward_and_backward(layer: nn.Module, x: Tensor, target: Tensor, times: int) -> Callable:
    """A contender; it returns the outputs, and leaves the gradients where they are."""

    def run() -> Tensor:
        for _ in range(times):
            layer.zero_grad()
            x.grad = None
            outputs, _ = layer(x)
            outputs.backward(target)  # the gradient of Σ outputs ⊙ target
        return outputs.detach()

    return run


def comparisons() -> list[Comparison]:
    """One comparison a size, all in single precision, batch first."""
    torch.set_num_threads(1)
    found = []
    for kind, batch, steps, width, times in SIZES:
        torch.manual_seed(0)
        ours, theirs = (cls(width, width) for cls in LAYERS[kind])
        theirs.batch_first = True
        theirs.load_state_dict(ours.state_dict())
        target = torch.randn(batch, steps, width)
        x = torch.randn(batch, steps, width, requires_grad=True)
        runs = [forward_and_backward(layer, x, target, times) for layer in (ours, theirs)]
        results = []
        for layer in (ours, theirs):
            outputs = forward_and_backward(layer, x, target, 1)()
            results.append([outputs, x.grad, *(p.grad for p in layer.parameters())])
        for name, a, b in zip(["outputs", "x", *ours.state_dict()], *results, strict=True):
            # A gradient of a weight sums over batch · steps: compare beside its size.
            assert_close(a, b, rtol=1e-5, atol=1e-5 * float(b.abs().max()), msg=f"{kind} {name}")
        found.append(
            Comparison(
                f"{kind} layer, forward and backward: batch {batch}, {steps} steps, width {width}",
                batch * steps * times / 1e3,
                "thousand steps",
                {f"llm-nb {kind}": runs[0], f"nn.{kind}": runs[1]},
                ("torch",),
            )
        )
    return found
