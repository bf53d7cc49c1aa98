"""The file formats of a byte-level BPE: Hugging Face's ``tokenizer.json``, GPT-2's own two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    Path(path).write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")


def read_tokenizer_json(path: str | Path) -> tuple[list[Pair], list[str], str | None]:
    """Merges, special tokens and pattern; no pattern means GPT-2's, which ByteLevel has built in.

    Raises:
        ValueError: the file is cut short or is no byte-level BPE in GPT-2's byte order.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        vocab, written = data["model"]["vocab"], data["model"]["merges"]
        # Older files write a merge as "Ġ t", newer ones as ["Ġ", "t"].
        pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in written]
        merges = _pairs_to_ids(vocab, pairs)
        specials = sorted(data["added_tokens"], key=lambda token: token["id"])
        split: dict[str, Any] = data["pre_tokenizer"]
        built_in = split["type"] == "ByteLevel"
        pattern = None if built_in else split["pretokenizers"][0]["pattern"]["Regex"]
        in_order = [t["id"] for t in specials] == [
            256 + len(merges) + i for i in range(len(specials))
        ]
        names = [token["content"] for token in specials]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{path} is not a whole byte-level BPE tokenizer.json ({error}): fetch or save it again"
        ) from None
    if not in_order:
        raise ValueError(f"{path}: the special tokens' ids must follow the merges' without a gap")
    return merges, names, pattern


def read_gpt2_files(
    encoder_json: str | Path, vocab_bpe: str | Path
) -> tuple[list[Pair], list[str]]:
    """Merges and special tokens of OpenAI's ``encoder.json`` and ``vocab.bpe``.

    Raises:
        ValueError: a file is cut short, or the two do not belong together.
    """
    try:
        vocab = json.loads(Path(encoder_json).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{encoder_json} is not whole JSON ({error}): fetch it again") from None
    lines = Path(vocab_bpe).read_text(encoding="utf-8").split("\n")
    pairs = [line.split(" ") for line in lines[1:] if line]  # the first line is a version
    specials = [token for token, i in vocab.items() if i >= 256 + len(pairs)]
    if len(specials) != 1 or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f"{vocab_bpe} has {len(pairs)} merges, where {encoder_json} with its {len(vocab)} tokens "
            f"needs {len(vocab) - 257}: one of the two is cut short"
        )
    return _pairs_to_ids(vocab, pairs), specials


def _pairs_to_ids(vocab: Mapping[str, int], pairs: Sequence[Sequence[str]]) -> list[Pair]:
    """Merges as ids; checks that ids 0–255 are the bytes and that merge i makes id 256 + i."""
    for expected, (byte, char) in enumerate(BYTE_TO_CHAR.items()):
        if vocab.get(char) != expected:
            raise ValueError(
                f"byte {byte} has id {vocab.get(char)}, not {expected}: this is not GPT-2's byte order"
            )
    ids = []
    for rank, (left, right) in enumerate(pairs):
        if vocab.get(left + right) != 256 + rank:
            raise ValueError(
                f"merge {rank} makes {left + right!r} with id {vocab.get(left + right)}, not {256 + rank}: "
                "the file is damaged, or its ids follow another rule"
            )
        ids.append((vocab[left], vocab[right]))
    return ids
