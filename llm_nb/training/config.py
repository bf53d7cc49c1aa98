"""The settings of a training run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from llm_nb.runtime import PRECISIONS

OptimizerName = Literal["adamw", "sgd"]
ScheduleName = Literal["cosine", "linear", "inverse_sqrt", "constant"]


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast; sizes of model and batch belong to the model and the data."""

    steps: int
    lr: float = 1e-3  # the peak, after warm-up
    schedule: ScheduleName = "cosine"
    warmup: int = 100  # steps
    final: float = 0.1  # share of ``lr`` at which cosine and linear end
    optimizer: OptimizerName = "adamw"
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)  # AdamW's
    momentum: float = 0.9  # SGD's
    clip: float = 1.0  # largest allowed norm of the whole gradient
    accumulate: int = 1  # micro-batches to a step
    precision: str = "fp32"  # type of the matrix products: "fp32", "bf16", "fp16"
    compile: bool = False  # torch.compile, where it works
    eval_every: int = 100  # steps
    patience: int | None = None  # evaluations without a new best before it stops; None: never
    save_every: int | None = None  # steps; None: at the end and at each new best only
    keep: int = 2  # checkpoints kept beside the best

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))  # a list, where it came from a file
        for name in ("steps", "accumulate", "eval_every", "patience", "save_every", "keep"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: it must be at least 1")
        for name in ("lr", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be positive")
        for name in ("warmup", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 0 or more")
        for name in ("final", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be in [0, 1]")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {self.betas}: give two numbers in [0, 1)")
        for name, known in (
            ("schedule", get_args(ScheduleName)),
            ("optimizer", get_args(OptimizerName)),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}: use {' or '.join(map(repr, known))}"
                )


# What may change between a checkpoint and the run that goes on from it: none moves a weight.
MAY_CHANGE = {"compile", "eval_every", "patience", "save_every", "keep"}


def differences(saved: dict[str, Any], config: TrainConfig) -> str:
    """The settings that would make the rest of a saved run another run, as "lr 0.1 → 0.2"."""
    now = asdict(config) | {"betas": list(config.betas)}
    changed = [
        f"{name} {saved.get(name)!r} → {value!r}"
        for name, value in now.items()
        if name not in MAY_CHANGE and saved.get(name) != value
    ]
    return ", ".join(changed)
