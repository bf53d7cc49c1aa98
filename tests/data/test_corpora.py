"""The corpora that every Python carries, and local files."""

import pytest

from llm_nb.data.corpora import (
    Corpus,
    _paragraphs,
    language_reference,
    load_corpus,
    local_text,
    split_documents,
    standard_library,
)


@pytest.fixture(scope="module", params=[standard_library, language_reference])
def corpus(request) -> Corpus:
    return request.param()


def test_is_of_useful_size_and_split(corpus):
    size = {"standard-library": 5e6, "language-reference": 3e5}[corpus.name]
    assert corpus.n_bytes("train") > size
    assert 0.02 < corpus.n_bytes("validation") / corpus.n_bytes("train") < 0.2


def test_no_paragraph_occurs_twice_or_on_both_sides(corpus):
    paragraphs = [p for text in corpus.train + corpus.validation for p in _paragraphs(text)]
    squeezed = ["".join(p.split()) for p in paragraphs]
    assert len(squeezed) == len(set(squeezed))


def test_few_long_validation_lines_are_known_from_training(corpus):
    known = {line.strip() for text in corpus.train for line in text.splitlines()}
    lines = [ln.strip() for text in corpus.validation for ln in text.splitlines()]
    long = [line for line in lines if len(line) >= 40]
    assert sum(line in known for line in long) / len(long) < 0.05


def test_holds_nothing_of_this_machine():
    text = "".join(standard_library().train + standard_library().validation)
    assert "build_time_vars = {" not in text


def test_the_split_of_a_document_depends_on_its_name_alone():
    documents = {f"d{i}": f"text of document {i}, long enough" for i in range(200)}
    whole = split_documents("x", documents, "none")
    half = split_documents("x", {k: v for k, v in documents.items() if int(k[1:]) % 2}, "none")
    assert set(half.validation) < set(whole.validation)
    assert set(half.train) < set(whole.train)


def test_near_twins_leave_the_validation_text_unless_they_are_most_of_it():
    words = "one two three four five six seven eight nine ten".split()
    own = {f"d{i}": " ".join(f"{word}{i}" for word in words) for i in range(200)}
    whole = split_documents("x", own, "none")
    held_out = next(key for key, text in own.items() if f"{text}\n" in whole.validation)
    twin = whole.train[0].rsplit(maxsplit=1)[0]  # a training paragraph without its last word
    mended = split_documents("x", own | {held_out: twin}, "none")
    assert (mended.n_near, mended.notes) == (1, ())
    assert len(mended.validation) == len(whole.validation) - 1
    pattern = {f"d{i}": " ".join([*words, str(i)]) for i in range(200)}
    kept = split_documents("x", pattern, "none")
    assert kept.n_near == 0
    n = len(kept.validation)
    assert kept.notes[0].startswith(f"{n} of {n} paragraphs of the validation text nearly repeat")


def test_local_files_and_folders(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(f"paragraph {i} 北京" for i in range(100)), "utf-8")
    one = load_corpus(str(tmp_path / "a.txt"))
    assert len(one.train) + len(one.validation) == 100
    for i in range(60):
        (tmp_path / f"b{i}.txt").write_text(f"text {i}", "utf-8")
    assert len(local_text(tmp_path).train) > 40


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no train text"),
        (b"  \n\n ", "no train text"),
        (b"one only", "validation|train"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_bad_local_files_are_one_clear_sentence(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        local_text(tmp_path / "a.txt")


def test_missing_and_unknown_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="no text at"):
        local_text(tmp_path / "none.txt")
    with pytest.raises(FileNotFoundError, match="no text at"):
        local_text(tmp_path)
    with pytest.raises(ValueError, match="unknown corpus 'wiki'"):
        load_corpus("wiki")
