"""A model and its optimiser as named tensors, and back.

Names are the parameters' own, whatever wraps the model (DDP, FSDP, ``torch.compile``), and
tensors are whole, so a checkpoint fits any number of processes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from llm_nb.training.world import shared_like, whole


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers on the CPU; of tied ones, which are one tensor, the first name.

    Under FSDP every process must call this, and each gets all.
    """
    return {name: _on_cpu(tensor) for name, tensor in _own(model).items()}


def load_model(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put tensors of ``model_tensors`` into a model, in place.

    Raises:
        ValueError: they are another model's: other names or other shapes.
    """
    check_same_tensors(tensors, model)
    own = _own(model)
    # Strict would ask for the other names of tied tensors.
    model.load_state_dict({n: shared_like(t, own[n]) for n, t in tensors.items()}, strict=False)


def check_same_tensors(tensors: dict[str, Tensor], model: nn.Module) -> None:
    """Raise ValueError unless the tensors have the names and shapes of this model's."""
    own = _own(model)
    for name in sorted(own.keys() ^ tensors.keys()):
        raise ValueError(
            f"the checkpoint is of another model: {name} is {'here' if name in own else 'there'} only: "
            "build the model with the settings it was trained with"
        )
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape and not name.endswith("_extra_state"):
            raise ValueError(
                f"the checkpoint is of another model: {name} is {tuple(tensor.shape)} there and "
                f"{tuple(own[name].shape)} here: build the model with the settings it was trained with"
            )


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state, as "name of the parameter/name of the quantity"."""
    return {
        f"{name}/{key}": _on_cpu(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def load_optimizer(
    model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Put back what ``optimizer_tensors`` gave."""
    parameters = dict(model.named_parameters())
    numbers = {
        id(p): i for i, p in enumerate(p for g in optimizer.param_groups for p in g["params"])
    }
    state: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        name, key = full_name.rsplit("/", 1)
        parameter = parameters[name]
        value = shared_like(tensor, parameter) if tensor.shape == parameter.shape else tensor
        state.setdefault(numbers[id(parameter)], {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def description(model: nn.Module) -> dict[str, Any]:
    """What kind of model it is, for errors: its class and its configuration, as JSON has them."""
    config = getattr(model, "config", None)
    settings = asdict(config) if is_dataclass(config) and not isinstance(config, type) else {}
    return json.loads(json.dumps({"class": type(model).__name__, **settings}, default=str))


def check_same_model(saved: dict[str, Any], model: nn.Module) -> None:
    """Raise ValueError, naming what differs, unless a checkpoint's model is this one."""
    now = description(model)
    if changed := [
        f"{name} {saved.get(name)!r} there, {now.get(name)!r} here"
        for name in {**saved, **now}
        if saved.get(name) != now.get(name)
    ]:
        raise ValueError(
            f"the checkpoint is of another model ({'; '.join(changed)}): "
            "build the one it was trained with, or choose another folder"
        )


def _own(model: nn.Module) -> dict[str, Tensor]:
    own: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            own[name] = tensor
        seen.add(id(tensor))
    return own


def _on_cpu(tensor: Tensor) -> Tensor:
    return whole(tensor.detach()).cpu().contiguous()
