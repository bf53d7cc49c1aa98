"""CoNLL, SQuAD, recordings and load_from_disk: the real sets, and what is said of bad ones."""

import json

import numpy as np
import pytest
from scipy.io import wavfile

from llm_nb.data.examples import Answer, Question, Tagged, label_names
from llm_nb.data.formats import read_conll, read_from_disk, read_squad, read_wavs
from llm_nb.data.reading import BadFile

CONTEXT = "The cat sat on the mat."


def squad(path, answers, **changes):
    item = {"id": "q7", "question": "Who sat?", "answers": answers} | changes
    item = {name: value for name, value in item.items() if value is not None}
    content = {"data": [{"paragraphs": [{"context": CONTEXT, "qas": [item]}]}]}
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_conll_columns_and_comments(tmp_path):
    (tmp_path / "a.conll").write_text(
        "-DOCSTART- -X- O O\n\nAnn NNP B-NP B-PER\nran VBD B-VP O\n \nHi UH O O\n", "utf-8"
    )
    assert read_conll(tmp_path / "a.conll") == [
        Tagged(("Ann", "ran"), ("B-PER", "O")),
        Tagged(("Hi",), ("O",)),
    ]
    (tmp_path / "b.conllu").write_text(
        "# text = don't go\n1-2\tdon't\t_\t_\n1\tdo\tdo\tAUX\n2\tn't\tnot\tPART\n3\tgo\tgo\tVERB\n",
        "utf-8",
    )
    words = Tagged(("do", "n't", "go"), ("AUX", "PART", "VERB"))
    assert read_conll(tmp_path / "b.conllu", word=1, tag=3) == [words]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ann\tB-PER\nran\tO\nhome\tI-LOC\n", "line 3: tag 'I-LOC' of word 2 follows 'O'.*to_bio"),
        ("Ann\tB-PER\nran\tX\n", "line 2: tag 'X' of word 1 is not BIO"),
        ("Ann\tB-PER\nran\n", "line 2: 'ran' lacks its word or its tag"),
        ("Ann\tB-PER\n\tO\n", "line 2: .* lacks its word or its tag"),
        ("\n\n", "no examples in it"),
    ],
)
def test_bad_conll_is_named_with_its_line(tmp_path, content, message):
    (tmp_path / "a.conll").write_text(content, "utf-8")
    with pytest.raises(BadFile, match=message):
        read_conll(tmp_path / "a.conll")


def test_squad_answers_and_none(tmp_path):
    path = squad(tmp_path / "a.json", [{"text": "The cat", "answer_start": 0}])
    assert read_squad(path) == [Question(CONTEXT, "Who sat?", (Answer("The cat", 0),))]
    assert read_squad(squad(path, [], is_impossible=True))[0].answers == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": [', "line 1: no JSON"),
        ("[]", "no SQuAD file, which holds data"),
        ('{"data": []}', "no examples in it"),
        ('{"data": [{"paragraphs": [{"qas": [{"id": "q7"}]}]}]}', "question q7 lacks 'answers'"),
    ],
)
def test_bad_squad_is_one_clear_sentence(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content, "utf-8")
    with pytest.raises(BadFile, match=message):
        read_squad(tmp_path / "a.json")


def test_an_offset_that_does_not_match_names_file_and_question(tmp_path):
    path = squad(tmp_path / "a.json", [{"text": "cat", "answer_start": 5}])
    with pytest.raises(BadFile, match=r"a\.json: question q7: answer 'cat' .* it begins at 4"):
        read_squad(path)


@pytest.mark.parametrize(
    ("dtype", "peak"), [(np.uint8, 255), (np.int16, 32767), (np.int32, 2**31 - 1), (np.float32, 1)]
)
def test_recordings_of_every_depth_become_floats(tmp_path, dtype, peak):
    folder = tmp_path / "yes"
    folder.mkdir()
    zero = 128 if dtype == np.uint8 else 0
    wavfile.write(folder / "a.wav", 8000, np.array([zero, peak, zero], dtype))
    [(name, recording)] = read_wavs(tmp_path).items()
    assert (name, recording.label, recording.rate) == ("yes/a.wav", "yes", 8000)
    assert recording.samples == pytest.approx([0, 1, 0], abs=0.01)


def test_bad_recordings_are_one_clear_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \*\.wav under"):
        read_wavs(tmp_path)
    path = tmp_path / "a.wav"
    wavfile.write(path, 8000, np.zeros(100, np.int16))
    whole = path.read_bytes()
    for content in (whole[:-50], whole[:20], b"", b"ID3 and so on"):
        path.write_bytes(content)
        with pytest.raises(BadFile, match=r"a\.wav: no wav file, or cut short"):
            read_wavs(tmp_path)
    wavfile.write(path, 8000, np.zeros((100, 2), np.int16))
    with pytest.raises(BadFile, match="it has 2 channels"):
        read_wavs(tmp_path)
    wavfile.write(path, 8000, np.zeros(0, np.int16))
    with pytest.raises(BadFile, match="samples are float32 of shape"):
        read_wavs(tmp_path)


def test_saved_data_sets_come_back_with_names_for_class_numbers(tmp_path):
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["O", "B-PER"])
    features = datasets.Features(
        {
            "words": datasets.List(datasets.Value("string")),
            "tags": datasets.List(names),
            "mood": datasets.ClassLabel(names=["bad", "good"]),
        }
    )
    rows = {"words": [["Ann", "ran"], ["Hi"]], "tags": [[1, 0], [0]], "mood": [1, -1]}
    part = datasets.Dataset.from_dict(rows, features)
    expected = [
        {"words": ["Ann", "ran"], "tags": ["B-PER", "O"], "mood": "good"},
        {"words": ["Hi"], "tags": ["O"], "mood": None},
    ]
    part.save_to_disk(tmp_path / "one")
    assert read_from_disk(tmp_path / "one") == {"train": expected}
    datasets.DatasetDict({"dev": part}).save_to_disk(tmp_path / "parts")
    assert read_from_disk(tmp_path / "parts") == {"dev": expected}
    with pytest.raises(BadFile, match="not written by save_to_disk, or damaged"):
        read_from_disk(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder at"):
        read_from_disk(tmp_path / "none")


def test_wnut17_has_its_sentences_and_six_types(real_data):
    sizes = {"wnut17train.conll": 3394, "emerging.dev.conll": 1009, "emerging.test.annotated": 1287}
    for name, size in sizes.items():
        sentences = read_conll(real_data / "wnut17" / name)
        assert len(sentences) == size
        assert len({tag[2:] for tag in label_names(sentences) if tag != "O"}) == 6
    assert sentences[0].words[:3] == ("&", "gt", ";")


def test_xquad_has_the_same_1190_questions_in_both_languages(real_data):
    both = [read_squad(real_data / "xquad" / f"xquad.{lang}.json") for lang in ("en", "zh")]
    assert [len(questions) for questions in both] == [1190, 1190]
    assert [questions[0].answers[0].text for questions in both] == ["308", "308"]
    assert all(q.answers for questions in both for q in questions)
