"""Rows of CSV, TSV, JSONL and Parquet files, by the columns that a task wants."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from llm_nb.data.reading import MAX_LINE, BadFile, text_lines
from llm_nb.extras import library

E = TypeVar("E")
# Our name of a field → the name of its column, or its place from 0 where the file has no header.
Columns = Mapping[str, str | int]

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


class MissingColumn(BadFile):
    """A table without a column that was asked for."""


class Row(NamedTuple):
    """One row, and the line of the file where it ends (in Parquet: its number, from 1)."""

    line: int
    values: dict[str, Any]


def read_rows(path: str | Path, columns: Columns, kind: str = "") -> list[Row]:
    """The rows of a table by the fields of ``columns``; blank lines are passed over.

    A TSV file quotes nothing, as SST-2 and Tatoeba do; a CSV file quotes as spreadsheets do.
    ``kind``, one of ``TABLES``, says what a file is whose name does not.

    Raises:
        MissingColumn: there is no such column.
        BadFile: a row has too many or too few fields, a line is no JSON
            object, or the file is no Parquet.
        ValueError: the name ends in none of ``TABLES``.
    """
    path = Path(path)
    kind = kind or path.suffix.lower()
    readers = {
        ".csv": lambda: _separated(path, columns, ","),
        ".tsv": lambda: _separated(path, columns, "\t"),
        ".jsonl": lambda: list(_objects(path, columns)),
        ".parquet": lambda: _parquet(path, columns),
    }
    if kind not in readers:
        raise ValueError(f"{path} is no table: its name, or kind, must end in {', '.join(TABLES)}")
    return readers[kind]()


def read_examples(
    path: str | Path, columns: Columns, make: Callable[..., E], kind: str = ""
) -> list[E]:
    """``make(**fields)`` of every row: ``make`` is a class of ``examples`` or a function.

    >>> read_examples("mine.tsv", {"text": "sentence", "label": "label"}, Labelled)

    Raises:
        BadFile: as ``read_rows``; also where an example refuses its fields, or there is no row.
    """
    found = []
    for line, values in read_rows(path, columns, kind):
        try:
            found.append(make(**values))
        except (ValueError, TypeError) as error:
            raise BadFile(path, line, str(error)) from None
    if not found:
        raise empty(path)
    return found


def empty(path: str | Path) -> BadFile:
    """The error of a file without examples."""
    return BadFile(path, None, "there are no examples in it: give a file with at least one")


def _separated(path: Path, columns: Columns, delimiter: str) -> list[Row]:
    """Rows of CSV, or of TSV where the delimiter is a tab."""
    lines = (f"{line}\n" for _, line in text_lines(path))
    reader = (
        csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        if delimiter == "\t"
        else csv.reader(lines, strict=True)
    )
    limit = csv.field_size_limit(MAX_LINE)  # else a field of 131,073 characters would stop it
    try:
        places = {ours: place for ours, place in columns.items() if isinstance(place, int)}
        width = 0  # without a header, the first row sets it
        if len(places) < len(columns):
            header = next(reader, [])
            places, width = _places(path, header, columns), len(header)
        found = []
        for fields in reader:
            if not fields:
                continue
            width = width or max(len(fields), *(place + 1 for place in places.values()))
            if len(fields) != width:
                raise BadFile(
                    path,
                    reader.line_num,
                    f"the row has {len(fields)} fields where {width} are needed: is a separator "
                    "or a quotation mark inside a text?",
                )
            found.append(Row(reader.line_num, {ours: fields[i] for ours, i in places.items()}))
        return found
    except csv.Error as error:
        raise BadFile(
            path, reader.line_num, f"{error}: close the quotation marks, and double those inside"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _places(path: Path, header: list[str], columns: Columns) -> dict[str, int]:
    _check_columns(path, header, columns)
    return {ours: header.index(str(theirs)) for ours, theirs in columns.items()}


def _check_columns(path: Path, found: list[str], columns: Columns) -> None:
    missing = [theirs for theirs in columns.values() if theirs not in found]
    if missing:
        raise MissingColumn(
            path,
            1 if path.suffix != ".parquet" else None,
            f"there is no column {missing[0]!r} among {', '.join(map(repr, found)) or 'none'}: "
            "name yours in columns",
        )


def _objects(path: Path, columns: Columns) -> Iterator[Row]:
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadFile(
                path, number, f"no JSON ({error.msg} at column {error.colno}): one object a line"
            ) from None
        if not isinstance(record, dict):
            raise BadFile(path, number, f"a {type(record).__name__}, not an object {{…}}")
        if missing := [theirs for theirs in columns.values() if theirs not in record]:
            raise MissingColumn(
                path, number, f"there is no {missing[0]!r} among {', '.join(map(repr, record))}"
            )
        yield Row(number, {ours: record[theirs] for ours, theirs in columns.items()})


def _parquet(path: Path, columns: Columns) -> list[Row]:
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}: check the path")
    parquet = library("pyarrow.parquet", "hub")
    try:
        file = parquet.ParquetFile(path)
        _check_columns(path, file.schema_arrow.names, columns)
        table = file.read(columns=[str(theirs) for theirs in columns.values()])
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these
        if isinstance(error, BadFile):
            raise
        raise BadFile(path, None, f"no Parquet, or cut short ({error}): make it anew") from None
    parts = {ours: table.column(str(theirs)).to_pylist() for ours, theirs in columns.items()}
    rows = zip(*parts.values(), strict=True)
    return [Row(i, dict(zip(parts, row, strict=True))) for i, row in enumerate(rows, 1)]
