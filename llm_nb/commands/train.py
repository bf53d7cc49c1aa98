"""``llm-nb train``: train a GPT-2 on a corpus and write a folder that anything can load.

The folder holds config.json, model.safetensors and tokenizer.json in the Hugging Face
formats, training.json (the command, the data, the seed, and the figures they gave), and the
checkpoints, from which ``--resume`` goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from llm_nb.data.batches import consecutive_windows, token_stream
from llm_nb.data.corpora import CORPORA, load_corpus
from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.files import write_whole
from llm_nb.metrics import bits_per_byte, total_bits
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import save_pretrained
from llm_nb.runtime import start
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE
from llm_nb.training import TrainConfig, Trainer


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``train`` and its options."""
    parser = subparsers.add_parser(
        "train",
        help="train a GPT-2 and save it",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--corpus",
        default="standard-library",
        help=f"{', '.join(CORPORA)}, or a text file or folder",
    )
    add("--out", type=Path, required=True, help="the folder to write")
    add("--vocab-size", type=int, default=4096, help="ids of the tokenizer, which is trained first")
    add("--context", type=int, default=256, help="longest sequence, in tokens")
    add("--d-model", type=int, default=192, help="width")
    add("--layers", type=int, default=6, help="blocks")
    add("--heads", type=int, default=6, help="attention heads a block")
    add("--dropout", type=float, default=0.0, help="share of activations dropped")
    add("--steps", type=int, default=3600, help="optimiser steps")
    add("--batch-size", type=int, default=8, help="windows a step")
    add("--lr", type=float, default=2e-3, help="peak learning rate")
    add("--warmup", type=int, default=100, help="steps until the peak")
    add(
        "--eval-every",
        type=int,
        default=200,
        help="steps between evaluations on the validation text",
    )
    add("--seed", type=int, default=0, help="of weights and batches")
    add("--threads", type=int, default=None, help="CPU threads; default: torch's choice")
    add("--store", choices=("fp32", "fp16"), default="fp16", help="type of the saved weights")
    add("--resume", action="store_true", help="go on from the last checkpoint in --out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate what was saved, write the folder."""
    if args.threads:
        torch.set_num_threads(args.threads)
    where = start("train", seed=args.seed)
    config = GPT2Config(
        args.vocab_size, args.context, args.d_model, args.layers, args.heads, args.dropout
    )
    corpus = load_corpus(args.corpus)
    print(corpus)
    args.out.mkdir(parents=True, exist_ok=True)  # a place that cannot be written fails now
    tokenizer = ByteLevelBPE.train(corpus.train, args.vocab_size, [END_OF_TEXT])
    if tokenizer.vocab_size < args.vocab_size:
        raise ValueError(
            f"the corpus has merges for {tokenizer.vocab_size} ids only: use --vocab-size {tokenizer.vocab_size}"
        )
    end = tokenizer.special_tokens[END_OF_TEXT]
    train_ids = token_stream(tokenizer.encode, corpus.train, end)
    val_ids = token_stream(tokenizer.encode, corpus.validation, end)
    n_bytes = corpus.n_bytes("validation")

    model = GPT2(config).to(where.device)

    def evaluate() -> float:
        windows = consecutive_windows(val_ids, args.context, 32)
        value = bits_per_byte(total_bits(model, windows, where.device, where.autocast()), n_bytes)
        print(f"step {len(trainer.history.loss)}: {value:.4f} bits per byte", flush=True)
        return value

    trainer = Trainer(
        model,
        Feed(RandomWindows(train_ids, args.context, args.batch_size, args.seed)),
        TrainConfig(
            steps=args.steps,
            lr=args.lr,
            warmup=args.warmup,
            eval_every=args.eval_every,
            save_every=args.eval_every,
            precision=where.precision,
        ),
        evaluate,
        folder=args.out / "checkpoints",
    )
    if args.resume and (done := trainer.resume()):
        print(f"going on after step {done}")
    history = trainer.fit()
    if history.interrupted:
        print(f"saved at step {trainer.step}: the same command with --resume goes on")
        return 130

    dtype = torch.float16 if args.store == "fp16" else torch.float32
    save_pretrained(model, args.out, dtype)
    tokenizer.save(args.out / "tokenizer.json")
    with torch.no_grad():  # judge what was saved, not what was in memory
        for weight in model.parameters():
            weight.copy_(weight.to(dtype))
    figures = {
        "command": "llm-nb " + " ".join(sys.argv[1:]),
        "corpus": str(corpus),
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "seed": args.seed,
        "config": asdict(config),
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_tokens": len(train_ids),
        "steps": len(history.loss),
        "tokens_seen": history.tokens,
        "seconds": round(history.seconds, 1),
        "val_bits_per_byte": round(evaluate(), 5),
        "val": [[s, round(t, 1), round(v, 5)] for s, t, v in history.val],
        "loss": [round(value, 4) for value in history.smoothed_loss(20)],
    }
    lines = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in figures.items())
    write_whole(args.out / "training.json", f"{{\n{lines}\n}}\n")
    print(
        f"wrote {args.out}: {figures['val_bits_per_byte']} bits per byte after {history.seconds / 60:.0f} min"
    )
    return 0
