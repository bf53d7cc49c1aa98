"""Optimisers: AdamW and SGD, both decaying matrices only."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from llm_nb.training.config import TrainConfig


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """The trained parameters in two groups: matrices, which decay, and vectors, which do not.

    Biases and layer-norm gains are vectors; pulling them to zero would fight what they are for.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    if not weights:
        raise ValueError("no parameter is to be trained: all have requires_grad=False")
    matrices, vectors = [p for p in weights if p.dim() >= 2], [p for p in weights if p.dim() < 2]
    groups = [(matrices, weight_decay), (vectors, 0.0)]
    return [{"params": params, "weight_decay": decay} for params, decay in groups if params]


def adamw(
    model: nn.Module, lr: float, weight_decay: float = 0.1, betas: tuple[float, float] = (0.9, 0.95)
) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2), updating all weights in one kernel where
    torch has it."""
    groups = decay_groups(model, weight_decay)
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=_fused(model))


def sgd(
    model: nn.Module, lr: float, weight_decay: float = 0.0, momentum: float = 0.9
) -> torch.optim.SGD:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, section 2)."""
    groups = decay_groups(model, weight_decay)
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=_fused(model))


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that the configuration names."""
    if config.optimizer == "sgd":
        return sgd(model, config.lr, config.weight_decay, config.momentum)
    return adamw(model, config.lr, config.weight_decay, config.betas)


def _fused(model: nn.Module) -> bool:
    def has_kernel(p: Tensor) -> bool:
        return p.device.type in ("cpu", "cuda") and p.is_floating_point()

    return all(has_kernel(p) for p in model.parameters() if p.requires_grad)
