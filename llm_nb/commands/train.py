"""``llm-nb train``: a run described by a preset or a TOML file."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from llm_nb.commands import presets

if TYPE_CHECKING:
    from llm_nb.commands.settings import Settings

DESCRIPTION = """\
Train a language model as a preset or a TOML file describes it.

What happens: a tokenizer is trained on the text and the text is turned into tokens (unless they
were prepared by `llm-nb tokenize`); the model trains, printing one line at each evaluation on text
held out; checkpoints are written as it goes. Ctrl-C saves and ends; --resume goes on exactly.

What is written into the folder given by --out:
  run.toml             every setting of the run; `llm-nb train FOLDER/run.toml` repeats it
  tokens/              the text as tokens
  checkpoints/         the last few, and the best
and at the end
  config.json, model.safetensors, tokenizer.json
                       the model; a GPT-2 in the Hugging Face format
  training.json        the figures: bits per byte at each evaluation, losses, time
"""

EPILOG = """\
examples:
  llm-nb train gpt2-tiny --out tiny
      then: llm-nb generate "def main(" --model tiny
  llm-nb train gpt2-tiny --out story --set data.corpus=story.txt --set train.steps=300
      the same model on your text, with three hundred steps
  llm-nb train --resume --out story
      go on where it was stopped or killed
  torchrun --nproc-per-node 8 -m llm_nb train gpt2-124m --out gpt2 --set data.tokens=tokens
      the same command on 8 GPUs; each batch is divided among them. Where a process is lost, all
      end with one line that says so; the same command with --resume goes on from the last
      checkpoint. torchrun --max-restarts 3 does that by itself, up to three times (on several
      machines set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for it, or the new processes look for
      the old ones)

a file of your own has four tables:
  [model]  kind = "gpt2", "lstm", "gru" or "rnn"; vocab_size, context, d_model, n_layers …
  [data]   corpus = "standard-library", "language-reference" or a path of text, or
           tokens = a folder that `llm-nb tokenize` wrote; batch_size, workers …
  [train]  steps, lr, schedule, warmup, weight_decay, accumulate, precision, eval_every,
           save_every, patience …
  [run]    seed, threads, store, strategy, tensorboard

presets:
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``train`` and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a language model and save it",
        description=DESCRIPTION,
        epilog=EPILOG + presets.listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("what", nargs="?", metavar="PRESET or FILE.toml", help="what to train; see below")
    add("--out", type=Path, help="the folder to write")
    add("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting")
    add("--resume", action="store_true", help="go on from the last checkpoint of --out")
    add("--list", action="store_true", help="list the presets and end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Settle the settings, then train."""
    if args.list:
        print(presets.listing())
        return 0
    tables = presets.read(args.what) if args.what else None
    if tables is None and not args.resume:
        raise ValueError("say what to train: a preset (`llm-nb train --list`) or a TOML file")
    from llm_nb.commands.settings import Settings
    from llm_nb.commands.training_run import RECORD, RUN, train
    from llm_nb.training.world import restarts

    given = Settings.of(presets.override(tables, args.set)) if tables is not None else None
    out = args.out or (Path(given.run.out) if given is not None and given.run.out else None)
    if out is None:
        raise ValueError("say where to write it: --out FOLDER")
    # Started again by torchrun after a process was lost: nobody is there to add --resume.
    resume = args.resume or (restarts() > 0 and (out / RUN).is_file())
    if resume:
        settings = _recorded(out, given, args.set)
        if (out / RECORD).exists():
            print(f"{out} is complete: its figures are in {out / RECORD}")
            return 0
    else:
        assert given is not None
        settings = given
        _check_new(out)
    return train(settings, out, shlex.join(["llm-nb", *args.argv]), resume)


def _check_new(out: Path) -> None:
    """Refuse a folder that has a run or a model."""
    from llm_nb.commands.training_run import CHECKPOINTS, RECORD
    from llm_nb.training.checkpoints import Checkpoints

    if (out / RECORD).exists() or (out / "config.json").exists():
        raise ValueError(f"{out} has a trained model already: choose another --out, or delete it")
    if Checkpoints(out / CHECKPOINTS).steps():
        raise ValueError(
            f"{out} has a run that is not complete: go on with `llm-nb train --resume --out {out}`, "
            "choose another --out, or delete it"
        )


def _recorded(out: Path, given: Settings | None, changes: list[str]) -> Settings:
    """The settings that the run in ``out`` began with, and of those given what may change."""
    from llm_nb.commands.settings import Settings, differences
    from llm_nb.commands.training_run import RUN

    if not (out / RUN).is_file():
        raise ValueError(f"{out} has no {RUN}, so no run to go on with: leave out --resume")
    tables = presets.read(str(out / RUN))
    old = Settings.of(tables)
    new = given or Settings.of(presets.override(tables, changes))
    new = new.on(old.train.precision)
    if changed := differences(old, new):
        raise ValueError(
            f"the run in {out} began with other settings ({changed}): set them back, "
            "or start a new run in another folder"
        )
    return new
