"""How much arithmetic training takes, and what share of the machine's it used (MFU).

Model FLOPs utilisation (Chowdhery et al. 2022, appendix B) counts the products that the model's
equations need, not those that an implementation spends: what is computed twice to save memory
does not count.
"""

from __future__ import annotations

import time

import torch

# Dense products with fp16 or bf16 factors, in 10¹² floating-point operations a second, from the
# makers' data sheets; the first name that occurs in the card's is taken.
_TENSOR_CORES = {
    "H200": 989,
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 989,
    "A100": 312,
    "A10G": 70,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "V100": 125,
    "T4": 65,
    "RTX 4090": 165,
    "RTX 3090": 71,
}


def transformer_flops_per_token(
    parameters: int, n_layers: int, d_model: int, context: int
) -> float:
    """Forward and backward, for one token of a sequence of ``context`` (PaLM, equation in
    appendix B): 6 for each weight that a product reads, 12·L·C·T for attention.

    Args:
        parameters: all but those that are only looked up, such as tables of positions; a token
            table that is also the output layer counts.
    """
    return 6.0 * parameters + 12.0 * n_layers * d_model * context


def peak_flops(device: torch.device, precision: str) -> float:
    """Floating-point operations a second that the device could do at best.

    From the data sheet where the card and precision are known; else measured, as the best of
    some large matrix products.
    """
    if device.type == "cuda" and precision in ("bf16", "fp16"):
        name = torch.cuda.get_device_name(device)
        for known, tera in _TENSOR_CORES.items():
            if known in name:
                return tera * 1e12
    return measured_flops(device, precision)


def measured_flops(device: torch.device, precision: str, seconds: float = 0.3) -> float:
    """The fastest of the square matrix products that fit into ``seconds``, 2n³ each."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    n = 4096 if device.type == "cuda" else 768
    a = torch.ones(n, n, device=device, dtype=dtype)

    def once() -> float:
        started = time.perf_counter()
        (a @ a)[0, 0].item()  # waits for the device
        return time.perf_counter() - started

    once()
    best, ends = once(), time.perf_counter() + seconds
    while time.perf_counter() < ends:
        best = min(best, once())
    return 2 * n**3 / best
