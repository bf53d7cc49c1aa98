"""A training run from its settings to the folder that it leaves."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from llm_nb.commands.model_folder import build, plain, write_model_folder
from llm_nb.commands.settings import Settings
from llm_nb.commands.token_folder import (
    TOKENIZER,
    TokenFolder,
    read_tokens,
    train_tokenizer,
    write_tokens,
)
from llm_nb.data.batches import IGNORE, consecutive_windows
from llm_nb.data.corpora import load_corpus
from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.files import remove_folder, write_whole
from llm_nb.metrics import bits_per_byte, total_bits
from llm_nb.models.gpt2 import GPT2
from llm_nb.runtime import autocast, find_device, find_precision, keep_freed_memory, seed_everything
from llm_nb.training import Trainer
from llm_nb.training.flops import transformer_flops_per_token
from llm_nb.training.progress import Watch, tensorboard
from llm_nb.training.snapshot import model_tensors
from llm_nb.training.world import World, join

RUN, RECORD, CHECKPOINTS = "run.toml", "training.json", "checkpoints"
INTERRUPTED = 130  # the exit status that shells give Ctrl-C


def train(settings: Settings, out: Path, command: str, resume: bool) -> int:
    """Train, or go on, and write the folder; the exit status.

    Raises:
        ValueError: settings, data or checkpoints do not allow it.
        OSError: a place cannot be written.
        FloatingPointError: the loss became NaN or infinite.
    """
    if settings.run.threads:
        torch.set_num_threads(settings.run.threads)
    with join(settings.run.strategy) as world, _only_the_main_prints(world):
        device = find_device()
        settings = settings.on(find_precision(device))
        seed_everything(settings.run.seed)
        keep_freed_memory()
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        processes = f", {world.size} processes" if world.size > 1 else ""
        print(
            f"{name}{processes}, {settings.train.precision}, "
            f"torch {torch.__version__}, seed {settings.run.seed}"
        )
        if world.main:
            _prepare(settings, out, resume)
        world.wait()
        return _Run(settings, out, command, world, device).go(resume)


def _prepare(settings: Settings, out: Path, resume: bool) -> None:
    """What must be on the disk before training; first of all, to see that it can be written."""
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        write_whole(out / RUN, settings.toml())
    if settings.data.corpus is not None:
        if (out / "tokens").exists() and not resume:  # of a start that did not come to a checkpoint
            remove_folder(out / "tokens")
        if not (out / "tokens").exists():
            corpus = load_corpus(settings.data.corpus)
            tokenizer = train_tokenizer(corpus, settings.model.vocab_size)
            write_tokens(corpus, tokenizer, out / "tokens")


class _Run:
    """One process's part in a run."""

    def __init__(
        self, settings: Settings, out: Path, command: str, world: World, device: torch.device
    ) -> None:
        self.settings, self.out, self.command = settings, out, command
        self.world, self.device = world, device
        self.tokens = read_tokens(settings.data.tokens or out / "tokens")
        self.model = build(settings.model, self.tokens.tokenizer.vocab_size).to(device)
        if world.rank:  # every process its own dropout
            torch.manual_seed(settings.run.seed + world.rank)
        self.judge = _Judge(settings, self.tokens, world)
        source = RandomWindows(
            self.tokens.train, settings.context, settings.data.batch_size, settings.run.seed
        )
        self.trainer = Trainer(
            self.model,
            Feed(source, settings.data.workers),
            settings.train,
            lambda: self.judge(self.model, device),
            folder=out / CHECKPOINTS,
            world=world,
            watch=self._watch() if world.main else None,
            flops_per_token=_flops(self.model, settings.context),
        )

    def go(self, resume: bool) -> int:
        """Train and write; the exit status."""
        trainer, out = self.trainer, self.out
        print(self.tokens.corpus)
        weights = sum(p.numel() for p in self.model.parameters())
        print(f"{weights:,} weights, {len(self.tokens.train):,} tokens to train on")
        if self.world.main:
            self.tokens.tokenizer.save(out / TOKENIZER)
        if resume and (step := trainer.resume()):
            print(f"going on from step {step}")
        if not trainer.history.stopped_early:
            trainer.fit()
        if trainer.history.interrupted:
            _say_how_to_go_on(trainer, out)
            return INTERRUPTED
        if self.settings.train.patience is not None:
            trainer.load_best()
        tensors = model_tensors(self.model)  # of all processes together
        if self.world.main:
            self._write(tensors)
        self.world.wait()
        return 0

    def _write(self, tensors: dict[str, Tensor]) -> None:
        """The folder, and the figures of what was saved, not of what was in memory."""
        settings, history = self.settings, self.trainer.history
        dtype = {"fp32": torch.float32, "fp16": torch.float16}[settings.run.store]
        model = plain(settings.model, tensors, self.tokens.tokenizer)
        with torch.no_grad():
            for weight in model.parameters():
                weight.copy_(weight.to(dtype))
        write_model_folder(model, self.out, dtype)
        figures = {
            "command": self.command,
            "corpus": self.tokens.corpus,
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
            "seed": settings.run.seed,
            "config": asdict(model.config),
            "parameters": sum(p.numel() for p in model.parameters()),
            "train_tokens": len(self.tokens.train),
            "steps": len(history.loss),
            "tokens_seen": history.tokens,
            "seconds": round(history.seconds, 1),
            "interrupted": history.interrupted,
            "val_bits_per_byte": round(self.judge(model.to(self.device), self.device), 5),
            "val": [[s, round(t, 1), round(v, 5)] for s, t, v in history.val],
            "loss": [round(value, 4) for value in history.smoothed_loss(20)],
        }
        lines = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in figures.items())
        write_whole(self.out / RECORD, f"{{\n{lines}\n}}\n")
        print(
            f"wrote {self.out}: {figures['val_bits_per_byte']} bits per byte "
            f"after {history.seconds / 60:.1f} min of training"
        )

    def _watch(self) -> Watch:
        board = tensorboard(self.out / "tensorboard") if self.settings.run.tensorboard else None

        def watch(step: int, figures: dict[str, float]) -> None:
            if board is not None:
                board(step, figures)
            if "validation" in figures:
                tqdm.write(f"step {step}: {figures['validation']:.4f} bits per byte")

        return watch


class _Judge:
    """Bits per byte of a model on the validation tokens."""

    def __init__(self, settings: Settings, tokens: TokenFolder, world: World) -> None:
        self.precision, self.context = settings.train.precision, settings.context
        self.rows = max(
            1, settings.data.batch_size // world.size
        )  # as many as a training step holds
        most = settings.data.validation_tokens
        self.ids = tokens.validation[: None if most is None else most + 1]
        lengths = torch.tensor(tokens.tokenizer.byte_lengths)
        # The end of a document costs bits like any token, and stands for no byte.
        self.n_bytes = sum(int(lengths[y[y != IGNORE]].sum()) for _, y in self._windows())

    def __call__(self, model: nn.Module, device: torch.device) -> float:
        context = autocast(device, self.precision)
        return bits_per_byte(total_bits(model, self._windows(), device, context), self.n_bytes)

    def _windows(self) -> Iterator[tuple[Tensor, Tensor]]:
        return consecutive_windows(self.ids, self.context, self.rows)


@contextmanager
def _only_the_main_prints(world: World) -> Iterator[None]:
    if world.main:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def _flops(model: nn.Module, context: int) -> float | None:
    """For a token of training, of the models of which it is known."""
    if not isinstance(model, GPT2):
        return None
    weights = sum(p.numel() for p in model.parameters()) - model.wpe.weight.numel()
    return transformer_flops_per_token(
        weights, model.config.n_layers, model.config.d_model, context
    )


def _say_how_to_go_on(trainer: Trainer, out: Path) -> None:
    assert trainer.checkpoints is not None
    steps = trainer.checkpoints.steps()
    if steps:
        print(f"stopped at step {trainer.step}, saved at step {steps[-1]}; to go on:")
        print(f"llm-nb train --resume --out {out}")
    else:
        print(f"stopped at step {trainer.step}, before anything was saved")
