"""The same networks, laid out for reading their weights fast: on a CPU, writing one token means
reading every weight once, so the bytes of the weights and their order are the whole cost.

    M rows · in, out widths of a layer
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.models.attention import attention
from llm_nb.models.cache import KVCache
from llm_nb.models.gpt2 import GPT2, Block

M = TypeVar("M", bound=nn.Module)
MOST_PACKED = 128  # rows up to which oneDNN is ahead of BLAS where this was measured


class TransposedLinear(nn.Module):
    """x W + b with W stored (in, out), so that one row is multiplied along its long side."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        # (out, in) to look at, (in, out) in memory: BLAS reads either.
        self.weight = linear.weight.detach().T.contiguous().T
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in) → (…, out)."""
        return F.linear(x, self.weight, self.bias)


class PackedLinear(nn.Module):
    """The same by oneDNN, with W cut into blocks beforehand; BLAS would cut it at every call.

    For several rows; ``is_available`` says whether this build of torch has oneDNN.
    """

    def __init__(self, linear: nn.Linear, rows: int) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), rows)
        self.bias = None if linear.bias is None else linear.bias.detach()

    @staticmethod
    def is_available() -> bool:
        """Whether oneDNN can do this here."""
        return torch.backends.mkldnn.is_available() and hasattr(
            torch.ops.mkldnn, "_reorder_linear_weight"
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in) → (…, out)."""
        return torch.ops.mkldnn._linear_pointwise.default(x, self.weight, self.bias, "none", [], "")


class Int8Linear(nn.Module):
    """The same with W in 8 bits, W ≈ s · Q with one scale s for every output.

    Q holds whole numbers from -127 to 127 and s = max(abs(w)) / 127 (symmetric, per channel; Jacob et
    al. 2018, section 2.1, without the zero point). x is rounded to 8 bits too, with a scale of its
    own at every call, and the products are summed as whole numbers.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(1).clamp(min=1e-12) / 127  # (out,)
        zeros = torch.zeros_like(scales, dtype=torch.long)
        with (
            warnings.catch_warnings()
        ):  # torch means to drop these types; nothing faster is in it yet
            warnings.simplefilter("ignore", UserWarning)
            quantised = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.packed = torch.ops.quantized.linear_prepack(quantised, bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (…, in) → (…, out)."""
        # Seven bits for x: two products of eight would overflow the 16 bits that AVX2 sums in.
        return torch.ops.quantized.linear_dynamic.default(x, self.packed, True)


def for_inference(model: M, rows: int = 1, int8: bool = False) -> M:
    """A copy in evaluation mode whose linear layers are laid out anew; it cannot be trained.

    What is no linear layer is shared with ``model``, which stays as it is.

    Args:
        rows: how many rows a step will have, batch × beams: one row and several rows are
            fastest in different layouts.
        int8: store the weights in a quarter of the bytes, at a small loss in precision.

    Raises:
        ValueError: the model is not on the CPU, or there is no row.
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}: a step has at least one row")
    if any(p.device.type != "cpu" for p in model.parameters()):
        raise ValueError("this layout is for the CPU: call model.cpu() first, or go on without it")
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    laid_out = copy.deepcopy(model, shared)
    for module in list(laid_out.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, _layout(child, rows, int8))
    return laid_out.eval()


class FastGPT2:
    """A GPT-2 for ``generate`` and ``beam_search``: ``for_inference``, the output layer too.

    Its blocks are GPT-2's, written as bare calls: between two products of a single row, the
    module machinery of Python would take a quarter of the time. It gives the logits of the last
    position only, (B, 1, V).
    """

    def __init__(self, model: GPT2, rows: int = 1, int8: bool = False) -> None:
        laid_out = for_inference(model, rows, int8)
        V, C = model.wte.weight.shape
        head = nn.Linear(C, V, bias=False, device="meta")
        head.weight = model.wte.weight
        self.head = _layout(head, rows, int8)
        self.embed, self.new_cache = laid_out.embed, laid_out.new_cache
        self.ln_f = _call(laid_out.ln_f)
        self.n_heads = model.config.n_heads
        self.layers = [
            tuple(map(_call, (b.ln_1, b.attn.qkv, b.attn.proj, b.ln_2, b.fc, b.proj)))
            for b in cast(list[Block], laid_out.blocks)
        ]
        self.context, self.device, self.training = model.context, model.device, False

    def __call__(
        self, ids: Tensor, attention_mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """Logits (B, 1, V) after the last of ids (B, T)."""
        return self.head(self.body(ids, attention_mask, cache)[:, -1:])

    def body(
        self, ids: Tensor, attention_mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """All but the output layer, (B, T, C)."""
        cache = self.new_cache(*ids.shape) if cache is None else cache
        x, mask = self.embed(ids, attention_mask, cache.length)
        B, T, C = x.shape
        split = (B, T, 3, self.n_heads, C // self.n_heads)
        for layer, (ln_1, qkv, proj, ln_2, fc, out) in enumerate(self.layers):
            q, k, v = qkv(ln_1(x)).view(split).permute(2, 0, 3, 1, 4).unbind()
            k, v = cache.extend(layer, k, v)  # (B, H, S, d_k)
            mixed = attention(q, k, v, mask, causal=T > 1)  # (B, H, T, d_k)
            x = x + proj(mixed.transpose(1, 2).reshape(B, T, C))
            x = x + out(F.gelu(fc(ln_2(x)), approximate="tanh"))
        cache.length += T
        return self.ln_f(x)

    def train(self, mode: bool = True) -> FastGPT2:
        """Only evaluation mode.

        Raises:
            ValueError: training mode was asked for.
        """
        if mode:
            raise ValueError("a FastGPT2 has no gradients: train the GPT2 that it was made from")
        return self


def _call(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    """What ``layer`` computes, without what a module does around it."""
    if not isinstance(layer, nn.LayerNorm):
        return layer.forward
    shape, weight, bias, eps = layer.normalized_shape, layer.weight, layer.bias, layer.eps
    return lambda x: torch.layer_norm(x, shape, weight, bias, eps)


def _layout(linear: nn.Linear, rows: int, int8: bool) -> nn.Module:
    if int8:
        return Int8Linear(linear)
    if rows == 1:
        return TransposedLinear(linear) if linear.out_features > linear.in_features else linear
    if rows <= MOST_PACKED and PackedLinear.is_available():
        return PackedLinear(linear, rows)
    return linear  # BLAS cuts W in no time, beside the product itself
