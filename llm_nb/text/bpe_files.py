"""A byte-level BPE on disk: GPT-2's byte alphabet, its two files, Hugging Face's tokenizer.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from llm_nb.files import write_whole
from llm_nb.text.bpe_training import Pair


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte, in the order of its ids 0 to 255.

    188 bytes stand for themselves; the other 68 (controls, space, …) become the characters
    from U+0100 on, so that vocabulary files stay readable text.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in set(printable)]
    table = {b: chr(b) for b in printable}
    table.update({b: chr(256 + n) for n, b in enumerate(others)})
    return table


BYTE_TO_CHAR = _byte_alphabet()
_BYTE_TO_ID = bytes(list(BYTE_TO_CHAR).index(byte) for byte in range(256))


def utf8(text: str) -> bytes:
    """The bytes of ``text``.

    Raises:
        ValueError: it holds a lone surrogate.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text holds a lone surrogate, {text[error.start]!r}, which is no character: "
            "decode its source with errors='replace'"
        ) from None


def byte_ids(text: str) -> bytes:
    """The ids of the bytes of ``text``, as bytes themselves: both run from 0 to 255."""
    return utf8(text).translate(_BYTE_TO_ID)


def _readable(token: bytes) -> str:
    return "".join(BYTE_TO_CHAR[b] for b in token)


def write_tokenizer_json(
    path: str | Path,
    tokens: Sequence[bytes],
    merges: Sequence[Pair],
    special_tokens: Mapping[str, int],
    pattern: str,
) -> None:
    """Write what ``tokenizers.Tokenizer.from_file`` reads; ``tokens`` in the order of their ids."""
    text = [_readable(token) for token in tokens]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    data = {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": t, **flags, "special": True} for t, i in special_tokens.items()
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [split | {"invert": False}, byte_level | {"use_regex": False}],
        },
        "post_processor": None,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {t: i for i, t in enumerate(text)},
            "merges": [[text[left], text[right]] for left, right in merges],
        },
    }
    write_whole(path, json.dumps(data, ensure_ascii=False, indent=1))


def read_tokenizer_json(path: str | Path) -> tuple[list[Pair], list[str], str | None]:
    """Merges, special tokens and pattern; no pattern means GPT-2's, which ByteLevel has built in.

    Raises:
        ValueError: the file is cut short, is no byte-level BPE in GPT-2's byte order, or asks
            for something that would give other ids.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        if (kind := data["model"].get("type", "BPE")) != "BPE":
            raise ValueError(
                f"{path} holds a tokenizer of type {kind}, not BPE: load it with its own class"
            )
        vocab, written = data["model"]["vocab"], data["model"]["merges"]
        # Older files write a merge as "Ġ t", newer ones as ["Ġ", "t"].
        pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in written]
        specials = sorted(data["added_tokens"], key=lambda token: token["id"])
        names = [token["content"] for token in specials]
        ids = [token["id"] for token in specials]
        if unlike := _what_would_differ(data):
            raise ValueError(f"{path} asks for {', '.join(unlike)}, which would give other ids")
        pattern = _pattern(data["pre_tokenizer"])
        if ids != [256 + len(pairs) + i for i in range(len(ids))]:
            raise ValueError(
                f"{path}: the special tokens have the ids {ids}, where they must follow the merges' "
                f"from {256 + len(pairs)} on without a gap"
            )
        return _pairs_to_ids(path, vocab, pairs, names), names, pattern
    except (json.JSONDecodeError, UnicodeDecodeError, *_MISSHAPEN) as error:
        raise ValueError(
            f"{path} is not a whole byte-level BPE tokenizer.json ({error!r}): fetch or save it again"
        ) from None


# What a damaged or foreign structure raises where it is read.
_MISSHAPEN = (KeyError, TypeError, IndexError, AttributeError)


def _pattern(pre_tokenizer: Mapping[str, Any]) -> str | None:
    """The splitting pattern; None where ByteLevel splits by its own, which is GPT-2's."""
    if pre_tokenizer["type"] == "ByteLevel":
        return None
    split, _ = pre_tokenizer["pretokenizers"]
    return split["pattern"]["Regex"]


def _what_would_differ(data: Mapping[str, Any]) -> list[str]:
    """The settings of a tokenizer.json that change ids and that ``ByteLevelBPE`` has not."""
    found = ["a normalizer"] if data.get("normalizer") else []
    names = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
    found += [name for name in names if data["model"].get(name)]
    *splits, byte_level = data["pre_tokenizer"].get("pretokenizers", [data["pre_tokenizer"]])
    if [step["type"] for step in (*splits, byte_level)] not in (
        ["ByteLevel"],
        ["Split", "ByteLevel"],
    ):
        found.append("pre-tokenizers other than ByteLevel, or Split and ByteLevel")
    if byte_level.get("add_prefix_space"):
        found.append("add_prefix_space")
    if byte_level.get("use_regex", True) == bool(splits):
        found.append("use_regex of ByteLevel beside a Split, or neither of them")
    if any(split.get("behavior") != "Isolated" or split.get("invert") for split in splits):
        found.append("a Split that is not Isolated, or inverted")
    flags = ("lstrip", "rstrip", "single_word")
    return found + [
        flag for flag in flags if any(token.get(flag) for token in data["added_tokens"])
    ]


def write_gpt2_files(
    encoder_json: str | Path,
    vocab_bpe: str | Path,
    tokens: Sequence[bytes],
    merges: Sequence[Pair],
    special_tokens: Mapping[str, int],
) -> None:
    """Write OpenAI's ``encoder.json`` and ``vocab.bpe``; ``tokens`` in the order of their ids."""
    text = [_readable(token) for token in tokens]
    vocab = {token: i for i, token in enumerate(text)} | dict(special_tokens)
    lines = ["#version: 0.2", *(f"{text[left]} {text[right]}" for left, right in merges)]
    write_whole(encoder_json, json.dumps(vocab))
    write_whole(vocab_bpe, "\n".join(lines) + "\n")


def read_gpt2_files(
    encoder_json: str | Path, vocab_bpe: str | Path
) -> tuple[list[Pair], list[str]]:
    """Merges and special tokens of OpenAI's ``encoder.json`` and ``vocab.bpe``.

    Raises:
        ValueError: a file is cut short or damaged, or the two do not belong together.
    """
    try:
        vocab = json.loads(Path(encoder_json).read_text(encoding="utf-8"))
        by_id = sorted(vocab, key=vocab.__getitem__)
    except (json.JSONDecodeError, UnicodeDecodeError, *_MISSHAPEN) as error:
        raise ValueError(f"{encoder_json} is not whole JSON ({error!r}): fetch it again") from None
    try:
        lines = Path(vocab_bpe).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{vocab_bpe} is not whole UTF-8 ({error}): fetch it again") from None
    pairs = [line.split(" ") for line in lines[1:] if line]  # the first line is a version
    _check_no_repeats(vocab_bpe, pairs)
    if len(vocab) != 257 + len(pairs):
        raise ValueError(
            f"{vocab_bpe} has {len(pairs)} merges, where {encoder_json} with its {len(vocab)} tokens "
            f"needs {len(vocab) - 257}: one of the two is cut short"
        )
    specials = by_id[-1:]
    return _pairs_to_ids(vocab_bpe, vocab, pairs, specials), specials


def _check_no_repeats(path: str | Path, pairs: Sequence[Sequence[str]]) -> None:
    repeated = [pair for pair, n in Counter(map(tuple, pairs)).items() if n > 1]
    if repeated:
        raise ValueError(
            f"{path} repeats {len(repeated)} merge(s), the first is {' '.join(repeated[0])!r}: "
            "the file is damaged, fetch or save it again"
        )


def _pairs_to_ids(
    path: str | Path,
    vocab: Mapping[str, int],
    pairs: Sequence[Sequence[str]],
    specials: Collection[str],
) -> list[Pair]:
    """Merges as ids; checks that ids 0–255 are the bytes and that merge i makes id 256 + i."""
    for expected, (byte, char) in enumerate(BYTE_TO_CHAR.items()):
        if vocab.get(char) != expected:
            raise ValueError(
                f"{path}: byte {byte} has id {vocab.get(char)}, not {expected}: "
                "this is not GPT-2's byte order"
            )
    _check_no_repeats(path, pairs)
    ids = []
    for rank, pair in enumerate(pairs):
        made = vocab.get("".join(pair))
        if len(pair) != 2 or made != 256 + rank or not vocab.keys() >= set(pair):
            raise ValueError(
                f"{path}: merge {rank}, {' '.join(pair)!r}, makes id {made}, not {256 + rank}: "
                "the file is damaged, or its ids follow another rule"
            )
        ids.append((vocab[pair[0]], vocab[pair[1]]))
    if len(vocab.keys() - set(specials)) != 256 + len(pairs):
        raise ValueError(
            f"{path}: {len(vocab)} tokens are more than 256 bytes, {len(pairs)} merges and "
            f"{len(specials)} special token(s) make: merges are missing"
        )
    return ids
