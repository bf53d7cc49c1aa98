"""How much arithmetic training takes, and what share of the machine's it used (MFU).

Model FLOPs utilisation (Chowdhery et al. 2022, appendix B) counts the products that the model's
equations need, not those that an implementation spends: what is computed twice to save memory
does not count.
"""

from __future__ import annotations

import re
import time

import torch

# 10¹² floating-point operations a second, of products with bf16 or fp16 factors summed in fp32,
# as torch does them. As published for the cards; we saw NVIDIA's figures quoted by others (torchtitan's
# table, resellers, benchmarks), not its sheets. Most print the figure for sparse matrices: B200 4,500,
# H100 and H200 1,979, L40S 733, L40 362, L4 242. A dense one is half of that. The names are whole,
# because a part of a card (MIG), a laptop's or a "4090 D" is another card.
_BOTH = {
    r"B200": 2250,
    r"H200": 989,
    r"H100 80GB HBM3": 989,
    r"H100 NVL": 835,
    r"H100 PCIe": 756,
    r"A100-(SXM4?|PCIE)-(40|80)GB|A100 80GB PCIe": 312,
    r"L40S": 362,
    r"L40": 181,
    r"L4": 121,
    r"A40": 149.7,
    r"A10": 125,
    r"A10G": 70,
    r"GeForce RTX 5090": 209.5,
    r"GeForce RTX 4090": 165.2,
    r"GeForce RTX 3090": 71,
}
# Before Ampere there was fp16 only; torch emulates bf16 there.
_FP16 = _BOTH | {r"(Tesla )?T4": 65, r"Tesla V100-SXM2-(16|32)GB": 125}


def transformer_flops_per_token(
    parameters: int, n_layers: int, d_model: int, context: int
) -> float:
    """Forward and backward, for one token of a sequence of ``context`` (PaLM, equation in
    appendix B): 6 for each weight that a product reads, 12·L·C·T for attention.

    The half of attention that a causal mask forbids is counted, as the paper does; look-ups,
    norms, softmax and the loss are not.

    Args:
        parameters: all but those that are only looked up, such as tables of positions; a token
            table that is also the output layer counts.

    The trainer multiplies this by *targets* a second, so what goes into padding counts as time
    lost. Where documents are packed into one row, products between documents count, although a
    mask forbids them. Where only some tokens are targets, as in BERT's masking, multiply by
    tokens over targets.
    """
    return 6.0 * parameters + 12.0 * n_layers * d_model * context


def peak_flops(device: torch.device, precision: str) -> float:
    """Floating-point operations a second that the device could do at best.

    As published where the card and precision are known; else measured, as the best of
    some large matrix products.
    """
    known = None
    if device.type == "cuda":
        known = published_flops(torch.cuda.get_device_name(device), precision)
    return known if known is not None else measured_flops(device, precision)


def published_flops(name: str, precision: str) -> float | None:
    """What the maker states for dense matrices; None where it is not known here, and for fp32,
    whose products run on other units (TF32 or not) by torch's settings.

    Args:
        name: as ``torch.cuda.get_device_name`` gives it.
    """
    cards = {"bf16": _BOTH, "fp16": _FP16}.get(precision, {})
    card = name.removeprefix("NVIDIA ")
    return next((tera * 1e12 for known, tera in cards.items() if re.fullmatch(known, card)), None)


def measured_flops(device: torch.device, precision: str, seconds: float = 0.3) -> float:
    """The fastest of the square matrix products that fit into ``seconds``, 2n³ each."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    # A GPU is told of several products at once: waiting for each would count as work.
    n, products = (768, 1) if device.type == "cpu" else (4096, 10)
    a = torch.ones(n, n, device=device, dtype=dtype)
    out = torch.empty_like(a)

    def once() -> float:
        started = time.perf_counter()
        for _ in range(products):
            torch.mm(a, a, out=out)
        out[0, 0].item()  # waits for the device
        return (time.perf_counter() - started) / products

    once()
    best, ends = once(), time.perf_counter() + seconds
    while time.perf_counter() < ends:
        best = min(best, once())
    return 2 * n**3 / best
