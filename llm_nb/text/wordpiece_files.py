"""The file formats of a WordPiece tokenizer: ``vocab.txt`` and Hugging Face's two JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llm_nb.files import write_whole
from llm_nb.text.wordpiece_basic import BasicTokenizer


def _read_json(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not whole JSON ({error}): fetch or save it again") from None


# -- vocab.txt ------------------------------------------------------------------------------


def write_vocab(path: str | Path, tokens: Sequence[str]) -> None:
    """Write one token a line, in the order of the ids."""
    write_whole(path, "".join(f"{token}\n" for token in tokens))


def read_vocab(path: str | Path) -> list[str]:
    """The tokens of a ``vocab.txt``; a line's number, from 0, is its id.

    Raises:
        ValueError: the file is empty or no UTF-8 text.
    """
    try:
        # Only "\n" ends a line: a token may be another of Unicode's line separators.
        lines = Path(path).read_bytes().decode().replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text ({error}): fetch it again") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise ValueError(f"{path} is empty: fetch it again")
    return lines


# -- tokenizer_config.json ------------------------------------------------------------------


def write_config(path: str | Path, basic: BasicTokenizer) -> None:
    """Write what ``transformers`` needs besides the vocabulary."""
    config = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": basic.lowercase,
        "strip_accents": basic.strip_accents,
        "tokenize_chinese_chars": basic.handle_chinese_chars,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    }
    write_whole(path, json.dumps(config, indent=1) + "\n")


def read_config(folder: str | Path, basic: BasicTokenizer) -> BasicTokenizer:
    """``basic``, changed where the folder's ``tokenizer_config.json`` says otherwise."""
    path = Path(folder, "tokenizer_config.json")
    config = _read_json(path) if path.exists() else {}
    return BasicTokenizer(
        config.get("do_lower_case", basic.lowercase),
        config.get("strip_accents", basic.strip_accents),
        config.get("tokenize_chinese_chars", basic.handle_chinese_chars),
    )


# -- tokenizer.json -------------------------------------------------------------------------


def write_tokenizer_json(
    path: str | Path,
    tokens: Sequence[str],
    special_tokens: Mapping[str, int],
    basic: BasicTokenizer,
    max_word: int,
) -> None:
    """Write what ``tokenizers.Tokenizer.from_file`` reads."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    data = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, **flags, "special": True}
            for token, i in sorted(special_tokens.items(), key=lambda item: item[1])
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": basic.handle_chinese_chars,
            "strip_accents": basic.strip_accents,
            "lowercase": basic.lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["[SEP]", special_tokens["[SEP]"]],
            "cls": ["[CLS]", special_tokens["[CLS]"]],
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": max_word,
            "vocab": {token: i for i, token in enumerate(tokens)},
        },
    }
    write_whole(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")


def read_tokenizer_json(
    path: str | Path,
) -> tuple[list[str], BasicTokenizer, list[str], int]:
    """Tokens, how text is split, special tokens, and the longest word, of a BERT's file.

    Raises:
        ValueError: the file is cut short, or describes something that is not BERT's way.
    """
    data = _read_json(path)
    try:
        model, normalizer = data["model"], data["normalizer"]
        expected = {
            "model": (model["type"], "WordPiece"),
            "model.continuing_subword_prefix": (model["continuing_subword_prefix"], "##"),
            "model.unk_token": (model["unk_token"], "[UNK]"),
            "normalizer": (normalizer["type"], "BertNormalizer"),
            "normalizer.clean_text": (normalizer["clean_text"], True),
            "pre_tokenizer": (data["pre_tokenizer"]["type"], "BertPreTokenizer"),
            "post_processor": (_template(data["post_processor"]), "[CLS] A [SEP] B [SEP]"),
        }
        vocab: dict[str, int] = dict(model["vocab"])
        added = data["added_tokens"]
        vocab.update({token["content"]: token["id"] for token in added})
        ordinary = [token["content"] for token in added if not token["special"]]
        special = [token["content"] for token in added if token["special"]]
        basic = BasicTokenizer(
            normalizer["lowercase"],
            normalizer["strip_accents"],
            normalizer["handle_chinese_chars"],
        )
        max_word = int(model["max_input_chars_per_word"])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(
            f"{path} is not BERT's tokenizer.json ({type(error).__name__}: {error}): "
            "is it another model's, or damaged?"
        ) from None
    for what, (found, wanted) in expected.items():
        if found != wanted:
            raise ValueError(f"{path}: {what} is {found!r}, but BERT's is {wanted!r}")
    if ordinary:
        raise ValueError(f"{path} adds tokens that are not special, {ordinary}: not supported")
    tokens = sorted(vocab, key=lambda token: vocab[token])
    if [vocab[token] for token in tokens] != list(range(len(tokens))):
        raise ValueError(f"{path}: the ids do not run from 0 to {len(tokens) - 1} without a gap")
    return tokens, basic, special, max_word


def _template(post_processor: dict[str, Any]) -> str:
    """How a pair is put together, in one line, from either way of writing it."""
    if post_processor["type"] == "BertProcessing":
        cls, sep = post_processor["cls"][0], post_processor["sep"][0]
        return f"{cls} A {sep} B {sep}"
    parts = [next(iter(part.values())) for part in post_processor["pair"]]
    segments = [part["type_id"] for part in parts]
    names = " ".join(part["id"] for part in parts)
    return names if segments == [0, 0, 0, 1, 1] else f"{names} in segments {segments}"
