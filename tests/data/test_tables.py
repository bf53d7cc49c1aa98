"""CSV, TSV, JSONL and Parquet give the same rows, or one clear sentence."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.data.examples import Labelled, Translated
from llm_nb.data.reading import BadFile
from llm_nb.data.tables import TABLES, read_examples, read_rows

COLUMNS = {"text": "sentence", "label": "mood"}
ROWS = [("it's good", "1"), ('a "word", 北京', "0")]


def write(path, rows):
    if path.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        table = pa.table({"mood": [m for _, m in rows], "sentence": [t for t, _ in rows]})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps({"sentence": t, "mood": m}, ensure_ascii=False) for t, m in rows]
        path.write_text("\n\n".join(lines), "utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([("id", "sentence", "mood"), *((0, *row) for row in rows)])
    else:
        path.write_text("".join(f"{t}\t{m}\n" for t, m in [("sentence", "mood"), *rows]), "utf-8")
    return path


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_gives_the_same_examples(tmp_path, kind):
    path = write(tmp_path / f"a{kind}", ROWS)
    assert read_examples(path, COLUMNS, Labelled) == [Labelled(*row) for row in ROWS]
    with pytest.raises(BadFile, match=r"no (column )?'topic' among"):
        read_rows(path, {"text": "sentence", "label": "topic"})
    with pytest.raises(FileNotFoundError, match="no file at"):
        read_rows(tmp_path / f"none{kind}", COLUMNS)


@pytest.mark.parametrize("kind", TABLES)
def test_an_empty_table_is_refused(tmp_path, kind):
    with pytest.raises(BadFile, match="no examples in it"):
        read_examples(write(tmp_path / f"a{kind}", []), COLUMNS, Labelled)


def test_without_a_header_columns_are_counted(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("Hi.\t嗨。\tCC-BY\nRun.\t你用跑的。\tCC-BY\n", "utf-8")
    columns = {"source": 0, "target": 1}
    pairs = read_examples(path, columns, Translated, kind=".tsv")
    assert pairs == [Translated("Hi.", "嗨。"), Translated("Run.", "你用跑的。")]
    with pytest.raises(ValueError, match="is no table"):
        read_examples(path, columns, Translated)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "sentence\tmood\ngood\t1\nso\tbad\t0\n", "line 3: the row has 3 fields where 2"),
        ("a.tsv", "sentence\tmood\ngood\n", "line 2: the row has 1 fields where 2"),
        ("a.csv", 'sentence,mood\n"good,1\nbad,0\n', r"a\.csv, line 3: unexpected end.*quotation"),
        ("a.csv", 'sentence,mood\n"a" b,1\n', "line 2: .*quotation"),
        ("a.csv", "sentence,mood\n,1\n", "line 2: Labelled has text ''"),
        ("a.csv", "", "line 1: there is no column 'sentence' among none"),
        ("a.jsonl", '{"sentence": "a", "mood": "1"}\n{"sen', "line 2: no JSON .* at column 2"),
        ("a.jsonl", "[1]\n", "line 1: a list, not an object"),
        ("a.jsonl", '{"sentence": "a"}\n', "line 1: there is no 'mood' among 'sentence'"),
        ("a.jsonl", '{"sentence": "a", "mood": 1}\n', "line 1: Labelled has label 1"),
        ("a.parquet", "PAR1 and no more", "no Parquet, or cut short"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(BadFile, match=message):
        read_examples(tmp_path / name, COLUMNS, Labelled)


def test_a_long_field_is_read_and_the_limit_of_csv_is_left_alone(tmp_path):
    before = csv.field_size_limit()
    path = write(tmp_path / "a.csv", [("long " * 50_000, "1")])
    assert len(read_rows(path, COLUMNS)[0].values["text"]) == 250_000
    assert csv.field_size_limit() == before


# What a field of a table can hold: in TSV neither its tab nor a line end.
FIELD = st.text(st.characters(exclude_characters="\n\r\t\0", codec="utf-8"), min_size=1)


@settings(deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1), st.sampled_from([".csv", ".tsv", ".jsonl"]))
def test_what_was_written_comes_back(tmp_path_factory, rows, kind):
    path = write(tmp_path_factory.getbasetemp() / f"rows{kind}", rows)
    found = [tuple(row.values.values()) for row in read_rows(path, COLUMNS)]
    assert found == rows


def test_tatoeba_has_its_20133_pairs(real_data):
    path = real_data / "tatoeba-cmn-eng" / "cmn.txt"
    pairs = read_examples(path, {"source": 0, "target": 1}, Translated, kind=".tsv")
    assert len(pairs) == 20_133
    assert pairs[0] == Translated("Hi.", "嗨。")
