"""``llm-nb generate``: continue a prompt with a trained GPT-2."""

from __future__ import annotations

import argparse
from pathlib import Path

from llm_nb.shipped import SHIPPED

DESCRIPTION = """\
Continue a prompt with a trained GPT-2: the one that comes with the package, or any folder in the
Hugging Face format. Text appears as it is drawn; the same seed draws the same text.
"""

EPILOG = """\
examples:
  llm-nb generate "def main("
      with the weights of the package, which have read Python's standard library
  llm-nb generate "def main(" --model tiny --temperature 0
      with what `llm-nb train` wrote, always the most probable token
  llm-nb generate "class Queue:" --beams 4 --tokens 40
      the most probable text that a beam search finds
"""


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults are shown, and lines stay as they are."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``generate`` and its options."""
    parser = subparsers.add_parser(
        "generate",
        help="continue a prompt",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Help,
    )
    add = parser.add_argument
    add("prompt", help="text to continue")
    add(
        "--model", type=Path, default=SHIPPED, help="a folder that `llm-nb train` or `export` wrote"
    )
    add("--tokens", type=int, default=100, help="new tokens at most")
    add("--temperature", type=float, default=0.8, help="0 is greedy")
    add("--top-k", type=int, default=None, help="draw from so many tokens only")
    add("--top-p", type=float, default=0.95, help="draw from the fewest that have this share")
    add("--repetition-penalty", type=float, default=1.0, help="over 1: fewer repetitions")
    add("--beams", type=int, default=None, help="beam search with so many beams, no sampling")
    add("--stop", action="append", default=[], metavar="TEXT", help="end after this text")
    add("--int8", action="store_true", help="weights in 8 bits: faster, a little less exact")
    add("--seed", type=int, default=0, help="of the draws")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the prompt and its continuation, sampled text as it comes."""
    import torch

    from llm_nb.generation import TextStreamer, beam_search, generate
    from llm_nb.models.gpt2 import GPT2
    from llm_nb.models.inference import FastGPT2
    from llm_nb.models.pretrained import from_pretrained
    from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

    if args.beams is not None and (args.stop or args.top_k):
        raise ValueError("--beams searches and does not sample: leave out --stop and --top-k")
    gpt2 = from_pretrained(GPT2, args.model)
    model = FastGPT2(gpt2, rows=args.beams or 1, int8=args.int8)
    tokenizer = ByteLevelBPE.load(args.model / "tokenizer.json")
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = torch.tensor([[end, *tokenizer.encode(args.prompt)]])
    if args.beams is not None:
        out = beam_search(
            model, ids, args.tokens, n_beams=args.beams, stop=end,
            repetition_penalty=args.repetition_penalty,
        ).ids[0, 0, 1:].tolist()  # fmt: skip
        print(tokenizer.decode(out[: out.index(end)] if end in out else out))
        return 0
    streamer = TextStreamer(tokenizer.decode, lambda text: print(text, end="", flush=True))

    def show(new: torch.Tensor) -> None:
        if not streamer.ids:  # not before generation has begun, which may refuse
            for token in ids[0, 1:]:
                streamer(token[None])
        if int(new[0]) != end:
            streamer(new)

    generate(
        model, ids, args.tokens, temperature=args.temperature, top_k=args.top_k, top_p=args.top_p,
        repetition_penalty=args.repetition_penalty, stop=end, stop_strings=args.stop,
        decode=tokenizer.decode, streamer=show,
        generator=torch.Generator().manual_seed(args.seed),
    )  # fmt: skip
    print(streamer.rest())
    return 0
