"""``llm-nb microworld``: train a model of words on endless stories whose entropy is known."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Train a language model on stories of the microworld, fresh ones in every batch, and judge it on
stories that were held out, beside the entropy of the language, which no model can go under.
Writes record.json and the weights, in 16 bits.

rnn, lstm and gpt2 are sized for a minute of two cores; bert for some minutes of one; gpt2-long for
an hour of one. bert, and neighbours, which counts, guess hidden words from both sides.
"""

EPILOG = """\
examples:
  llm-nb microworld gpt2 --out small
      the Transformer of a minute: weights, and bits a word as training went on
  llm-nb microworld lstm --lr 0.01 --part validation --out try
      another rate, judged on the stories that are for choosing settings
  llm-nb microworld ngram --out counts
      Kneser-Ney of every order that fits, on as many stories as rnn, lstm and gpt2 read
  llm-nb microworld bert --short 0 --out whole
      no short stories first, to see what they are worth
"""

# Rates and warm-up were chosen by bits a word on the validation stories, from some tries for each.
# The deeper gpt2-long learns faster with these (at step 3,000, against twice the rate).
# bert reads short stories for its first 1,500 steps: see ``MaskedStories``.
MODELS: dict[str, dict[str, Any]] = {
    "rnn": {"steps": 3000, "lr": 5e-3, "warmup": 400, "d": 128, "layers": 1},
    "lstm": {"steps": 3000, "lr": 1e-2, "warmup": 400, "d": 128, "layers": 1},
    "gpt2": {"steps": 3000, "lr": 3e-3, "warmup": 400, "d": 64, "layers": 2, "heads": 4},
    "bert": {
        "steps": 5000,
        "lr": 3e-3,
        "warmup": 400,
        "d": 64,
        "layers": 2,
        "heads": 4,
        "short": 1500,
    },
    "gpt2-long": {"steps": 40_000, "lr": 1.5e-3, "warmup": 50, "d": 96, "layers": 4, "heads": 6},
}
BATCH = 16
COUNTED_STORIES = 3000 * BATCH  # as many as rnn, lstm and gpt2 read
COUNTS = ("ngram", "neighbours")  # these do not train
MASKED = ("bert", "neighbours")  # these guess hidden words, the others the next word
PARTS = ("validation", "test")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``microworld`` and its options."""
    parser = subparsers.add_parser(
        "microworld",
        help="train on stories whose entropy is known",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", choices=(*COUNTS, *MODELS), help="what to train")
    add("--out", type=Path, required=True, help="the folder to write")
    add("--steps", type=int, help="how many; the schedule ends with them")
    add("--lr", type=float, help="the peak of the learning rate")
    add("--short", type=int, help="bert: how many batches of short stories come first")
    add("--width", type=int, help="d_model, or the width of the recurrent state")
    add("--seed", type=int, default=0, help="of the weights and of the stories; default: 0")
    add("--part", choices=PARTS, default="test", help="the held-out stories; default: test")
    add("--language", choices=("en", "zh"), default="en", help="default: en")
    add("--threads", type=int, help="of the processor; default: all")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, judge, write."""
    import torch

    from llm_nb.data.microworld.batches import held_out
    from llm_nb.runtime import keep_freed_memory

    if args.out.exists() and any(args.out.iterdir()):
        raise ValueError(f"{args.out} is not empty: choose another --out")
    if args.short is not None and args.model != "bert":
        raise ValueError(f"--short is for bert, not for {args.model}: leave it out")
    if args.threads:
        torch.set_num_threads(args.threads)
    keep_freed_memory()
    judge = judge_of(args.model, held_out(500, part=PARTS.index(args.part)), args.language)
    work = {"ngram": _count, "neighbours": _count_neighbours}.get(args.model, _train)
    record = work(args, judge)
    record |= {
        "model": args.model,
        "seed": args.seed,
        "part": args.part,
        "language": args.language,
        "floor": judge.floor,
        **({"best_accuracy": judge.best_accuracy} if args.model in MASKED else {}),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "record.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(f"{args.model}: {record['bits_per_word']:.4f} bits a word, floor {judge.floor:.4f}")
    return 0


def judge_of(name: str, told: Any, language: str = "en") -> Any:
    """What judges a model of that name on some stories; it has the model's vocabulary."""
    from llm_nb.data.microworld.batches import word_vocabulary
    from llm_nb.data.microworld.masking import masked_vocabulary
    from llm_nb.metrics.masked import MaskJudge
    from llm_nb.metrics.stories import StoryJudge

    if name in MASKED:
        return MaskJudge(told, masked_vocabulary(language), language)
    return StoryJudge(told, word_vocabulary(language), language)


def build(name: str, vocab_size: int, d: int) -> Any:
    """A new model of that name, with weights drawn from torch's generator."""
    import torch

    from llm_nb.models.bert import BertConfig
    from llm_nb.models.bert_heads import BertForMaskedLM
    from llm_nb.models.gpt2 import GPT2, GPT2Config
    from llm_nb.models.positions import sinusoids
    from llm_nb.models.recurrent_lm import RecurrentLM, RecurrentLMConfig

    settings = MODELS[name]
    if name in ("rnn", "lstm"):
        return RecurrentLM(RecurrentLMConfig(vocab_size, name, d, d, settings["layers"], 0.0))  # type: ignore[arg-type]
    if name == "bert":
        bert = BertForMaskedLM(
            BertConfig(
                vocab_size, 256, d_model=d, n_layers=settings["layers"], n_heads=settings["heads"],
                d_ff=4 * d, dropout=0.0, attention_dropout=0.0,
            )
        )  # fmt: skip
        with torch.no_grad():
            for matrix in (p for p in bert.parameters() if p.ndim == 2):
                matrix.mul_(5)  # N(0, 0.1): 0.02 is for widths of 768
            bert.encoder.position.weight.copy_(0.1 * sinusoids(256, d))  # as below
        return bert
    config = GPT2Config(
        vocab_size, context=256, d_model=d, n_layers=settings["layers"],
        n_heads=settings["heads"], dropout=0.0, init_std=0.1,
    )  # fmt: skip
    model = GPT2(config)
    # Positions are learned; they begin as sinusoids, from which "three words back" is one rotation
    # wherever it starts, instead of something to find out for each place.
    with torch.no_grad():
        model.wpe.weight.copy_(config.init_std * sinusoids(config.context, d))
    return model


def _train(args: argparse.Namespace, judge: Any) -> dict[str, Any]:
    import torch
    import torch._dynamo  # which the first step of an optimiser would import, on the clock

    from llm_nb.commands.model_folder import write_model_folder
    from llm_nb.data.feeds import Feed
    from llm_nb.data.microworld.batches import StoryBatches
    from llm_nb.data.microworld.masking import SHORTER, MaskedStories
    from llm_nb.metrics.masked import reading
    from llm_nb.training import TrainConfig, Trainer

    settings = MODELS[args.model]
    steps, lr = args.steps or settings["steps"], args.lr or settings["lr"]
    torch.manual_seed(args.seed)
    model = build(args.model, len(judge.vocabulary), args.width or settings["d"])
    given = (judge.vocabulary, BATCH, args.seed, args.language)
    short = args.short
    if short is None:
        short = settings.get("short", 0) * steps // settings["steps"]
    source = MaskedStories(*given, short=short) if args.model in MASKED else StoryBatches(*given)
    config = TrainConfig(
        steps, lr, warmup=min(settings["warmup"], steps // 4), weight_decay=0.01,
        betas=(0.9, 0.98), final=0.05, eval_every=max(1, steps // 12),
    )  # fmt: skip
    clock = _Clock()

    def evaluate() -> float:
        with clock.stopped():
            return judge.per_word(judge.bits(model))

    history = Trainer(model, Feed(source), config, evaluate).fit()
    write_model_folder(model.eval(), args.out, torch.float16)
    if args.model in MASKED:
        more = judge.scores(reading(model)) | {"short": short, "guessed": history.tokens}
    else:
        more = {"words": history.tokens}
    return more | {
        "bits_per_word": history.val[-1][2],
        "curve": [
            (step, seconds, value)
            for (step, _, value), seconds in zip(history.val, clock.readings, strict=True)
        ],
        "core_seconds": clock.readings[-1],
        "seconds": history.seconds,
        "steps": steps,
        "lr": lr,
        "stories": (steps + (SHORTER - 1) * short) * BATCH,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


class _Clock:
    """Seconds of processor cores spent in training, whatever else the machine does meanwhile;
    read whenever it is stopped."""

    def __init__(self) -> None:
        self.readings: list[float] = []
        self._since, self._before = time.process_time(), 0.0

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Not counting what is done inside."""
        self._before += time.process_time() - self._since
        self.readings.append(self._before)
        yield
        self._since = time.process_time()


def _count_neighbours(args: argparse.Namespace, judge: Any) -> dict[str, Any]:
    from itertools import islice

    from llm_nb.data.microworld.masking import row_of
    from llm_nb.data.microworld.stories import stories
    from llm_nb.metrics.masked import counting, usual
    from llm_nb.models.neighbours import Neighbours

    told = (s.words(args.language) for s in islice(stories(args.seed), COUNTED_STORIES))
    rows = [row_of(words, judge.vocabulary) for words in told]
    started = time.process_time()
    model = Neighbours(len(judge.vocabulary)).fit(rows)
    return judge.scores(counting(model)) | {
        "core_seconds": time.process_time() - started,
        "stories": COUNTED_STORIES,
        "words": sum(len(row) - 2 for row in rows),
        "most_frequent": judge.scores(usual(model)),
    }


def _count(args: argparse.Namespace, judge: Any) -> dict[str, Any]:
    from itertools import islice

    from llm_nb.data.microworld.stories import stories
    from llm_nb.models.ngram import KneserNey
    from llm_nb.text.vocabulary import BEGIN

    begin, stream = judge.vocabulary.special_tokens[BEGIN], []
    for told in islice(stories(args.seed), COUNTED_STORIES):
        stream += [begin, *judge.vocabulary.encode(told.words(args.language))]
    by_order, seconds = {}, {}
    size = len(judge.vocabulary)
    for order in range(3, 64 // (size - 1).bit_length() + 1):
        started = time.process_time()
        model = KneserNey(order, size).fit(stream)
        seconds[order] = time.process_time() - started
        by_order[order] = judge.per_word(judge.bits_by_counting(model))
        print(f"order {order}: {by_order[order]:.4f} bits a word")
    best = min(by_order, key=lambda order: by_order[order])
    return {
        "bits_per_word": by_order[best],
        "order": best,
        "orders": by_order,
        "core_seconds": seconds[best],
        "stories": COUNTED_STORIES,
        "words": len(stream) - COUNTED_STORIES,
    }
