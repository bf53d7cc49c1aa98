"""Sets by name: from local files, from the hub's rows, or a part of the offline tiers."""

import io
import sys
from types import ModuleType

import numpy as np
import pytest
from scipy.io import wavfile

from llm_nb.data import hub
from llm_nb.data.examples import Labelled, TaskData
from llm_nb.data.sets import SETS
from llm_nb.data.tasks import MICROWORLD_TASKS, articles, load_task, load_text


def recording():
    file = io.BytesIO()
    wavfile.write(file, 8000, np.zeros(80, np.int16))
    return {"bytes": file.getvalue(), "path": None}


# A row as the hub gives it, with the names of classes.
ROWS = {
    "sst2": {"sentence": "well-conceived ", "label": "positive"},
    "wikiann": {"tokens": ["Ann", "Lee", "ran"], "ner_tags": ["B-PER", "I-PER", "O"]},
    "squad": {
        "context": "The cat sat.",
        "question": "Who?",
        "answers": {"text": ["The cat"], "answer_start": [0]},
    },
    "dialogsum": {"dialogue": "#Person1#: Hi.\n#Person2#: Hello.", "summary": "They greet."},
    "opus-100": {"translation": {"en": "Hi.", "zh": "嗨。"}},
    "spoken-digits": {"audio": recording(), "label": "7"},
}
ROWS |= {"xquad-en": ROWS["squad"], "xquad-zh": ROWS["squad"], "dialogsum-turns": ROWS["dialogsum"]}


@pytest.fixture
def no_hub(monkeypatch):
    monkeypatch.delenv("LLM_NB_DATA", raising=False)

    def rows(*args):
        raise hub.HubError("the hub is out of reach (as the test wants)")

    monkeypatch.setattr(hub, "rows", rows)


@pytest.fixture
def microworld(monkeypatch):
    """What the microworld's loader will be asked for."""
    asked = []

    def load(task, language="en", n_train=2000, n_test=500, seed=0):
        asked.append((task, language))
        story = Labelled("Ann smiled.", "glad")
        return TaskData("microworld", "sentiment", [story] * 9, [], [], "MIT", ("glad", "sad"))

    module = ModuleType("llm_nb.data.microworld.tasks")
    module.load = load
    monkeypatch.setitem(sys.modules, "llm_nb.data.microworld", ModuleType("microworld"))
    monkeypatch.setitem(sys.modules, "llm_nb.data.microworld.tasks", module)
    return asked


@pytest.mark.parametrize("name", [name for name, known in SETS.items() if known.hub])
def test_rows_of_the_hub_become_examples(name, monkeypatch):
    monkeypatch.delenv("LLM_NB_DATA", raising=False)
    good, bad = ROWS[name], dict.fromkeys(ROWS[name])
    monkeypatch.setattr(hub, "rows", lambda where, part, seconds: [bad, good, good, good])
    data = load_task(name, limit=3)
    assert all(len(data.part(part)) == 2 for part in SETS[name].hub.parts)
    assert data.notes[:2] == (SETS[name].about, f"from the hub, {SETS[name].hub.repository}")
    assert data.notes[2].startswith("left out")
    assert set(SETS[name].hub.columns) == set(good)


def test_the_turns_of_a_dialogue(monkeypatch):
    monkeypatch.setattr(hub, "rows", lambda where, part, seconds: [ROWS["dialogsum"]])
    [dialogue] = load_task("dialogsum-turns").test
    assert dialogue.turns == (("Person1", "Hi."), ("Person2", "Hello."))


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", [n for n, s in SETS.items() if s.task in MICROWORLD_TASKS])
def test_without_the_hub_the_microworld_stands_in_and_one_line_says_so(name, microworld, capsys):
    data = load_task(name, limit=4)
    assert (data.name, len(data.train), data.labels) == ("microworld", 4, ("glad", "sad"))
    assert microworld == [(SETS[name].task, "zh" if name == "xquad-zh" else "en")]
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith(f"{name}: ")
    assert "The microworld stands in" in out


@pytest.mark.usefixtures("no_hub")
def test_without_the_hub_the_language_reference_stands_in(capsys):
    assert load_text("wikitext-2").name == "language-reference"
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "out of reach" in out


@pytest.mark.usefixtures("no_hub")
def test_what_no_tier_has_is_an_error_with_its_remedy():
    with pytest.raises(hub.HubError, match="no offline tier has speech: set LLM_NB_DATA"):
        load_task("spoken-digits")


def test_rows_that_are_all_wrong_are_as_good_as_no_hub(monkeypatch, microworld, capsys):
    monkeypatch.delenv("LLM_NB_DATA", raising=False)
    monkeypatch.setattr(hub, "rows", lambda where, part, seconds: [{"sentence": "", "label": "1"}])
    assert load_task("sst2").name == "microworld"
    assert "none of its rows is as expected" in capsys.readouterr().out


def test_unknown_names_and_folders(tmp_path):
    with pytest.raises(ValueError, match="unknown data set 'imdb': use sst2"):
        load_task("imdb")
    with pytest.raises(ValueError, match="unknown text 'wiki': use wikitext-2"):
        load_text("wiki")
    with pytest.raises(FileNotFoundError, match=r"sst2 is not in .*: no folder sst2 there"):
        load_task("sst2", folder=tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"squad is not in .*: it has no local form"):
        load_task("squad", folder=tmp_path)


def test_wikitext_is_cut_into_articles(monkeypatch):
    lines = ["", " = Valkyria = ", "", " It is a game . ", " = = Plot = = ", " War . ", ""]
    lines += [" = Homarus gammarus = ", " A lobster . "]
    texts = articles(line + "\n" for line in lines)
    assert [text.split("\n")[0] for text in texts] == [" = Valkyria = ", " = Homarus gammarus = "]
    assert "= = Plot = =" in texts[0]
    wikitext = [{"text": line} for line in lines]
    monkeypatch.setattr(hub, "rows", lambda where, part, seconds: wikitext)
    corpus = load_text("wikitext-103")
    assert corpus.train == corpus.validation == tuple(texts)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("sst2", (60_614, 6_735, 0)),
        ("wnut17", (3_394, 1_009, 1_287)),
        ("xquad-en", (0, 0, 1_190)),
        ("xquad-zh", (0, 0, 1_190)),
        ("tatoeba", (18_065, 1_029, 1_039)),
        ("spoken-digits", (2_700, 0, 300)),
    ],
)
def test_local_files_have_their_published_sizes(real_data, name, sizes):
    data = load_task(name, folder=real_data)
    assert (len(data.train), len(data.validation), len(data.test)) == sizes


def test_a_few_records_of_the_local_files(real_data):
    sst2, digits, tatoeba = (
        load_task(n, folder=real_data) for n in ("sst2", "spoken-digits", "tatoeba")
    )
    assert sst2.validation[1] == Labelled("well-conceived", "positive")
    assert digits.labels == tuple("0123456789")
    assert {recording.rate for recording in digits.test} == {8000}
    assert (
        sum(
            tatoeba_part
            for tatoeba_part in map(len, (tatoeba.train, tatoeba.validation, tatoeba.test))
        )
        == 20_133
    )
    sources = [{pair.source for pair in part} for part in (tatoeba.train, tatoeba.test)]
    assert not sources[0] & sources[1]


def test_a_label_outside_the_files_scheme_is_named_with_its_line(tmp_path):
    (tmp_path / "sst2").mkdir()
    for name in ("train", "dev"):
        path = tmp_path / "sst2" / f"{name}.tsv"
        path.write_text("sentence\tlabel\nfine\t1\nodd\t2\n", "utf-8")
    with pytest.raises(ValueError, match=r"train\.tsv, line 3: label '2' is neither 0"):
        load_task("sst2", folder=tmp_path)
