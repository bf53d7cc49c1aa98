"""A folder of tokens: train.npy, validation.npy, the tokenizer that made them, corpus.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from llm_nb.data.corpora import Corpus
from llm_nb.data.feeds import TokenFile
from llm_nb.files import whole_folder
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

TOKENIZER, ABOUT = "tokenizer.json", "corpus.json"


@dataclass(frozen=True)
class TokenFolder:
    """What such a folder holds; ``corpus`` says in words what text it was."""

    tokenizer: ByteLevelBPE
    train: TokenFile
    validation: TokenFile
    corpus: str


def train_tokenizer(corpus: Corpus, vocab_size: int) -> ByteLevelBPE:
    """A byte-level BPE of exactly ``vocab_size`` ids, learned from the training text.

    Raises:
        ValueError: the text has too few merges for that.
    """
    tokenizer = ByteLevelBPE.train(corpus.train, vocab_size, [END_OF_TEXT])
    if tokenizer.vocab_size < vocab_size:
        raise ValueError(
            f"the corpus has merges for {tokenizer.vocab_size} ids only, not for {vocab_size}: "
            f"use a vocabulary of {tokenizer.vocab_size}"
        )
    return tokenizer


def write_tokens(corpus: Corpus, tokenizer: ByteLevelBPE, folder: Path) -> None:
    """Write the folder, which must not be there, whole or not at all."""
    end = tokenizer.special_tokens.get(END_OF_TEXT)
    if end is None:
        raise ValueError(
            f"the tokenizer has no {END_OF_TEXT}, which ends documents: use one that has"
        )
    dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.int32
    with whole_folder(folder) as new:
        for part in ("train", "validation"):
            documents = ([*tokenizer.encode(text), end] for text in getattr(corpus, part))
            # As arrays, of two or four bytes a token, before the next document comes.
            ids = [np.asarray(document, dtype) for document in chain([[end]], documents)]
            np.save(new / f"{part}.npy", np.concatenate(ids))
        tokenizer.save(new / TOKENIZER)
        about = {"corpus": str(corpus)}
        (new / ABOUT).write_text(json.dumps(about, ensure_ascii=False) + "\n", "utf-8")


def read_tokens(folder: str | Path) -> TokenFolder:
    """Open the folder; the tokens stay on the disk until they are needed.

    Raises:
        ValueError: a file is missing or damaged.
    """
    folder = Path(folder)
    for name in ("train.npy", "validation.npy", TOKENIZER, ABOUT):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} has no {name}: give a folder that `llm-nb tokenize` wrote")
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))["corpus"]
        train, validation = (TokenFile(folder / f"{part}.npy") for part in ("train", "validation"))
    except (ValueError, KeyError, EOFError) as error:
        raise ValueError(f"{folder} is damaged ({error}): delete it and write it again") from None
    return TokenFolder(ByteLevelBPE.load(folder / TOKENIZER), train, validation, about)
