"""``llm-nb export``: a checkpoint of a run as a folder in the Hugging Face format."""

from __future__ import annotations

import argparse
from pathlib import Path

DESCRIPTION = """\
Write a checkpoint of a training run in the Hugging Face format: config.json, model.safetensors,
tokenizer.json. `transformers` opens it, and so does `llm-nb generate`.

A run that is complete has written its last weights so already; this is for one that was stopped,
for its best checkpoint, for an earlier one, or for another type of numbers.
"""

EPILOG = """\
examples:
  llm-nb export tiny --out tiny-best --best
      the checkpoint with the fewest bits per byte
  llm-nb export tiny/checkpoints/step-00000400 --out early
      that one (also: llm-nb export tiny --step 400 --out early)
  llm-nb export gpt2 --out gpt2-bf16 --dtype bf16
      the last one, in half the bytes
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
    add("source", type=Path, help="the folder of a run, or one of its checkpoints")
    add("--out", type=Path, required=True, help="the folder to write")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--step", type=int, help="the checkpoint of this step; else the last")
    which.add_argument("--best", action="store_true", help="the checkpoint that was judged best")
    add("--dtype", choices=("fp32", "fp16", "bf16"), default="fp32", help="default: fp32")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find the checkpoint, write the folder."""
    import torch

    from llm_nb.commands import presets
    from llm_nb.commands.model_folder import plain, write_model_folder
    from llm_nb.commands.settings import Settings
    from llm_nb.commands.token_folder import TOKENIZER
    from llm_nb.commands.training_run import CHECKPOINTS, RUN
    from llm_nb.text.bpe import ByteLevelBPE
    from llm_nb.training.checkpoints import Checkpoints

    folder, step = args.source, args.step
    if folder.name.startswith("step-") and folder.name[5:].isdigit():
        if step is not None or args.best:
            raise ValueError(f"{folder} is one checkpoint: leave out --step and --best")
        folder, step = folder.absolute().parents[1], int(folder.name[5:])
    if not (folder / RUN).is_file():
        raise ValueError(f"{folder} has no {RUN}: give a folder that `llm-nb train` wrote")
    if args.out.resolve() == folder.resolve():
        raise ValueError(f"{args.out} is the run itself: choose another --out")
    settings = Settings.of(presets.read(str(folder / RUN)))
    if settings.kind != "gpt2":
        raise ValueError(
            f"{folder} holds a model of kind {settings.kind!r}, which has no Hugging Face format: "
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
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[args.dtype]
    write_model_folder(model, args.out, dtype)
    tokenizer.save(args.out / TOKENIZER)
    print(f"wrote {args.out}: step {step} of {folder}")
    return 0
