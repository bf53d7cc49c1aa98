"""One process or many: the same script alone and under ``torchrun``.

``torchrun --nproc-per-node 8 script.py`` starts the script once for each GPU. ``join`` finds out
which of the processes this is, and the ``Trainer`` does the rest: every batch is divided among
them by rows, so that the same batches are learned from, however many there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

Strategy = Literal["ddp", "fsdp"]


@dataclass(frozen=True)
class World:
    """Which process this is (``rank``) of how many (``size``).

    ``strategy``: ``"ddp"`` keeps a whole copy of the model in every process (Li et al. 2020);
    ``"fsdp"`` gives each a share of every weight, gradient and optimiser state, for models that
    do not fit (Rajbhandari et al. 2020, stage 3; Zhao et al. 2023).
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those of this machine
    strategy: Strategy = "ddp"

    @property
    def main(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    @property
    def fsdp(self) -> bool:
        """Whether weights are shared out."""
        return self.size > 1 and self.strategy == "fsdp"

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def gather(self, values: Tensor) -> list[Tensor]:
        """The tensors of all processes, of one shape, in the order of their ranks."""
        if self.size == 1:
            return [values]
        found = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(found, values)
        return found

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()

    def rows(self, batch: Any) -> Any:
        """This process's rows of a batch, a tuple of tensors (B, …) or None.

        Raises:
            ValueError: the rows do not divide among the processes.
        """
        if self.size == 1:
            return batch

        def share(tensor: Tensor) -> Tensor:
            if len(tensor) % self.size:
                raise ValueError(
                    f"a batch of {len(tensor)} rows does not divide among {self.size} processes: "
                    "choose a batch size that is a multiple of them"
                )
            n = len(tensor) // self.size
            return tensor[self.rank * n : (self.rank + 1) * n]

        return map_tensors(share, batch)


ALONE = World()


@contextmanager
def join(strategy: Strategy = "ddp") -> Iterator[World]:
    """The world that ``torchrun`` made, left again at the end; ``ALONE`` without ``torchrun``."""
    if not dist.is_torchelastic_launched():
        yield ALONE
        return
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    on_gpu = torch.cuda.is_available() and os.environ.get("LLM_NB_DEVICE") != "cpu"
    if on_gpu:
        torch.cuda.set_device(local)
    store = _fresh_store() if restarts() else None
    place = {"store": store, "rank": rank, "world_size": size} if store is not None else {}
    dist.init_process_group("nccl" if on_gpu else "gloo", **place)
    try:
        yield World(rank, size, local, strategy)
    finally:
        dist.destroy_process_group()


def names_a_lost_process(error: RuntimeError) -> bool:
    """Whether a backend says so that another process is gone: NCCL by a class, gloo by words."""
    return isinstance(error, dist.DistError) or "gloo/transport" in str(error)


def restarts() -> int:
    """How often ``torchrun --max-restarts`` has started the processes again after one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def _fresh_store() -> Any:
    """A place to meet that the processes before a restart have not used; None: torch's own.

    torchrun hands its restarted processes the store of the ones before, with the addresses of
    those that are gone (pytorch#135712). Its count of restarts tells them apart on one machine,
    but is not the same on several (pytorch#108158): there the user must have it make new ones.
    """
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if not shared or os.environ.get("GROUP_WORLD_SIZE") != "1":
        return None
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = dist.TCPStore(address, port)  # type: ignore[attr-defined]
    return dist.PrefixStore(f"life-{restarts()}", store)  # type: ignore[attr-defined]


class Parallel:
    """``model.loss`` across a world; gradients become the mean over its processes.

    Args:
        model: the same weights in every process. For FSDP it may still be on the CPU: its parts
            move to the GPU one after the other, each as it is shared out.
    """

    def __init__(self, model: nn.Module, world: World) -> None:
        self.model, self.fsdp = model, world.fsdp
        self.ddp: DistributedDataParallel | None = None
        if world.fsdp:
            _shard(model)
        elif world.size > 1:
            self.ddp = DistributedDataParallel(_Loss(model))
        self.loss: Any = self.ddp if self.ddp is not None else model.loss

    def exchange(self, last: bool) -> AbstractContextManager[None]:
        """The context of a forward pass: gradients are exchanged after the last one of a step."""
        if self.fsdp:
            self.model.set_requires_gradient_sync(last)  # type: ignore[operator]
        if self.ddp is not None and not last:
            return self.ddp.no_sync()
        return nullcontext()


class _Loss(nn.Module):
    """DDP follows ``forward``, and here that is the loss."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> Tensor:
        return self.model.loss(batch)  # type: ignore[operator]


def _shard(model: nn.Module) -> None:
    """Share out every layer of a stack by itself, so that one at a time is whole in memory."""
    # Imported only where it is used: it takes longer than all the rest of the trainer.
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    for stack in [m for m in model.modules() if isinstance(m, nn.ModuleList)]:
        for layer in stack:
            fully_shard(layer)
    fully_shard(model)
    register_fsdp_forward_method(model, "loss")


def whole(tensor: Tensor) -> Tensor:
    """A tensor with all its shares, in every process; others as they are."""
    return tensor.full_tensor() if _is_shared_out(tensor) else tensor  # type: ignore[attr-defined]


def shared_like(tensor: Tensor, model: Tensor) -> Tensor:
    """A whole tensor shared out, and on the device, as ``model`` is."""
    if not _is_shared_out(model):
        return tensor.to(model.device)
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(model, DTensor)
    return distribute_tensor(
        tensor.to(model.device), model.device_mesh, model.placements, src_data_rank=None
    )


def _is_shared_out(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")  # only a DTensor has it


def map_tensors(f: Any, batch: Any) -> Any:
    """The batch with ``f`` applied to each tensor of its tuples and dictionaries."""
    if isinstance(batch, Tensor):
        return f(batch)
    if isinstance(batch, dict):
        return {name: map_tensors(f, part) for name, part in batch.items()}
    if isinstance(batch, tuple):
        parts = [map_tensors(f, part) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    return batch
