"""What a training run is: the tables of its TOML file, each a dataclass, checked when they are read.

``[model]`` holds ``kind`` and the fields of that model's configuration, ``[data]`` those of
``DataTable``, ``[train]`` those of ``TrainConfig``, ``[run]`` those of ``RunTable``.
"""

from __future__ import annotations

import json
import types
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from llm_nb.commands.presets import Tables, nearest
from llm_nb.models.gpt2 import GPT2Config
from llm_nb.models.recurrent_lm import RecurrentLMConfig
from llm_nb.training import TrainConfig
from llm_nb.training.config import MAY_CHANGE
from llm_nb.training.world import Strategy

KINDS = ("gpt2", "lstm", "gru", "rnn")
ModelConfig = GPT2Config | RecurrentLMConfig


@dataclass(frozen=True)
class DataTable:
    """What is read, and in which batches."""

    corpus: str | None = None  # one of data.corpora.CORPORA, or the path of text
    tokens: str | None = None  # or a folder that `llm-nb tokenize` wrote
    batch_size: int = 8  # windows of a micro-batch, of all processes together
    context: int | None = None  # tokens of a window, for models that have no context of their own
    workers: int = 0  # processes that make batches ahead of time
    validation_tokens: int | None = None  # judged at an evaluation; None: all

    def __post_init__(self) -> None:
        if (self.corpus is None) == (self.tokens is None):
            raise ValueError("give either corpus (text) or tokens (what `llm-nb tokenize` wrote)")
        for name in ("batch_size", "context", "validation_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}: it must be at least 1")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}: it must be 0 or more")


@dataclass(frozen=True)
class RunTable:
    """Where it is written, and what stays the same over machines."""

    out: str | None = None  # the folder; --out goes before it
    seed: int = 0  # of weights, dropout and batches
    threads: int | None = None  # of the CPU; None: torch's choice
    store: Literal["fp32", "fp16"] = "fp32"  # type of the weights in the folder
    strategy: Strategy = "ddp"  # under torchrun
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}: it must be at least 1")


@dataclass(frozen=True)
class Settings:
    """All of a run. ``any_precision``: it was "auto", to be settled by ``on``."""

    kind: str
    model: ModelConfig
    data: DataTable
    train: TrainConfig
    run: RunTable
    any_precision: bool = False

    @classmethod
    def of(cls, tables: Tables) -> Settings:
        """From the tables of a file.

        Raises:
            ValueError: a table, key or value is wrong; the message names it and what is right.
        """
        given = dict(tables)
        known = ["model", "data", "train", "run"]
        for name, content in given.items():
            if name not in known:
                raise ValueError(f"[{name}] is no table of a run: {nearest(name, known)}")
            if not isinstance(content, dict):
                raise ValueError(f"{name} is {content!r}: write it as a table, [{name}]")
        model = dict(given.get("model", {}))
        kind = model.pop("kind", None)
        if kind not in KINDS:
            raise ValueError(f"model.kind is {kind!r}: use one of {', '.join(KINDS)}")
        train = dict(given.get("train", {}))
        if auto := train.get("precision", "auto") == "auto":
            train["precision"] = "fp32"
        settings = cls(
            kind,
            _model(kind, model),
            _table(DataTable, "data", given.get("data", {})),
            _table(TrainConfig, "train", train),
            _table(RunTable, "run", given.get("run", {})),
            auto,
        )
        settings.context  # noqa: B018  # fails now where none is given
        return settings

    @property
    def context(self) -> int:
        """Tokens of a window.

        Raises:
            ValueError: it is given nowhere, or a second time.
        """
        own = getattr(self.model, "context", None)
        if own is None and self.data.context is None:
            raise ValueError(f"data.context is not given, and a {self.kind} has none: give it")
        if own is not None and self.data.context not in (None, own):
            raise ValueError(
                f"data.context is {self.data.context} and model.context {own}: leave data.context out"
            )
        return own or self.data.context or 0

    def on(self, precision: str) -> Settings:
        """These settings with the precision of a machine, where they leave it open."""
        if not self.any_precision:
            return self
        return replace(self, train=replace(self.train, precision=precision), any_precision=False)

    def tables(self) -> Tables:
        """What ``of`` reads, with every default filled in; None is left out."""
        model = asdict(self.model)
        model.pop("cell", None)
        parts = {
            "model": {"kind": self.kind, **model},
            "data": asdict(self.data),
            "train": asdict(self.train),
            "run": asdict(self.run),
        }
        return {n: {k: v for k, v in t.items() if v is not None} for n, t in parts.items()}

    def toml(self) -> str:
        """The file that describes this run."""
        return "\n".join(
            "\n".join([f"[{name}]", *(f"{k} = {_toml(v)}" for k, v in table.items()), ""])
            for name, table in self.tables().items()
        )


def differences(old: Settings, new: Settings) -> str:
    """What makes the second another run than the first, as "train.lr 0.1 → 0.2"."""
    before, after = old.tables(), new.tables()
    may_change = {
        "data": {"workers"},
        "train": MAY_CHANGE,
        "run": {"out", "threads", "store", "strategy", "tensorboard"},
    }
    return ", ".join(
        f"{table}.{key} {before[table].get(key)!r} → {after[table].get(key)!r}"
        for table in before
        for key in {**before[table], **after[table]}
        if key not in may_change.get(table, ()) and before[table].get(key) != after[table].get(key)
    )


def _model(kind: str, given: dict[str, Any]) -> ModelConfig:
    if kind == "gpt2":
        return _table(GPT2Config, "model", given)
    if "cell" in given:
        raise ValueError("model.cell is said by model.kind: leave it out")
    return _table(RecurrentLMConfig, "model", given, {"cell": kind})


def _table(cls: Any, name: str, given: dict[str, Any], fixed: dict[str, Any] | None = None) -> Any:
    """A dataclass of a table's keys."""
    fixed = fixed or {}
    hints = get_type_hints(cls)
    known = [field.name for field in fields(cls) if field.name not in fixed]
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"{name}.{key} is no setting: {nearest(key, known)}")
        if not _fits(value, hints[key]):
            raise ValueError(f"{name}.{key} is {value!r}: it must be {_words(hints[key])}")
    for field in fields(cls):
        if field.default is MISSING and field.name not in {**given, **fixed}:
            raise ValueError(
                f"{name}.{field.name} is not given: give it, or --set {name}.{field.name}=…"
            )
    try:
        return cls(**given, **fixed)
    except ValueError as error:
        raise ValueError(f"[{name}] {error}") from None


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of a TOML file is of an annotated type; a whole number will do for any."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in parts
    if origin is types.UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        return (
            isinstance(value, list | tuple)
            and len(value) == len(parts)
            and all(map(_fits, value, parts))
        )
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _words(hint: Any) -> str:
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, parts))
    if get_origin(hint) is types.UnionType:
        return " or ".join(_words(part) for part in parts if part is not type(None))
    if get_origin(hint) is tuple:
        return f"a list of {len(parts)} numbers"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[hint]


def _toml(value: Any) -> str:
    """A value as TOML has it, which for these types is nearly JSON."""
    return json.dumps(value, ensure_ascii=False)
