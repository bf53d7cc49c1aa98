"""``llm-nb generate``: continue a prompt with a trained GPT-2."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from llm_nb.generation import generate
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.pretrained import from_pretrained
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``generate`` and its options."""
    parser = subparsers.add_parser(
        "generate", help="continue a prompt", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("prompt", help="text to continue")
    add("--model", type=Path, default=SHIPPED, help="a folder that `llm-nb train` wrote")
    add("--tokens", type=int, default=100, help="new tokens at most")
    add("--temperature", type=float, default=0.8, help="0 is greedy")
    add("--top-k", type=int, default=None)
    add("--top-p", type=float, default=0.95)
    add("--seed", type=int, default=0, help="of weights and batches")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the prompt and its continuation."""
    model = from_pretrained(GPT2, args.model)
    tokenizer = ByteLevelBPE.load(args.model / "tokenizer.json")
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = torch.tensor([[end, *tokenizer.encode(args.prompt)]])
    generator = torch.Generator().manual_seed(args.seed)
    out = generate(
        model, ids, args.tokens, temperature=args.temperature, top_k=args.top_k, top_p=args.top_p,
        stop=end, generator=generator,
    )  # fmt: skip
    new = out[0, 1:].tolist()
    print(tokenizer.decode(new[: new.index(end)] if end in new else new))
    return 0
