"""How Hugging Face names the settings and the weights of each model: one table a model.

A row of a table is ours → theirs, and can be read in both directions. Where theirs are several
(query, key and value), ours holds their rows one under the other; where the row says so, ours
is the transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from llm_nb.models.bert import Bert, BertConfig, BertEncoder
from llm_nb.models.bert_heads import (
    BertForMaskedLM,
    BertForNextSentence,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
)
from llm_nb.models.gpt2 import GPT2, GPT2Config


class Theirs(NamedTuple):
    """What one tensor of ours is called there, and how it lies."""

    names: tuple[str, ...]
    transposed: bool = False


Table = dict[str, Theirs]


@dataclass(frozen=True)
class Family:
    """What all models on one body share."""

    model_type: str
    prefix: str  # of the body's tensors, in files of a model with a head
    heads: tuple[str, ...]  # how the names of heads begin; any head but its own is left out
    buffers: tuple[str, ...]  # how the names of tensors end that are no weights
    read_config: Callable[[Mapping[str, Any]], Any]
    write_config: Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Layout:
    """What reading and writing one model class needs to know."""

    family: Family
    architecture: str  # the class of ``transformers`` that it equals
    table: Callable[[int], Table]  # from the number of layers
    new: tuple[str, ...] = ()  # our tensors that ``new_head`` always starts anew begin so
    tied: tuple[tuple[str, str], ...] = ()  # a name there, and the tensor that it repeats
    bare: bool = False  # written without the prefix


def _layer(ours: str, *theirs: str, transposed: bool = False) -> Table:
    """Weight and bias of one layer."""
    return {
        f"{ours}.weight": Theirs(tuple(f"{name}.weight" for name in theirs), transposed),
        f"{ours}.bias": Theirs(tuple(f"{name}.bias" for name in theirs)),
    }


def _want(given: Mapping[str, Any], key: str, *allowed: Any) -> None:
    if given.get(key, allowed[0]) not in allowed:
        raise ValueError(
            f"config.json has {key} {given[key]!r}, which this model does not know: it has {allowed[0]!r}"
        )


# -- GPT-2 ---------------------------------------------------------------------------------

_GPT2_CONFIG = {
    "vocab_size": "vocab_size",
    "context": "n_positions",
    "d_model": "n_embd",
    "n_layers": "n_layer",
    "n_heads": "n_head",
    "dropout": "resid_pdrop",
    "eps": "layer_norm_epsilon",
    "init_std": "initializer_range",
}


def gpt2_table(n_layers: int) -> Table:
    """GPT-2's names; the released Conv1D layers store (in, out), hence transposed."""
    table = {n: Theirs((f"transformer.{n}",)) for n in ("wte.weight", "wpe.weight")}
    for i in range(n_layers):
        here, there = f"blocks.{i}.", f"transformer.h.{i}."
        table |= _layer(f"{here}ln_1", f"{there}ln_1")
        table |= _layer(f"{here}attn.qkv", f"{there}attn.c_attn", transposed=True)
        table |= _layer(f"{here}attn.proj", f"{there}attn.c_proj", transposed=True)
        table |= _layer(f"{here}ln_2", f"{there}ln_2")
        table |= _layer(f"{here}fc", f"{there}mlp.c_fc", transposed=True)
        table |= _layer(f"{here}proj", f"{there}mlp.c_proj", transposed=True)
    return table | _layer("ln_f", "transformer.ln_f")


def _read_gpt2(given: Mapping[str, Any]) -> GPT2Config:
    config = GPT2Config(**{o: given[t] for o, t in _GPT2_CONFIG.items() if t in given})
    _want(given, "activation_function", "gelu_new", "gelu_pytorch_tanh")
    _want(given, "n_inner", None, 4 * config.d_model)
    _want(given, "scale_attn_weights", True)
    _want(given, "scale_attn_by_inverse_layer_idx", False)
    _want(given, "add_cross_attention", False)
    return config


def _write_gpt2(config: GPT2Config) -> dict[str, Any]:
    written = {theirs: getattr(config, ours) for ours, theirs in _GPT2_CONFIG.items()}
    written |= {"attn_pdrop": config.dropout, "embd_pdrop": config.dropout}
    # transformers presumes GPT-2's own end mark, 50256, which a smaller vocabulary does not have.
    end = 50256 if config.vocab_size > 50256 else None
    written |= {"bos_token_id": end, "eos_token_id": end}
    return written | {"activation_function": "gelu_new"}


# -- BERT ----------------------------------------------------------------------------------

_BERT_CONFIG = {
    "vocab_size": "vocab_size",
    "context": "max_position_embeddings",
    "n_segments": "type_vocab_size",
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "d_ff": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "classifier_dropout": "classifier_dropout",
    "eps": "layer_norm_eps",
}


def encoder_table(n_layers: int, ours: str = "") -> Table:
    """BERT's names; ``ours`` is where the encoder stands in the model, e.g. "encoder."."""
    embeddings = {
        "word": "word_embeddings",
        "position": "position_embeddings",
        "segment": "token_type_embeddings",
    }
    table = {
        f"{ours}{part}.weight": Theirs((f"bert.embeddings.{name}.weight",))
        for part, name in embeddings.items()
    }
    table |= _layer(f"{ours}ln", "bert.embeddings.LayerNorm")
    for i in range(n_layers):
        here, there = f"{ours}blocks.{i}.", f"bert.encoder.layer.{i}."
        qkv = (f"{there}attention.self.{part}" for part in ("query", "key", "value"))
        table |= _layer(f"{here}attn.qkv", *qkv)
        table |= _layer(f"{here}attn.proj", f"{there}attention.output.dense")
        table |= _layer(f"{here}ln_1", f"{there}attention.output.LayerNorm")
        table |= _layer(f"{here}fc", f"{there}intermediate.dense")
        table |= _layer(f"{here}proj", f"{there}output.dense")
        table |= _layer(f"{here}ln_2", f"{there}output.LayerNorm")
    return table


def bert_table(n_layers: int, ours: str = "") -> Table:
    """The encoder's names and the pooler's."""
    encoder = encoder_table(n_layers, f"{ours}encoder.")
    return encoder | _layer(f"{ours}pooler", "bert.pooler.dense")


def _read_bert(given: Mapping[str, Any]) -> BertConfig:
    _want(given, "hidden_act", "gelu")
    _want(given, "position_embedding_type", "absolute")
    _want(given, "is_decoder", False)
    names = given.get("id2label") or {i: f"LABEL_{i}" for i in range(given.get("num_labels", 2))}
    labels = tuple(names[i] for i in sorted(names, key=int))
    return BertConfig(**{o: given[t] for o, t in _BERT_CONFIG.items() if t in given}, labels=labels)


def _write_bert(config: BertConfig) -> dict[str, Any]:
    written = {theirs: getattr(config, ours) for ours, theirs in _BERT_CONFIG.items()}
    return written | {
        "hidden_act": "gelu",
        "id2label": {str(i): name for i, name in enumerate(config.labels)},
        "label2id": {name: i for i, name in enumerate(config.labels)},
    }


_WORDS = {
    **_layer("words.dense", "cls.predictions.transform.dense"),
    **_layer("words.ln", "cls.predictions.transform.LayerNorm"),
    "words.bias": Theirs(("cls.predictions.bias",)),
}
_WORDS_TIED = (
    ("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
)
_NEXT = _layer("next_sentence", "cls.seq_relationship")
_CLASSIFIER = _layer("classifier", "classifier")
_SPAN = _layer("span", "qa_outputs")

_GPT2 = Family(
    "gpt2",
    "transformer.",
    ("lm_head.", "score.", "classifier."),
    (".attn.bias", ".attn.masked_bias"),
    _read_gpt2,
    _write_gpt2,
)
_BERT = Family(
    "bert",
    "bert.",
    ("cls.", "classifier.", "qa_outputs.", "bert.pooler."),
    ("embeddings.position_ids", "embeddings.token_type_ids"),
    _read_bert,
    _write_bert,
)
LAYOUTS: dict[type[nn.Module], Layout] = {
    GPT2: Layout(
        _GPT2, "GPT2LMHeadModel", gpt2_table, tied=(("lm_head.weight", "transformer.wte.weight"),)
    ),
    BertEncoder: Layout(_BERT, "BertModel", encoder_table, bare=True),
    Bert: Layout(_BERT, "BertModel", bert_table, bare=True),
    BertForMaskedLM: Layout(
        _BERT,
        "BertForMaskedLM",
        lambda n: encoder_table(n, "encoder.") | _WORDS,
        new=("words.",),
        tied=_WORDS_TIED,
    ),
    BertForNextSentence: Layout(
        _BERT,
        "BertForNextSentencePrediction",
        lambda n: bert_table(n, "bert.") | _NEXT,
        new=("next_sentence.",),
    ),
    BertForPreTraining: Layout(
        _BERT,
        "BertForPreTraining",
        lambda n: bert_table(n, "bert.") | _WORDS | _NEXT,
        new=("words.", "next_sentence."),
        tied=_WORDS_TIED,
    ),
    BertForSequenceClassification: Layout(
        _BERT,
        "BertForSequenceClassification",
        lambda n: bert_table(n, "bert.") | _CLASSIFIER,
        new=("classifier.",),
    ),
    BertForTokenClassification: Layout(
        _BERT,
        "BertForTokenClassification",
        lambda n: encoder_table(n, "encoder.") | _CLASSIFIER,
        new=("classifier.",),
    ),
    BertForQuestionAnswering: Layout(
        _BERT,
        "BertForQuestionAnswering",
        lambda n: encoder_table(n, "encoder.") | _SPAN,
        new=("span.",),
    ),
}
