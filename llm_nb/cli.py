"""`llm-nb`: the book's command line.

A sub-command is a module with `add_parser(subparsers)`, which sets `run(args) -> int` as a default.
Only the module of the command that was asked for is imported, so `--help` never waits for torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

COMMANDS = {  # name: (module, one line of help)
    "address": ("llm_nb.address", "show, set or check the repository's address"),
    "train": ("llm_nb.commands.train", "train a GPT-2 on a corpus and save it"),
    "generate": ("llm_nb.commands.generate", "continue a prompt with a trained GPT-2"),
}


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser: `chosen`'s options in full, the other commands by name only."""
    parser = argparse.ArgumentParser(
        prog="llm-nb", description="The command line of LLM Notebooks."
    )
    parser.add_argument("--version", action="version", version=f"llm-nb {version('llm-nb')}")
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name, (module, line) in COMMANDS.items():
        if name == chosen:
            import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=line)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; bad input is one line on stderr and 2."""
    argv = sys.argv[1:] if argv is None else list(argv)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    try:
        args = build_parser(chosen).parse_args(argv)
        return int(args.run(args))
    except (ValueError, OSError) as error:
        print(f"llm-nb: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
