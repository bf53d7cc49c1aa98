"""GPT-2 weights in the Hugging Face format, both ways: config.json and model.safetensors.

``load_gpt2("gpt2")`` takes the released weights from the hub; a folder is read from disk, so
what this book trains opens in ``transformers`` too, and the other way round.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from llm_nb.models.gpt2 import GPT2, GPT2Config

# Ours → theirs, inside one block. The released Conv1D layers store (in, out): transposed.
_BLOCK = {
    "ln_1.weight": ("ln_1.weight", False),
    "ln_1.bias": ("ln_1.bias", False),
    "attn.qkv.weight": ("attn.c_attn.weight", True),
    "attn.qkv.bias": ("attn.c_attn.bias", False),
    "attn.proj.weight": ("attn.c_proj.weight", True),
    "attn.proj.bias": ("attn.c_proj.bias", False),
    "ln_2.weight": ("ln_2.weight", False),
    "ln_2.bias": ("ln_2.bias", False),
    "fc.weight": ("mlp.c_fc.weight", True),
    "fc.bias": ("mlp.c_fc.bias", False),
    "proj.weight": ("mlp.c_proj.weight", True),
    "proj.bias": ("mlp.c_proj.bias", False),
}
_OUTSIDE = ("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias")
_CONFIG = {
    "vocab_size": "vocab_size",
    "context": "n_positions",
    "d_model": "n_embd",
    "n_layers": "n_layer",
    "n_heads": "n_head",
    "dropout": "resid_pdrop",
    "eps": "layer_norm_epsilon",
}


def gpt2_names(n_layers: int) -> dict[str, tuple[str, bool]]:
    """Our weight names → (Hugging Face's name, whether its matrix is transposed)."""
    names = {name: (f"transformer.{name}", False) for name in _OUTSIDE}
    for i in range(n_layers):
        for ours, (theirs, transposed) in _BLOCK.items():
            names[f"blocks.{i}.{ours}"] = (f"transformer.h.{i}.{theirs}", transposed)
    return names


def gpt2_folder(name_or_folder: str | Path, fallback: str | Path | None = None) -> Path:
    """Where a model lies on disk; a name that is no folder is fetched from the hub first.

    Args:
        fallback: a folder to use instead, with one printed line, where the hub cannot be read.

    Raises:
        ValueError: the hub cannot be read and there is no fallback.
    """
    if Path(name_or_folder).is_dir():
        return Path(name_or_folder)
    try:
        return _from_hub(str(name_or_folder))
    except ValueError as error:
        if fallback is None:
            raise
        print(f"{error}. Going on with {Path(fallback).name}.")
        return Path(fallback)


def load_gpt2(name_or_folder: str | Path) -> GPT2:
    """A GPT-2 from a folder in the Hugging Face format, or by its name on the hub.

    Raises:
        FileNotFoundError: the folder lacks config.json or model.safetensors.
        ValueError: a file is cut short, or is of another architecture or shape.
    """
    folder = gpt2_folder(name_or_folder)
    for file in ("config.json", "model.safetensors"):
        if not (folder / file).is_file():
            raise FileNotFoundError(
                f"{folder} has no {file}: give a folder that save_gpt2 or save_pretrained wrote"
            )
    config = _read_config(folder / "config.json")
    try:
        weights = load_file(folder / "model.safetensors")
    except SafetensorError as error:
        raise ValueError(
            f"{folder / 'model.safetensors'} is damaged or cut short ({error}): fetch or save it again"
        ) from None
    model = GPT2(config)
    model.load_state_dict(from_hugging_face(weights, config))
    return model.eval()


def save_gpt2(model: GPT2, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
    """Write config.json and model.safetensors, which ``transformers`` loads as a GPT2LMHeadModel."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {theirs: getattr(model.config, ours) for ours, theirs in _CONFIG.items()}
    config |= {"attn_pdrop": model.config.dropout, "embd_pdrop": model.config.dropout}
    config |= {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
    }
    # Each file is written beside its place and moved there whole, so a crash leaves the old one.
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        weights = to_hugging_face(model)
        save_file(
            {n: t.to(dtype) for n, t in weights.items()},
            Path(scratch) / "weights",
            {"format": "pt"},
        )
        (Path(scratch) / "config").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        os.chmod(Path(scratch) / "weights", 0o644)  # safetensors writes for its owner alone
        os.replace(Path(scratch) / "weights", folder / "model.safetensors")
        os.replace(Path(scratch) / "config", folder / "config.json")


def to_hugging_face(model: GPT2) -> dict[str, Tensor]:
    """The model's weights under Hugging Face's names and in its layout."""
    state = model.state_dict()
    return {
        theirs: (state[ours].T if transposed else state[ours]).contiguous().cpu()
        for ours, (theirs, transposed) in gpt2_names(model.config.n_layers).items()
    }


def from_hugging_face(weights: Mapping[str, Tensor], config: GPT2Config) -> dict[str, Tensor]:
    """Hugging Face's tensors under our names; with or without their ``transformer.`` prefix.

    Raises:
        ValueError: tensors are missing, left over, or of another shape.
    """
    given = {
        n if n.startswith("transformer.") else f"transformer.{n}": t for n, t in weights.items()
    }
    names = gpt2_names(config.n_layers)
    # lm_head repeats wte; attn.bias and attn.masked_bias are masks, not weights.
    extra = {
        n for n in given if not n.endswith((".attn.bias", ".attn.masked_bias", "lm_head.weight"))
    }
    extra -= {theirs for theirs, _ in names.values()}
    missing = {theirs for theirs, _ in names.values()} - given.keys()
    if missing or extra:
        raise ValueError(
            "these weights are not of this GPT-2: "
            f"missing {_some(missing)}; not expected {_some(extra)}. Check n_layer and the architecture"
        )
    state = {}
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in GPT2(config).state_dict().items()}
    for ours, (theirs, transposed) in names.items():
        tensor = given[theirs].T if transposed else given[theirs]
        if tuple(tensor.shape) != shapes[ours]:
            raise ValueError(
                f"{theirs} has shape {tuple(given[theirs].shape)}, which does not fit config.json"
            )
        state[ours] = tensor.float().contiguous()
    return state


def _read_config(path: Path) -> GPT2Config:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not whole JSON ({error}): fetch or save it again") from None
    if config.get("model_type") != "gpt2":
        raise ValueError(f"{path} describes a {config.get('model_type')!r} model, not 'gpt2'")
    activation = config.get("activation_function", "gelu_new")
    if activation not in ("gelu_new", "gelu_pytorch_tanh") or config.get("n_inner") not in (
        None,
        4 * config["n_embd"],
    ):
        raise ValueError(
            f"{path} asks for activation {activation!r} or n_inner {config.get('n_inner')}: GPT-2 has neither"
        )
    return GPT2Config(
        **{ours: config[theirs] for ours, theirs in _CONFIG.items() if theirs in config}
    )


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ValueError(
            f"{name!r} is no folder here, and reading the hub needs: pip install 'llm-nb[hub]'"
        ) from None
    try:
        files = ["config.json", "model.safetensors", "tokenizer.json"]
        return Path(snapshot_download(name, allow_patterns=files, etag_timeout=10))
    except Exception as error:  # the client raises many kinds; all mean: not to be had now
        raise ValueError(
            f"{name!r} is no folder here and could not be fetched from the hub "
            f"({type(error).__name__}): check the name and the network"
        ) from error


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:3]) or "nothing"
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
