"""The runs that come with the package, and where the settings of a run are read from."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "presets"
Tables = dict[str, dict[str, Any]]


def names() -> list[str]:
    """The presets, in the order of the alphabet."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def listing() -> str:
    """Every preset with the comment that its file begins with."""
    parts = []
    for name in names():
        lines = (FOLDER / f"{name}.toml").read_text("utf-8").splitlines()
        end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
        parts.append("\n".join([f"  {name}", *(f"    {line[2:]}" for line in lines[:end])]))
    return "\n".join(parts)


def read(name_or_file: str) -> Tables:
    """The tables of a preset or of a TOML file.

    Raises:
        ValueError: there is neither, or the file is no TOML.
    """
    path = Path(name_or_file)
    if not path.is_file():
        if name_or_file not in names():
            raise ValueError(
                f"{name_or_file!r} is neither a preset nor a TOML file: "
                f"{nearest(name_or_file, names())}; `llm-nb train --list` tells what each does"
            )
        path = FOLDER / f"{name_or_file}.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML ({error}): mend that place") from None


def nearest(word: str, known: list[str]) -> str:
    """What to write instead: the most similar of the known words, else all of them."""
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}"


def override(tables: Tables, assignments: list[str]) -> Tables:
    """The tables with each ``table.key=value`` put in.

    A value is read as TOML (``1e-3``, ``true``, ``[0.9, 0.99]``); what is none, such as a bare
    word or a path, is text. Of ``data.corpus`` and ``data.tokens`` the one given here wins.

    Raises:
        ValueError: an assignment is not of that form.
    """
    tables = {
        name: dict(table) if isinstance(table, dict) else table for name, table in tables.items()
    }
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        table, dot, name = key.strip().partition(".")
        if not (equals and dot and table and name):
            raise ValueError(
                f"--set {assignment!r} is not of the form table.key=value, as train.lr=1e-3"
            )
        row = tables.setdefault(table, {})
        if table == "data" and name in ("corpus", "tokens"):
            row.pop("corpus", None)
            row.pop("tokens", None)
        row[name] = _value(value.strip())
    return tables


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text
