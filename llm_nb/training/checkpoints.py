"""A folder of checkpoints: each whole or not there, the last few kept, and the best.

A checkpoint is a folder, ``step-00000400``::

    model.safetensors      the model's tensors by their names
    training.safetensors   the optimiser's moments and the states of random generators
    training.json          everything else: step, settings, place in the data, history

and ``best.json`` beside them names the one with the lowest evaluation.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from llm_nb.files import remove_folder, sweep, whole_folder, write_whole

MODEL, TENSORS, RECORD, BEST = (
    "model.safetensors",
    "training.safetensors",
    "training.json",
    "best.json",
)


@dataclass(frozen=True)
class Checkpoint:
    """What one holds."""

    model: dict[str, Tensor]
    tensors: dict[str, Tensor]
    record: dict[str, Any]


class Checkpoints:
    """Those of one run.

    Args:
        folder: made when the first is written.
        keep: how many of the last stay, the best not counted.
    """

    def __init__(self, folder: str | Path, keep: int = 2) -> None:
        self.folder, self.keep = Path(folder), keep

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, in order."""
        if not self.folder.is_dir():
            return []
        names = (re.fullmatch(r"step-(\d{8})", path.name) for path in self.folder.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"step-{step:08}"

    def best(self) -> int | None:
        """The step of the best one; None if none was evaluated."""
        path = self.folder / BEST
        if not path.is_file():
            return None
        try:
            return int(json.loads(path.read_text("utf-8"))["step"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} is damaged: delete it, and the best is found anew") from None

    def write(self, step: int, checkpoint: Checkpoint, best: float | None = None) -> Path:
        """Write the checkpoint of a step, then delete those that need not be kept.

        Args:
            best: its evaluation, if that is the best so far.

        Raises:
            OSError: it could not be written; the others are unchanged.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        path = self.path(step)
        if not path.exists():  # one step has one state
            with whole_folder(path) as folder:
                save_file(checkpoint.model, folder / MODEL, {"format": "pt"})
                save_file(checkpoint.tensors, folder / TENSORS, {"format": "pt"})
                sizes = {name: (folder / name).stat().st_size for name in (MODEL, TENSORS)}
                record = checkpoint.record | {"bytes": sizes}
                (folder / RECORD).write_text(json.dumps(record), "utf-8")
                for name in sizes:
                    os.chmod(folder / name, 0o644)  # safetensors writes for its owner alone
        if best is not None:
            write_whole(self.folder / BEST, json.dumps({"step": step, "value": best}) + "\n")
        for old in self._not_kept():
            remove_folder(self.path(old))
        return path

    def _not_kept(self) -> list[int]:
        steps = self.steps()
        return [step for step in steps[: -self.keep] if step != self.best()]

    def read(self, step: int) -> Checkpoint:
        """The checkpoint of a step.

        Raises:
            ValueError: it is damaged, or a pickle.
        """
        path = self.path(step)
        try:
            record = json.loads((path / RECORD).read_text("utf-8"))
            for name, size in record["bytes"].items():
                found = (path / name).stat().st_size
                if found != size:
                    raise ValueError(f"{name} has {found:,} of {size:,} bytes")
            return Checkpoint(load_file(path / MODEL), load_file(path / TENSORS), record)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            older = [str(self.path(s)) for s in self.steps() if s < step]
            remedy = f"go on from {older[-1]}" if older else "start anew"
            raise ValueError(
                f"the checkpoint {path} is damaged ({error}): delete that folder to {remedy}"
            ) from error
