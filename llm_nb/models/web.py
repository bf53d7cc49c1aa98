"""A GPT-2 and its tokenizer as one script for a web page, which runs them with no kernel.

Every matrix, the tables of tokens and positions included, is rounded to 8 bits with one scale a
row; gains and biases stay 32-bit. The file is a script, with the numbers in base64, because a page
that was opened from disk may load scripts that lie beside it but may not fetch data.

    V vocabulary · T context · C = d_model · L layers · H heads
"""

from __future__ import annotations

import base64
import hashlib
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llm_nb.files import write_whole
from llm_nb.models.gpt2 import GPT2
from llm_nb.text.bpe import GPT2_PATTERN, ByteLevelBPE

FORMAT = 1  # goes up when the layout changes, so that an old page says so instead of talking noise
# A limit by choice; GPT-2 of 124 M parameters would need four times as much.
MOST_BYTES = 32_000_000


def round_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers Q (n, m) from -127 to 127 and scales s (n,) with weight ≈ s · Q, a scale a row.

    The largest magnitude of a row becomes 127 (symmetric, per channel; Jacob et al. 2018, section
    2.1, without the zero point).
    """
    w = weight.detach().cpu().float()
    scales = w.abs().amax(1).clamp(min=1e-12) / 127
    return (w / scales[:, None]).round().clamp(-127, 127).to(torch.int8), scales


def rounded(model: GPT2) -> GPT2:
    """A copy of ``model`` whose matrices are exactly those that the page computes with."""
    copy = deepcopy(model).eval()
    for tensor in copy.parameters():
        if tensor.dim() == 2:
            whole, scales = round_rows(tensor)
            tensor.data = (whole.float() * scales[:, None]).to(tensor)
    return copy


def web_model(model: GPT2, tokenizer: ByteLevelBPE, name: str) -> dict[str, Any]:
    """Everything that gpt2.js and bpe.js need, as JSON can hold it; the same call, the same bytes.

    ``weights`` is base64 of all numbers, little-endian: first the 32-bit ones (a matrix's are its
    scales), then the 8-bit ones. ``tensors`` says where each begins: ``at`` (in 32-bit numbers) and
    ``whole`` (in bytes, matrices only). ``digest`` is of these weights.

    Raises:
        ValueError: the tokenizer is no byte-level BPE with GPT-2's pattern, has other ids than the
            model, the weights are not finite, or are too many for a page.
    """
    _check(model, tokenizer)
    tensors: dict[str, dict[str, Any]] = {}
    floats: list[Tensor] = []
    wholes: list[Tensor] = []
    at = 0
    for key, tensor in model.state_dict().items():
        values = tensor.detach().cpu().float()
        if not bool(values.isfinite().all()):
            raise ValueError(f"{key} holds NaN or an infinity: such a model cannot write")
        tensors[key] = {"shape": list(values.shape), "at": at}
        if values.dim() == 2:
            whole, values = round_rows(values)
            wholes.append(whole)
        floats.append(values)
        at += values.numel()
    place = 4 * at
    for entry in tensors.values():
        if len(entry["shape"]) == 2:
            entry["whole"] = place
            place += entry["shape"][0] * entry["shape"][1]
    data = torch.cat([t.flatten() for t in floats]).numpy().astype("<f4").tobytes()
    data += torch.cat([t.flatten() for t in wholes]).numpy().tobytes()
    c = model.config
    return {
        "format": FORMAT,
        "name": name,
        "digest": hashlib.sha256(data).hexdigest()[:16],
        "config": {
            "vocab_size": c.vocab_size,
            "context": c.context,
            "d_model": c.d_model,
            "n_layers": c.n_layers,
            "n_heads": c.n_heads,
            "eps": c.eps,
        },
        "merges": [i for pair in tokenizer.merges for i in pair],
        "specials": list(tokenizer.special_tokens),
        "tensors": tensors,
        "weights": base64.b64encode(data).decode(),
    }


def web_bytes(model: GPT2) -> int:
    """How many bytes ``model`` will have in a page, before base64."""
    shapes = [tuple(p.shape) for p in model.parameters()]
    return sum(s[0] * s[1] + 4 * s[0] if len(s) == 2 else 4 * s[0] for s in shapes)


def web_script(data: dict[str, Any]) -> str:
    """The file's text for what ``web_model`` gave: it sets ``globalThis.llmNbModel``."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f"globalThis.llmNbModel={text};\n"


def write_web_script(model: GPT2, tokenizer: ByteLevelBPE, path: str | Path) -> tuple[int, int]:
    """Write the script, whole or not at all.

    Returns:
        Bytes of the weights, and of the whole file.

    Raises:
        ValueError: as ``web_model``.
        OSError: it could not be written; what stood there is unchanged.
    """
    script = web_script(web_model(model, tokenizer, Path(path).stem))
    write_whole(path, script)
    return web_bytes(model), len(script)


def _check(model: object, tokenizer: object) -> None:
    if not isinstance(model, GPT2):
        raise ValueError(f"the model is a {type(model).__name__}: only a GPT2 runs in a page")
    if not isinstance(tokenizer, ByteLevelBPE):
        raise ValueError(
            f"the tokenizer is a {type(tokenizer).__name__}: the page has ByteLevelBPE only"
        )
    if tokenizer.pattern != GPT2_PATTERN:
        raise ValueError(
            f"the tokenizer splits by {tokenizer.pattern!r}: the page has GPT-2's pattern built in"
        )
    if tokenizer.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"the model has {model.config.vocab_size} ids and the tokenizer {tokenizer.vocab_size}: "
            "give the tokenizer that it was trained with"
        )
    if (size := web_bytes(model)) > MOST_BYTES:
        raise ValueError(
            f"the weights take {size / 1e6:.1f} MB in 8 bits, more than the {MOST_BYTES / 1e6:.0f} MB "
            "that a page can be asked to hold: choose a smaller model"
        )
