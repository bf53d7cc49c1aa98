"""Word vectors: neighbours, analogies, and files that gensim reads and writes too."""

import json
import math
import re
from collections import Counter
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from llm_nb.models.word2vec import SkipGram, Word2VecConfig, train
from llm_nb.models.word_vectors import WordVectors

SUFFIXES = [".txt", ".vec", ".bin", ".safetensors"]
WORDS = ["where", "there", "King", "naïve", "词", "a\u00a0b", "x\u2028y", "1e5", "7", "\x85"]


@pytest.fixture
def vectors():
    return WordVectors(
        WORDS, torch.randn(len(WORDS), 5, generator=torch.Generator().manual_seed(0))
    )


def royal():
    """Gender and rank as two directions, and one word that is near to everything."""
    table = {
        "man": [1, 0, 0.2],
        "woman": [-1, 0, 0.2],
        "king": [1, 1, 0],
        "queen": [-1, 1, 0],
        "prince": [1, 0.8, 0.3],
        "cabbage": [0, -1, 1],
    }
    return WordVectors(list(table), torch.tensor(list(table.values())) * torch.tensor([2.0]))


def test_similarity_is_the_cosine():
    vectors = WordVectors(
        ["a", "b", "c", "zero"], torch.tensor([[3, 0], [2, 2], [-1, 0], [0, 0.0]])
    )
    assert vectors.similarity("a", "b") == pytest.approx(math.sqrt(0.5))
    assert vectors.similarity("a", "c") == pytest.approx(-1)
    assert vectors.similarity("a", "zero") == 0
    assert len(vectors) == 4
    assert "a" in vectors
    assert "z" not in vectors
    assert vectors["b"].tolist() == [2, 2]


def test_neighbours(vectors):
    v = vectors.vectors.numpy()
    cosine = v @ v[2] / np.linalg.norm(v, axis=1) / np.linalg.norm(v[2])
    order = [i for i in np.argsort(-cosine) if i != 2]
    found = vectors.neighbours("King", 4)
    assert [word for word, _ in found] == [WORDS[i] for i in order[:4]]
    np.testing.assert_allclose([c for _, c in found], cosine[order[:4]], rtol=1e-5)
    assert len(vectors.neighbours("King", 100)) == len(WORDS) - 1
    assert vectors.neighbours(vectors["King"] * 7, 1)[0][0] == "King"


def test_analogy():
    vectors = royal()
    assert [word for word, _ in vectors.analogy("man", "king", "woman")] == ["queen"]
    every = [word for word, _ in vectors.analogy("man", "king", "woman", 10)]
    assert sorted(every) == ["cabbage", "prince", "queen"]  # without the three of the question
    u = torch.nn.functional.normalize(vectors.vectors, dim=1)
    target = u[2] - u[0] + u[1]
    cosine = float(target / target.norm() @ u[3])
    assert vectors.analogy("man", "king", "woman")[0][1] == pytest.approx(cosine)


def test_neighbours_and_analogies_are_gensims(vectors):
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(5)
    theirs.add_vectors(WORDS, vectors.vectors.numpy())
    for word in WORDS:
        ours, reference = vectors.neighbours(word, 3), theirs.most_similar(word, topn=3)
        assert [w for w, _ in ours] == [w for w, _ in reference]
    ours = vectors.analogy("where", "there", "King", 3)
    reference = theirs.most_similar(positive=["King", "there"], negative=["where"], topn=3)
    assert [w for w, _ in ours] == [w for w, _ in reference]
    np.testing.assert_allclose([c for _, c in ours], [c for _, c in reference], atol=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_gives_back_every_bit(tmp_path, vectors, suffix):
    vectors.vectors[0, :3] = torch.tensor([1e-38, 3.4e38, -0.1])
    path = tmp_path / f"v{suffix}"
    vectors.save(path)
    vectors.save(path)  # over an old one
    again = WordVectors.load(path)
    assert again.words == WORDS
    assert torch.equal(again.vectors, vectors.vectors)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_save_that_fails_leaves_the_old_file(tmp_path, vectors, monkeypatch):
    path = tmp_path / "v.vec"
    path.write_text("old")
    monkeypatch.setattr("os.replace", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        vectors.save(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
def test_files_are_gensims(tmp_path, vectors, suffix):
    models = pytest.importorskip("gensim.models")
    binary = suffix == ".bin"
    words = ["where", "there", "King", "naïve", "词"]
    mine = WordVectors(words, vectors.vectors[:5])
    mine.save(tmp_path / f"ours{suffix}")
    theirs = models.KeyedVectors.load_word2vec_format(tmp_path / f"ours{suffix}", binary=binary)
    assert theirs.index_to_key == words
    assert np.array_equal(theirs.vectors, mine.vectors.numpy())
    theirs.save_word2vec_format(tmp_path / f"theirs{suffix}", binary=binary)
    again = WordVectors.load(tmp_path / f"theirs{suffix}")
    assert again.words == words
    assert torch.equal(again.vectors, mine.vectors)


def test_text_without_a_header(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_bytes(b"the 0.5 -1 2e-3\r\n. . . 1 2 3\r\nat 1 1 1 \r\n")
    vectors = WordVectors.load(path)
    assert vectors.words == ["the", ". . .", "at"]  # published files have words with spaces
    assert vectors[". . ."].tolist() == [1, 2, 3]
    assert vectors["the"].tolist() == pytest.approx([0.5, -1, 0.002])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_cut_off(tmp_path, vectors, suffix):
    path = tmp_path / f"v{suffix}"
    vectors.save(path)
    whole = path.read_bytes()
    for share in (0.3, 0.7, 0.97):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match=re.escape(path.name)):
            WordVectors.load(path)


def test_files_of_another_kind(tmp_path):
    for name, content, message in [
        ("a.bin", b"\x00\x01 no header", "does not begin with the numbers"),
        ("a.txt", b"2 3\na 1 2 3\n", "promises 2 words and has 1"),
        ("b.txt", b"a 1 2 3\nb 1 2\n", "line 2 of .* is not a word and 3 numbers"),
        ("c.txt", b"1 2\na 1 zwei\n", "line 2 of .* is not a word and 2 numbers"),
        ("d.txt", b"", "neither of them 0"),
        ("e.txt", b"1 2\n\xff\xfe 1 2\n", "is no .txt file of word vectors"),
        ("a.safetensors", b"no tensors at all", "is no .safetensors file"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            WordVectors.load(tmp_path / name)
    save_file({"vectors": torch.ones(2, 2)}, tmp_path / "f.safetensors")
    with pytest.raises(ValueError, match="'words'"):
        WordVectors.load(tmp_path / "f.safetensors")
    save_file(
        {"vectors": torch.ones(2, 2)}, tmp_path / "g.safetensors", {"words": json.dumps(["a"])}
    )
    with pytest.raises(ValueError, match="1 words, but 2 vectors"):
        WordVectors.load(tmp_path / "g.safetensors")
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        WordVectors.load(tmp_path / "none.txt")
    for act in (WordVectors.load, royal().save):
        with pytest.raises(ValueError, match=r"ends in '\.pkl': use \.txt"):
            act(tmp_path / "v.pkl")


@pytest.mark.parametrize("word", ["", "two words", "line\nend"])
def test_words_that_a_format_cannot_hold(tmp_path, word):
    vectors = WordVectors([word, "b"], torch.ones(2, 2))
    for suffix in (".txt", ".bin"):
        with pytest.raises(ValueError, match=r"save as \.safetensors"):
            vectors.save(tmp_path / f"v{suffix}")
    vectors.save(tmp_path / "v.safetensors")
    assert WordVectors.load(tmp_path / "v.safetensors").words == [word, "b"]
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unknown_word_is_named_with_close_ones(vectors):
    for word, hint in [
        ("whree", "did you mean 'where'"),
        ("king", "did you mean 'King'"),
        ("zzz", "try another word"),
        ("", "try another word"),
    ]:
        with pytest.raises(ValueError, match=f"{word!r} is not among the 10 words: {hint}"):
            vectors[word]
    for call in (
        lambda: vectors.similarity("where", "ther"),
        lambda: vectors.neighbours("ther"),
        lambda: vectors.analogy("where", "King", "ther"),
    ):
        with pytest.raises(ValueError, match=r"'ther' is not among the 10 words: .*'there'"):
            call()


@pytest.mark.parametrize(
    ("words", "table", "message"),
    [
        (["a", "b"], torch.ones(3, 2), "2 words, but 3 vectors"),
        (["a", "b", "a"], torch.ones(3, 2), "'a' stands there twice"),
        (["a"], torch.ones(1, 0), "neither of them 0"),
        ([], torch.ones(0, 2), "neither of them 0"),
        (["a"], torch.ones(1), "give \\(words, dim\\)"),
        (["a", "b"], torch.tensor([[1.0], [float("nan")]]), "vector of 'b' is not finite"),
    ],
)
def test_impossible_vectors(words, table, message):
    with pytest.raises(ValueError, match=message):
        WordVectors(words, table)


def test_impossible_questions(vectors):
    with pytest.raises(ValueError, match="0 neighbours asked for"):
        vectors.neighbours("where", 0)
    with pytest.raises(ValueError, match=r"shape \(4,\): needed \(5,\)"):
        vectors.neighbours(torch.ones(4))


def test_skip_gram_on_real_text_finds_kin(real_data):
    """A few thousand sentences suffice for months, numbers and relatives to find each other."""
    text = "".join(
        (real_data / "wikitext-2" / f"{part}.txt").read_text() for part in ("valid", "test")
    )
    documents = [line.lower().split() for line in text.splitlines() if line.strip()]
    counts = Counter(word for document in documents for word in document)
    words = [word for word, n in counts.most_common() if n >= 10]
    ids = {word: i for i, word in enumerate(words)}
    torch.manual_seed(0)
    model = SkipGram(Word2VecConfig(len(words), dim=50))
    train(model, [[ids[w] for w in d if w in ids] for d in documents], epochs=4, lr=0.05)
    vectors = WordVectors(words, model.v)
    months = {"january", "february", "march", "april", "may", "june", "july", "august"}
    months |= {"september", "october", "november", "december"}
    near = [word for word, _ in vectors.neighbours("september", 5)]
    assert len(months.intersection(near)) >= 3, near
    assert vectors.similarity("two", "three") > vectors.similarity("two", "church")
    assert vectors.similarity("his", "her") > vectors.similarity("his", "september")
