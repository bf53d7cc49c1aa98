"""Where the weights lie that come with the package, and what made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

SHIPPED = Path(__file__).parent / "weights" / "gpt2-standard-library"
SHIPPED_PRESET = "gpt2-standard-library"  # of `llm-nb train`; over an hour of one core


def shipped_record() -> dict[str, Any]:
    """The figures of the run that made them."""
    return json.loads((SHIPPED / "training.json").read_text("utf-8"))


MICROWORLD = Path(__file__).parent / "weights" / "microworld"
MICROWORLD_MODELS = ("rnn", "lstm", "gpt2", "gpt2-long")  # of `llm-nb microworld`
MICROWORLD_BERT = "bert"  # of the same command; it guesses hidden words, the others the next word


def microworld_records(name: str) -> list[dict[str, Any]]:
    """The records of all runs of a model of words, ``"ngram"`` or one of ``MICROWORLD_MODELS``, a
    seed each: bits a word as training went on, on the test stories. Those of ``"neighbours"`` and
    ``"bert"`` are of hidden words; ``"bert-never-short"`` is the same with ``--short 0``."""
    return json.loads((MICROWORLD / f"{name}.json").read_text("utf-8"))


def microworld_model(name: str) -> nn.Module:
    """The weights of seed 0 of one of ``MICROWORLD_MODELS``, or of ``"bert"``, a
    ``BertForMaskedLM``; in evaluation mode."""
    from safetensors.torch import load_file

    from llm_nb.models.bert_heads import BertForMaskedLM
    from llm_nb.models.gpt2 import GPT2
    from llm_nb.models.pretrained import from_pretrained
    from llm_nb.models.recurrent_lm import RecurrentLM, RecurrentLMConfig

    known = (*MICROWORLD_MODELS, MICROWORLD_BERT)
    if name not in known:
        raise ValueError(f"no weights of {name!r}: use {', '.join(known)}")
    folder = MICROWORLD / name
    if name == MICROWORLD_BERT:
        return from_pretrained(BertForMaskedLM, folder)
    if name.startswith("gpt2"):
        return from_pretrained(GPT2, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config.pop("model_type")
    model = RecurrentLM(RecurrentLMConfig(**config))
    tensors = {k: t.float() for k, t in load_file(folder / "model.safetensors").items()}
    model.load_state_dict(tensors)
    return model.eval()
