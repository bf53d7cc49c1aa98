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
    "train": ("llm_nb.commands.train", "train a language model and save it"),
    "tokenize": ("llm_nb.commands.tokenize", "turn text into tokens, once for many runs"),
    "export": ("llm_nb.commands.export", "write a checkpoint in the Hugging Face format"),
    "exercises": ("llm_nb.commands.exercises", "hand exercises out and grade them"),
    "generate": ("llm_nb.commands.generate", "continue a prompt with a trained GPT-2"),
}

EPILOG = """\
examples:
  llm-nb train --list                       what can be trained, what it needs, what it gave
  llm-nb train gpt2-tiny --out tiny         train a small GPT-2, a minute on a laptop
  llm-nb generate "def main(" --model tiny  let it write
  llm-nb COMMAND --help                     how a command is used
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps a command and its line of help on one line: argparse allows names of 8 letters."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = max(map(len, COMMANDS)) + 4  # where the names are indented to


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser: `chosen`'s options in full, the other commands by name only."""
    parser = argparse.ArgumentParser(
        prog="llm-nb",
        description="The command line of LLM Notebooks.",
        epilog=EPILOG,
        formatter_class=_Formatter,
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
    """Run one command and return its exit status; what stops it is one line on stderr and 2."""
    argv = sys.argv[1:] if argv is None else list(argv)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    try:
        args = build_parser(chosen).parse_args(argv)
        args.argv = argv
        return int(args.run(args))
    except (ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"llm-nb: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("llm-nb: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
