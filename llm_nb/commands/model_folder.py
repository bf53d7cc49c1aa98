"""Models by the kinds that a run can name: built, taken out of a trainer, written."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from llm_nb.commands.settings import ModelConfig
from llm_nb.models.bert_heads import BertForMaskedLM
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import save_pretrained
from llm_nb.models.recurrent_lm import RecurrentLM
from llm_nb.models.weights_io import write_model
from llm_nb.text.bpe import ByteLevelBPE
from llm_nb.training.snapshot import load_model


def build(config: ModelConfig, n_ids: int) -> nn.Module:
    """A new model for a tokenizer of ``n_ids`` ids.

    Raises:
        ValueError: it has fewer ids than the tokenizer, or more where that is not foreseen.
    """
    # GPT-2's table may be larger: multiples of 128 are faster on a GPU, and what fills up is cut off.
    fits = (
        config.vocab_size >= n_ids if isinstance(config, GPT2Config) else config.vocab_size == n_ids
    )
    if not fits:
        raise ValueError(
            f"model.vocab_size is {config.vocab_size}, but the tokenizer has {n_ids} ids: "
            f"--set model.vocab_size={n_ids}"
        )
    return GPT2(config) if isinstance(config, GPT2Config) else RecurrentLM(config)


def plain(config: ModelConfig, tensors: dict[str, Tensor], tokenizer: ByteLevelBPE) -> Any:
    """The trained model on the CPU, without the rows of ids that the tokenizer does not have."""
    n_ids = tokenizer.vocab_size
    if isinstance(config, GPT2Config) and config.vocab_size > n_ids:
        tensors = tensors | {"wte.weight": tensors["wte.weight"][:n_ids]}
        config = replace(config, vocab_size=n_ids)
    model = build(config, n_ids)
    load_model(model, tensors)
    return model.eval()


def write_model_folder(model: Any, folder: Path, dtype: torch.dtype) -> None:
    """config.json and model.safetensors: a GPT-2 or a BERT as Hugging Face has it, others as they
    are here."""
    if isinstance(model, GPT2 | BertForMaskedLM):
        save_pretrained(model, folder, dtype)
        return
    weights = {name: t.to(dtype).contiguous() for name, t in model.state_dict().items()}
    if model.config.tied:
        weights.pop("head.weight")
    config = {"model_type": "llm_nb_recurrent", **asdict(model.config)}
    write_model(folder, config, weights, 5 * 10**9)
