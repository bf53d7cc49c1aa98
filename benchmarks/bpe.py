"""Byte-level BPE against the reference in Rust and against tiktoken: training, then encoding.

Training needs nothing but Python's own source; English text and GPT-2's released vocabulary
come from the folder that the environment variable LLM_NB_DATA names.
"""

from __future__ import annotations

import os
from pathlib import Path

import tiktoken.load
import tokenizers
from run import Comparison
from tokenizers import models, pre_tokenizers, trainers

from llm_nb.data.corpora import standard_library
from llm_nb.text.bpe import GPT2_PATTERN, ByteLevelBPE

MERGES, REPEATS = 8192, 3


def reference(model: models.BPE) -> tokenizers.Tokenizer:
    """The Rust library's tokenizer with GPT-2's splitting."""
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def train_reference(texts: list[str]) -> tokenizers.Tokenizer:
    """The same training by the Rust library."""
    tokenizer = reference(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + MERGES,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def training(name: str, texts: list[str]) -> Comparison:
    """Both trainers on the same texts."""
    size = sum(len(text.encode()) for text in texts)

    def ours() -> None:
        assert ByteLevelBPE.train(texts, 256 + MERGES).vocab_size == 256 + MERGES

    def theirs() -> None:
        assert train_reference(texts).get_vocab_size() == 256 + MERGES

    return Comparison(
        f"Training a byte-level BPE of {MERGES} merges on {size / 1e6:.1f} MB of {name}",
        size / 1e6,
        "MB",
        {"llm-nb": ours, "tokenizers": theirs},
        ("llm-nb", "tokenizers"),
    )


def english(folder: Path) -> list[str]:
    """Lines of WikiText-2, SST-2 and Tatoeba's English, each different line once."""
    lines: list[str] = []
    for name in ("valid", "test"):
        lines += (folder / "wikitext-2" / f"{name}.txt").read_text("utf-8").split("\n")
    for table in ("sst2/train.tsv", "sst2/dev.tsv", "tatoeba-cmn-eng/cmn.txt"):
        rows = (folder / table).read_text("utf-8").split("\n")
        lines += [row.split("\t")[0] for row in rows]
    return [f"{line}\n" for line in dict.fromkeys(lines)]


def encoding(folder: Path) -> list[Comparison]:
    """WikiText-2 as one string, with GPT-2's 50,257 tokens, read by each library itself."""
    files = [str(folder / "gpt2-vocab" / name) for name in ("vocab.bpe", "encoder.json")]
    ours = ByteLevelBPE.from_gpt2_files(files[1], files[0])
    rust = reference(models.BPE.from_file(files[1], files[0]))
    os.environ["TIKTOKEN_CACHE_DIR"] = ""  # the files are here already
    ranks = tiktoken.load.data_gym_to_mergeable_bpe_ranks(*files)
    tik = tiktoken.Encoding("gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    texts = [
        (folder / "wikitext-2" / f"{name}.txt").read_text("utf-8") for name in ("valid", "test")
    ]
    text = "".join(texts)
    ids = ours.encode(text)
    assert rust.encode(text).ids == ids, "tokenizers encodes otherwise: not the same work"
    assert tik.encode_ordinary(text) == ids, "tiktoken encodes otherwise: not the same work"

    def cold() -> None:
        for _ in range(REPEATS):
            ByteLevelBPE(ours.merges, list(ours.special_tokens)).encode(text)

    def warm() -> None:
        for _ in range(REPEATS):
            ours.encode(text)

    def tokenizers_() -> None:
        for _ in range(REPEATS):
            rust.encode(text)

    def tiktoken_() -> None:
        for _ in range(REPEATS):
            tik.encode_ordinary(text)

    title = f"Encoding {len(text.encode()) / 1e6:.1f} MB of WikiText-2 with GPT-2's vocabulary"
    work = REPEATS * len(text.encode()) / 1e6
    packages = ("llm-nb", "tokenizers", "tiktoken")
    return [
        Comparison(
            f"{title}, cold",
            work,
            "MB",
            {"llm-nb": cold, "tokenizers": tokenizers_, "tiktoken": tiktoken_},
            packages,
            "llm-nb builds a new tokenizer from its merges each time, which remembers no word.",
        ),
        Comparison(
            f"{title}, warm",
            work,
            "MB",
            {"llm-nb": warm, "tiktoken": tiktoken_},
            packages,
            "llm-nb has encoded the same text before and remembers its words.",
        ),
    ]


def comparisons() -> list[Comparison]:
    """Training on Python source and on English, then encoding English."""
    corpus = standard_library()
    found = [training("Python source", [*corpus.train, *corpus.validation])]
    if folder := os.environ.get("LLM_NB_DATA"):
        found += [training("English", english(Path(folder))), *encoding(Path(folder))]
    return found
