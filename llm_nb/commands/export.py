"""``llm-nb export``: a checkpoint of a run as a folder in the Hugging Face format, or for a web page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_nb.text.bpe import ByteLevelBPE

DESCRIPTION = """\
Write a checkpoint of a training run in the Hugging Face format: config.json, model.safetensors,
tokenizer.json. `transformers` opens it, and so does `llm-nb generate`.

A run that is complete has written its last weights so already; this is for one that was stopped,
for its best checkpoint, for an earlier one, or for another type of numbers.

With --web it writes one script instead, FILE.js, that a web page loads and runs with no server
and no Python: a GPT-2's weights in 8 bits, and its tokenizer. The source may then also be a folder
in the Hugging Face format.
"""

EPILOG = """\
examples:
  llm-nb export tiny --out tiny-best --best
      the checkpoint with the fewest bits per byte
  llm-nb export tiny/checkpoints/step-00000400 --out early
      that one (also: llm-nb export tiny --step 400 --out early)
  llm-nb export gpt2 --out gpt2-bf16 --dtype bf16
      the last one, in half the bytes
  llm-nb export tiny --out tiny.js --web
      for a page
in Python:
  transformers.AutoModelForCausalLM.from_pretrained("tiny-best")
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``export`` and its options."""
    parser = subparsers.add_parser(
        "export",
        help="write a checkpoint in the Hugging Face format",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "source",
        type=Path,
        help="a run's folder or one of its checkpoints; with --web also a Hugging Face folder",
    )
    add("--out", type=Path, required=True, help="the folder to write; with --web the file")
    add("--web", action="store_true", help="write one script for a web page, the weights in 8 bits")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--step", type=int, help="the checkpoint of this step; else the last")
    which.add_argument("--best", action="store_true", help="the checkpoint that was judged best")
    add("--dtype", choices=("fp32", "fp16", "bf16"), help="default: fp32")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the checkpoint, write the folder or the file."""
    import torch

    from llm_nb.commands.model_folder import write_model_folder
    from llm_nb.commands.token_folder import TOKENIZER
    from llm_nb.models.web import write_web_script

    if args.web and args.dtype:
        raise ValueError("--web writes 8 bits: leave out --dtype")
    if args.web and args.out.suffix != ".js":
        raise ValueError(f"{args.out} is no script's name: choose an --out that ends in .js")
    model, tokenizer, what = _read(args)
    if args.web:
        weights, size = write_web_script(model, tokenizer, args.out)
        print(f"wrote {args.out}: {what}, {weights / 1e6:.2f} MB of weights in {size / 1e6:.2f} MB")
        return 0
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(args.dtype, torch.float32)
    write_model_folder(model, args.out, dtype)
    tokenizer.save(args.out / TOKENIZER)
    print(f"wrote {args.out}: {what}")
    return 0


def _read(args: argparse.Namespace) -> tuple[Any, ByteLevelBPE, str]:
    """The model on the CPU, its tokenizer, and where they came from."""
    from llm_nb.commands import presets
    from llm_nb.commands.model_folder import plain
    from llm_nb.commands.settings import Settings
    from llm_nb.commands.token_folder import TOKENIZER
    from llm_nb.commands.training_run import CHECKPOINTS, RUN
    from llm_nb.models.gpt2 import GPT2
    from llm_nb.models.pretrained import from_pretrained
    from llm_nb.text.bpe import ByteLevelBPE
    from llm_nb.training.checkpoints import Checkpoints

    folder, step = args.source, args.step
    if folder.name.startswith("step-") and folder.name[5:].isdigit():
        if step is not None or args.best:
            raise ValueError(f"{folder} is one checkpoint: leave out --step and --best")
        folder, step = folder.absolute().parents[1], int(folder.name[5:])
    if args.out.resolve() == folder.resolve():
        raise ValueError(f"{args.out} is the run itself: choose another --out")
    if not (folder / RUN).is_file():
        if args.web and (folder / "config.json").is_file():
            if step is not None or args.best:
                raise ValueError(f"{folder} is one model, no run: leave out --step and --best")
            if not (folder / TOKENIZER).is_file():
                raise ValueError(f"{folder} has no {TOKENIZER}: put the model's own beside it")
            tokenizer = ByteLevelBPE.load(folder / TOKENIZER)
            return from_pretrained(GPT2, folder), tokenizer, str(folder)
        raise ValueError(f"{folder} has no {RUN}: give a folder that `llm-nb train` wrote")
    settings = Settings.of(presets.read(str(folder / RUN)))
    if settings.kind != "gpt2":
        form = "nothing in a page that runs it" if args.web else "no Hugging Face format"
        raise ValueError(
            f"{folder} holds a model of kind {settings.kind!r}, which has {form}: "
            "only gpt2 can be exported"
        )
    checkpoints = Checkpoints(folder / CHECKPOINTS)
    steps = checkpoints.steps()
    if args.best:
        step = checkpoints.best()
    elif step is None and steps:
        step = steps[-1]
    if step not in steps:
        there = ", ".join(map(str, steps)) or "none"
        asked = "a best one" if args.best else f"step {step}" if step is not None else "any"
        raise ValueError(f"{folder} has no checkpoint of {asked}: there is {there}")
    tokenizer = ByteLevelBPE.load(folder / TOKENIZER)
    model = plain(settings.model, checkpoints.read(step).model, tokenizer)
    return model, tokenizer, f"step {step} of {folder}"
