"""Documents from local files of any usual kind, one file or a whole folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from llm_nb.data.reading import BadFile, read_json, read_text
from llm_nb.data.tables import TABLES, MissingColumn, read_rows

# The column of a table that holds its text, the first of these that it has.
TEXT_COLUMNS = ("text", "sentence", "content", "document", "body", "article")

Documents = dict[str, str]


def read_documents(path: str | Path, text_column: str = "") -> tuple[Documents, tuple[str, ...]]:
    """Texts by name, and a note on what was passed over.

    A text, Markdown or Python file is a document; a notebook is one, of its cells' sources; each
    row of a table is one, by its text column. Of a folder, what is of another kind, hidden, or
    cannot be read is passed over and counted; a file named by itself must be readable.

    Args:
        text_column: the column of a table; "": the first of ``TEXT_COLUMNS`` that is there.

    Raises:
        FileNotFoundError: nothing is there, or no file of ``KINDS``.
        BadFile: the file cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError(f"no text at {path}: give {_wanted()}")
        return _documents(path, path.name, text_column), ()
    found: Documents = {}
    other, bad = 0, []
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if not file.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        if file.suffix.lower() not in KINDS:
            other += 1
            continue
        try:
            found |= _documents(file, inside.as_posix(), text_column)
        except BadFile as error:
            bad.append(str(error))
    if not found:
        raise FileNotFoundError(f"no text at {path}: give {_wanted()}{_first(bad)}")
    notes = []
    if other:
        notes.append(f"passed over {other} files of other kinds than {', '.join(KINDS)}")
    if bad:
        notes.append(f"passed over {len(bad)} files that cannot be read{_first(bad)}")
    return found, tuple(notes)


def _documents(path: Path, name: str, text_column: str) -> Documents:
    """The documents of one file; of an unknown kind it is read as text."""
    kind = path.suffix.lower()
    if kind in TABLES:
        return _rows(path, name, text_column)
    return {name: _WHOLE.get(kind, read_text)(path)}


def _rows(path: Path, name: str, text_column: str) -> Documents:
    for column in [text_column] if text_column else TEXT_COLUMNS:
        try:
            rows = read_rows(path, {"text": column})
        except MissingColumn:
            continue
        if wrong := [row for row in rows if not isinstance(row.values["text"], str)]:
            value = wrong[0].values["text"]
            raise BadFile(path, wrong[0].line, f"{column} is {value!r}, not text")
        return {f"{name}, row {i}": row.values["text"] for i, row in enumerate(rows, 1)}
    wanted = ", ".join(map(repr, [text_column] if text_column else TEXT_COLUMNS))
    raise BadFile(path, None, f"it has none of the columns {wanted}: name yours in text_column")


def _notebook(path: Path) -> str:
    """The sources of a notebook's cells."""
    try:
        return "\n\n".join("".join(cell["source"]) for cell in read_json(path)["cells"])
    except (KeyError, TypeError):
        raise BadFile(path, None, "no notebook of format 4: save it with Jupyter") from None


# How a file of each ending becomes a document; the rows of tables become one each.
_WHOLE: dict[str, Callable[[Path], str]] = {
    ".txt": read_text,
    ".md": read_text,
    ".py": read_text,
    ".ipynb": _notebook,
}
KINDS = (*_WHOLE, *TABLES)


def _wanted() -> str:
    return f"a UTF-8 text file, or a folder of {', '.join(f'*{kind}' for kind in KINDS)}"


def _first(bad: list[str]) -> str:
    return f"; the first: {bad[0]}" if bad else ""
