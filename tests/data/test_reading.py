"""Lines of text files, and what is said of those that cannot be read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_nb.data.reading import MAX_LINE, BadFile, read_text, text_lines


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"\xef\xbb\xbfone\n", ["one"]),
        (b"\n\xe5\x8c\x97\xe4\xba\xac\n", ["", "北京"]),
        ("a\u2028b\x0cc\n".encode(), ["a\u2028b\x0cc"]),  # ends of lines for str.splitlines alone
    ],
)
def test_marks_and_windows_line_ends_are_taken_off(tmp_path, content, lines):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert [line for _, line in text_lines(path)] == lines
    assert [number for number, _ in text_lines(path)] == list(range(1, len(lines) + 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("one\nein Gruß\n".encode("latin-1"), r"a\.txt, line 2: byte 0xdf at byte 7 is not UTF-8"),
        ("one\n北京\n".encode() + "上海\n".encode("gb18030"), "line 3: byte 0x.. .*GB18030"),
        ("hello".encode("utf-16"), "line 1: the file is UTF-16, not UTF-8: .*iconv -f UTF-16"),
        ("hello".encode("utf-32"), "the file is UTF-32"),
        (b"one\ntw\0o\n", "line 2: there is a NUL byte at byte 2"),
        ("one\ntwo\n".encode("utf-16-le"), "line 1: there is a NUL byte.*UTF-16 without its mark"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(BadFile, match=message):
        list(text_lines(tmp_path / "a.txt"))


def test_a_line_of_100_mb_is_refused_and_no_more_than_its_limit_is_read(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b"short\n")
        file.seek(100_000_000, 1)  # a hole, which reads as NULs and takes no disk
        file.write(b"\n")
    with pytest.raises(BadFile, match=rf"line 2: the line is longer than {MAX_LINE:,} bytes"):
        list(text_lines(path))


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(FileNotFoundError, match="no file at"):
            list(text_lines(path))


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"))))
def test_lines_come_back_as_they_were_written(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes(b"".join(f"{line}\r\n".encode() for line in ["first", *lines]))
    assert read_text(path).split("\n") == ["first", *lines, ""]
