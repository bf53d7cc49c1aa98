"""Documents from files of every kind, and what is passed over in a folder."""

import json

import pytest

from llm_nb.data.corpora import load_corpus, local_text
from llm_nb.data.documents import KINDS, read_documents
from llm_nb.data.reading import BadFile

CELLS = {"cells": [{"cell_type": "markdown", "source": ["# A\n", "b"]}, {"source": "x = 1"}]}


def fill(folder):
    """One file of each kind, each with one document, but for the tables' two."""
    (folder / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.md", "sub/c.py"):
        (folder / name).write_bytes(b"\xef\xbb\xbfsome text\r\nin two lines\r\n")
    (folder / "d.ipynb").write_text(json.dumps(CELLS), "utf-8")
    (folder / "e.csv").write_text('id,text\n1,"one, two"\n2,three\n', "utf-8")
    (folder / "f.tsv").write_text("sentence\tlabel\nfour\t1\nfive\t0\n", "utf-8")
    (folder / "g.jsonl").write_text('{"content": "six"}\n{"content": "七"}\n', "utf-8")
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"body": ["eight", "nine"]})
    pytest.importorskip("pyarrow.parquet").write_table(table, folder / "h.parquet")


def test_every_kind_is_read(tmp_path):
    fill(tmp_path / "all")
    found, notes = read_documents(tmp_path / "all")
    assert notes == ()
    assert found["a.txt"] == found["b.md"] == found["sub/c.py"] == "some text\nin two lines\n"
    assert found["d.ipynb"] == "# A\nb\n\nx = 1"
    rows = [text for name, text in found.items() if ", row" in name]
    assert rows == ["one, two", "three", "four", "five", "six", "七", "eight", "nine"]
    for path in (tmp_path / "all").rglob("*.*"):
        assert (
            read_documents(path)[0].items()
            <= {name.rsplit("/", 1)[-1]: text for name, text in found.items()}.items()
        )


def test_what_a_folder_holds_besides_is_counted(tmp_path):
    fill(tmp_path)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.txt").write_text("secret")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.txt").write_text("secret")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfet\0")
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n")
    found, (others, bad) = read_documents(tmp_path)
    assert "secret" not in found.values()
    assert others == f"passed over 1 files of other kinds than {', '.join(KINDS)}"
    assert bad.startswith("passed over 2 files that cannot be read; the first: ")
    assert "UTF-16" in bad


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "a,b\n1,2\n", "none of the columns 'text', 'sentence'.*text_column"),
        ("a.jsonl", '{"text": 5}\n', "line 1: text is 5, not text"),
        ("a.jsonl", '{"text": "a"}\nno\n', "line 2: no JSON"),
        ("a.ipynb", '{"cells": [', "line 1: no JSON"),
        ("a.ipynb", '{"worksheets": []}', "no notebook of format 4"),
        ("a.log", "\0", "line 1: there is a NUL byte"),
    ],
)
def test_a_file_named_by_itself_must_be_readable(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(BadFile, match=message):
        read_documents(tmp_path / name)


def test_a_column_can_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("text,verse\nno,yes\n", "utf-8")
    assert list(read_documents(tmp_path / "a.csv", "verse")[0].values()) == ["yes"]


def test_a_folder_of_nothing_readable_says_why(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no text at .*\*\.parquet"):
        read_documents(tmp_path)
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"the first: .*no notebook of format 4"):
        read_documents(tmp_path)


def test_a_table_becomes_a_corpus_and_its_report_says_what_was_dropped(tmp_path):
    path = tmp_path / "a.jsonl"
    words = "one two three four five six seven eight nine ten eleven twelve".split()
    lines = [" ".join([*words[i % 12 :], str(i), *words[: i % 12]]) for i in range(200)]
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in [*lines, lines[0]]), "utf-8")
    corpus = load_corpus(str(path))
    assert corpus.n_exact == 1
    assert len(corpus.train) + len(corpus.validation) + corpus.n_near == 200
    assert "dropped 1 paragraphs that recur" in corpus.report()
    assert local_text(path, text_column="text").train == corpus.train


def test_line_ends_and_marks_change_no_corpus(tmp_path):
    text = "\n\n".join(f"paragraph {i} of the text, 第{i}段" for i in range(100))
    for name, content in {
        "unix.txt": text.encode(),
        "windows.txt": b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
    unix, windows = (local_text(tmp_path / f"{name}.txt") for name in ("unix", "windows"))
    assert (unix.train, unix.validation) == (windows.train, windows.validation)
