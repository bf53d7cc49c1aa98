"""``llm-nb tokenize``: text to tokens on the disk, once for many runs."""

from __future__ import annotations

import argparse
from pathlib import Path

DESCRIPTION = """\
Turn text into tokens on the disk, for runs with [data] tokens = FOLDER.

`llm-nb train` does this by itself for a corpus; do it apart where many runs read the same text, or
before a run of many processes, which would wait for it.

Written: train.npy, validation.npy, tokenizer.json, corpus.json. A tenth of the documents is held
out for validation; a paragraph that recurs is dropped, so that none stands on both sides.
"""

EPILOG = """\
examples:
  llm-nb tokenize standard-library --out library --vocab-size 4096
      the source of Python's standard library, some ten seconds
  llm-nb tokenize texts/ --out tokens --vocab-size 50257
      every *.txt under texts/, with a tokenizer trained on them
  llm-nb tokenize texts/ --out tokens --tokenizer gpt2/tokenizer.json
      with a tokenizer that is there, such as the released GPT-2's
  llm-nb train gpt2-124m --out gpt2 --set data.tokens=tokens
      what reads it
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``tokenize`` and its options."""
    parser = subparsers.add_parser(
        "tokenize",
        help="turn text into tokens",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "corpus",
        help="standard-library, language-reference, a UTF-8 text file or a folder of *.txt files",
    )
    add("--out", type=Path, required=True, help="the folder to write, which must not exist yet")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--tokenizer", type=Path, help="a tokenizer.json to use")
    which.add_argument("--vocab-size", type=int, help="ids of a tokenizer to train on the text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the folder and say how large it is."""
    from llm_nb.commands.token_folder import read_tokens, train_tokenizer, write_tokens
    from llm_nb.data.corpora import load_corpus
    from llm_nb.text.bpe import ByteLevelBPE

    if args.out.exists():
        raise ValueError(f"{args.out} exists already: choose another --out, or delete it")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = ByteLevelBPE.load(args.tokenizer) if args.tokenizer else None
    corpus = load_corpus(args.corpus)
    print(corpus)
    write_tokens(corpus, tokenizer or train_tokenizer(corpus, args.vocab_size), args.out)
    tokens = read_tokens(args.out)
    print(
        f"wrote {args.out}: {len(tokens.train):,} tokens to train on, {len(tokens.validation):,} "
        f"held out, {tokens.tokenizer.vocab_size:,} ids"
    )
    return 0
