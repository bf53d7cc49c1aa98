"""Byte-level BPE against the reference in Rust and against tiktoken, on real source code."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tiktoken
import tokenizers
from run import Comparison

from llm_nb.data.corpora import standard_library
from llm_nb.text.bpe import ByteLevelBPE

VOCAB, BYTES = 4096, 2_000_000


def train_reference(texts: list[str]) -> tokenizers.Tokenizer:
    """The same training by the Rust library."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCAB,
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def comparisons() -> list[Comparison]:
    """Training, then encoding with one and the same vocabulary."""
    corpus = standard_library()
    texts, size = [], 0
    for text in corpus.train:
        if size < BYTES:
            texts.append(text)
            size += len(text.encode())
    held_out = "".join(corpus.validation)
    ours = ByteLevelBPE.train(texts, VOCAB)
    with tempfile.TemporaryDirectory() as folder:
        ours.save(Path(folder, "tokenizer.json"))
        rust = tokenizers.Tokenizer.from_file(str(Path(folder, "tokenizer.json")))
    ranks = {ours.token_bytes(i): i for i in range(ours.vocab_size)}
    tik = tiktoken.Encoding("ours", pat_str=ours.pattern, mergeable_ranks=ranks, special_tokens={})
    ids = ours.encode(held_out)
    assert rust.encode(held_out).ids == ids, "tokenizers encodes otherwise: not the same work"
    assert tik.encode_ordinary(held_out) == ids, "tiktoken encodes otherwise: not the same work"

    def encode_cold() -> None:
        ByteLevelBPE(ours.merges, pattern=ours.pattern).encode(held_out)

    return [
        Comparison(
            f"Training a byte-level BPE of {VOCAB} on Python source",
            size / 1e6,
            "MB",
            {
                "llm-nb": lambda: ByteLevelBPE.train(texts, VOCAB),
                "tokenizers": lambda: train_reference(texts),
            },
            ("llm-nb", "tokenizers"),
        ),
        Comparison(
            "Encoding held-out Python source with it",
            len(held_out.encode()) / 1e6,
            "MB",
            {
                "llm-nb, new tokenizer": encode_cold,
                "llm-nb, words seen before": lambda: ours.encode(held_out),
                "tokenizers": lambda: rust.encode(held_out),
                "tiktoken": lambda: tik.encode_ordinary(held_out),
            },
            ("llm-nb", "tokenizers", "tiktoken"),
        ),
    ]
