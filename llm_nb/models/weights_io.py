"""A model on disk in the Hugging Face format: config.json beside its weights in safetensors.

The weights are one file, model.safetensors, or several, model-00001-of-00003.safetensors and so
on, with model.safetensors.index.json saying which tensor lies where. Pickles are never read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from llm_nb.files import move, scratch_folder, to_disk

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def pretrained_folder(name_or_folder: str | Path, fallback: str | Path | None = None) -> Path:
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


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json holds.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    return _read_json(folder / CONFIG)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor of a folder, from one file or from all its shards.

    Raises:
        FileNotFoundError: the folder has no weights, or lacks a shard that its index names.
        ValueError: a file is damaged, does not hold what the index says, or is a pickle.
    """
    if (folder / WEIGHTS).is_file():
        return _read_file(folder / WEIGHTS)
    if not (folder / INDEX).is_file():
        pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickles:
            raise ValueError(
                f"{folder} has {pickles[0]}, a pickle, which can run any code and is never read here: "
                "save the model as safetensors with the library that wrote it"
            )
        raise FileNotFoundError(
            f"{folder} has no {WEIGHTS}: give a folder that save_pretrained wrote"
        )
    index = _read_json(folder / INDEX)
    where = index.get("weight_map")
    if not isinstance(where, dict) or not where:
        raise ValueError(f"{folder / INDEX} has no weight_map: fetch or save the model again")
    weights: dict[str, Tensor] = {}
    for shard in sorted(set(where.values())):
        if Path(shard).name != shard:
            raise ValueError(f"{folder / INDEX} names {shard!r}, which is no file of this folder")
        if not (folder / shard).is_file():
            raise FileNotFoundError(f"{folder} has no {shard}, which {INDEX} names: fetch it again")
        held = _read_file(folder / shard)
        lacking = {name for name, file in where.items() if file == shard} - held.keys()
        if lacking:
            raise ValueError(
                f"{folder / shard} lacks {some(lacking)}, which {INDEX} says it holds: fetch both again"
            )
        weights |= held
    return weights


def write_model(
    folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor], max_shard_size: int
) -> None:
    """Write config.json and the weights, in shards of at most ``max_shard_size`` bytes.

    Each file is written beside its place and moved there whole, and nothing moves before all
    are written: a crash or a full disk leaves the old model. A tensor larger than a shard gets
    one of its own.

    Raises:
        ValueError: ``max_shard_size`` is not positive.
        OSError: it could not be written.
    """
    if max_shard_size < 1:
        raise ValueError(f"max_shard_size is {max_shard_size}: give a number of bytes, e.g. 10**9")
    shards = _shards(weights, max_shard_size)
    files = [WEIGHTS]
    if len(shards) > 1:
        files = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    folder.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder / WEIGHTS) as scratch:
        for file, shard in zip(files, shards, strict=True):
            save_file(shard, scratch / file, {"format": "pt"})
            os.chmod(scratch / file, 0o644)  # safetensors writes for its owner alone
        _write_json(scratch / CONFIG, config)
        if len(shards) > 1:
            total = sum(t.numel() * t.element_size() for t in weights.values())
            where = {n: f for f, shard in zip(files, shards, strict=True) for n in shard}
            index = {"metadata": {"total_size": total}, "weight_map": where}
            _write_json(scratch / INDEX, index)
            files.append(INDEX)
        for file in [CONFIG, *files]:  # a disk that fails does so before anything has moved
            to_disk(scratch / file)
        if len(shards) > 1:
            # Without an index, shards of two saves cannot be taken for one model.
            (folder / INDEX).unlink(missing_ok=True)
        for file in [CONFIG, *files]:  # the index last: it makes the shards a model
            move(scratch / file, folder / file)
    for path in folder.iterdir():  # what an earlier save left
        if path.name not in files and (
            path.name in (WEIGHTS, INDEX) or _SHARD.fullmatch(path.name)
        ):
            path.unlink()


def some(names: set[str]) -> str:
    """Up to three of the names, and how many more there are."""
    shown = ", ".join(sorted(names)[:3]) or "nothing"
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shards(weights: Mapping[str, Tensor], max_size: int) -> list[dict[str, Tensor]]:
    """The tensors in order, a new shard begun where the next would not fit."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in weights.items():
        bytes_ = tensor.numel() * tensor.element_size()
        if shards[-1] and size + bytes_ > max_size:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += bytes_
    return shards


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or cut short ({error}): fetch or save it again"
        ) from None


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.parent} has no {path.name}: give a folder that save_pretrained wrote"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not whole JSON ({error}): fetch or save it again") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not an object: fetch it again")
    return content


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ValueError(
            f"{name!r} is no folder here, and reading the hub needs: pip install 'llm-nb[hub]'"
        ) from None
    files = [CONFIG, WEIGHTS, INDEX, "model-*.safetensors", "tokenizer.json", "vocab.txt"]
    try:
        return Path(snapshot_download(name, allow_patterns=files, etag_timeout=10))
    except Exception as error:  # the client raises many kinds; all mean: not to be had now
        raise ValueError(
            f"{name!r} is no folder here and could not be fetched from the hub "
            f"({type(error).__name__}): check the name and the network"
        ) from error
