"""Weights in the Hugging Face format, both ways, for GPT-2 and every BERT.

``from_pretrained(GPT2, "gpt2")`` takes the released weights from the hub; a folder is read from
disk, so what this book trains opens in ``transformers`` too, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from llm_nb.models.layouts import LAYOUTS, Layout, Table
from llm_nb.models.weights_io import (
    pretrained_folder,
    read_config,
    read_weights,
    some,
    write_model,
)

M = TypeVar("M", bound=nn.Module)


def from_pretrained(
    model_class: type[M], name_or_folder: str | Path, *, new_head: bool = False, **changes: Any
) -> M:
    """A model of ``model_class`` in evaluation mode, with the weights of a folder or of the hub.

    A head in the files that the class does not have is left out: ``Bert`` reads what
    ``BertForPreTraining`` wrote. A head that the class has and the files lack is an error.

    Args:
        model_class: ``GPT2``, ``Bert``, ``BertEncoder`` or one of the ``BertFor…`` classes.
        name_or_folder: a folder in the Hugging Face format, or a name on the hub.
        new_head: start the head from random weights, whatever the files hold (and the pooler
            where they lack it): how fine-tuning begins.
        changes: settings to replace, e.g. ``labels=("no", "yes")`` or ``dropout=0.0``.

    Raises:
        FileNotFoundError: the folder lacks config.json, the weights or a shard of them.
        ValueError: a file is damaged, or is of another architecture or shape.
    """
    layout = _layout(model_class)
    folder = pretrained_folder(name_or_folder)
    given = read_config(folder)
    if given.get("model_type") != layout.family.model_type:
        raise ValueError(
            f"{folder / 'config.json'} describes a {given.get('model_type')!r} model, "
            f"not {layout.family.model_type!r}, which {model_class.__name__} reads"
        )
    weights = read_weights(folder)
    try:
        config = replace(layout.family.read_config(given), **changes)
        state = from_hugging_face(weights, model_class, config, new_head)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    model = model_class(config)
    model.load_state_dict(state, strict=not new_head)
    return model.eval()


def save_pretrained(
    model: nn.Module,
    folder: str | Path,
    dtype: torch.dtype = torch.float32,
    max_shard_size: int = 5 * 10**9,
) -> None:
    """Write config.json and the weights so that ``transformers`` loads them.

    Args:
        dtype: what the numbers are stored as; reading makes them float32 again.
        max_shard_size: bytes of one file; more are written as several, with an index.
    """
    layout = _layout(type(model))
    config = layout.family.write_config(model.config) | {
        "model_type": layout.family.model_type,
        "architectures": [layout.architecture],
    }
    weights = {name: t.to(dtype) for name, t in to_hugging_face(model).items()}
    write_model(Path(folder), config, weights, max_shard_size)


def to_hugging_face(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights under Hugging Face's names and in its layout, on the CPU."""
    layout, state = _layout(type(model)), model.state_dict()
    written = {}
    for ours, theirs in _table(layout, model.config).items():
        tensor = state[ours].T if theirs.transposed else state[ours]
        for name, part in zip(theirs.names, tensor.chunk(len(theirs.names)), strict=True):
            # Parts of one tensor share memory, which safetensors refuses to write.
            own = part.clone() if len(theirs.names) > 1 else part.contiguous()
            written[name.removeprefix(layout.family.prefix) if layout.bare else name] = own.cpu()
    return written


def from_hugging_face(
    weights: Mapping[str, Tensor], model_class: type[nn.Module], config: Any, new_head: bool = False
) -> dict[str, Tensor]:
    """Hugging Face's tensors under our names, as float32; what ``new_head`` starts is left out.

    Takes names with and without the body's prefix (``bert.``, ``transformer.``), and ``gamma``
    and ``beta`` for a layer norm's weight and bias, as the first releases had them.

    Raises:
        ValueError: tensors are missing, left over, or of another shape.
    """
    layout = _layout(model_class)
    table = _table(layout, config)
    given = _tie({_full_name(name, layout): t for name, t in weights.items()}, layout)
    if new_head:
        table = {
            ours: theirs
            for ours, theirs in table.items()
            if not ours.startswith(layout.new)
            and (theirs.names[0] in given or ".pooler." not in theirs.names[0])
        }
    wanted = {name for theirs in table.values() for name in theirs.names}
    extra = {
        name
        for name in given.keys() - wanted
        if not name.startswith(layout.family.heads) and not name.endswith(layout.family.buffers)
    }
    if missing := wanted - given.keys():
        remedy = "check the number of layers and the architecture"
        if all(name.startswith(layout.family.heads) for name in missing) and not extra:
            remedy = "if the head is to be trained, pass new_head=True"
    if missing or extra:
        raise ValueError(
            f"these weights are not of this {model_class.__name__}: missing {some(missing)}; "
            f"not expected {some(extra)}: {remedy if missing else 'check the architecture'}"
        )
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in model_class(config).state_dict().items()}
    state = {}
    for ours, theirs in table.items():
        parts = [given[name].T if theirs.transposed else given[name] for name in theirs.names]
        needed = torch.Size([shapes[ours][0] // len(parts), *shapes[ours][1:]])
        for name, part in zip(theirs.names, parts, strict=True):
            if part.shape != needed:
                there = needed[::-1] if theirs.transposed else needed
                raise ValueError(
                    f"{name} has shape {tuple(given[name].shape)}, but config.json asks for {tuple(there)}"
                )
        state[ours] = torch.cat(parts).float().contiguous()
    return state


def _layout(model_class: type[nn.Module]) -> Layout:
    if model_class not in LAYOUTS:
        known = ", ".join(known.__name__ for known in LAYOUTS)
        raise ValueError(
            f"{model_class.__name__} has no Hugging Face format here: these have one: {known}"
        )
    return LAYOUTS[model_class]


def _table(layout: Layout, config: Any) -> Table:
    return layout.table(config.n_layers)


def _full_name(name: str, layout: Layout) -> str:
    """The name as it is in a file with a head, in today's spelling."""
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(f"LayerNorm{old}"):
            name = name.removesuffix(old) + new
    family = layout.family
    return name if name.startswith((family.prefix, *family.heads)) else family.prefix + name


def _tie(given: dict[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Without the tensors that repeat another one, which must be equal to it."""
    for copy, original in layout.tied:
        if copy in given:
            tensor = given.pop(copy)
            if not torch.equal(given.setdefault(original, tensor), tensor):
                raise ValueError(
                    f"{copy} differs from {original}, but this model has one tensor for both"
                )
    return given
