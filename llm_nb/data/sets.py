"""The published data sets that the book uses: where they stand, under what licence, in what form.

Every repository serves Parquet or CSV files, since ``datasets`` runs no loading scripts any more
(from version 4). A licence is the one that the set's card or paper states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_nb.data.examples import (
    Answer,
    Dialogue,
    Labelled,
    Question,
    Summarised,
    Tagged,
    Translated,
)
from llm_nb.data.formats import read_conll, read_squad, read_wavs, utterance
from llm_nb.data.hub import HubSet
from llm_nb.data.tables import read_examples

# The parts that a folder of local files yields; a part may be absent.
Parts = Mapping[str, list[Any]]

ALL = {"train": "train", "validation": "validation", "test": "test"}
_MOODS = {"0": "negative", "1": "positive"}


@dataclass(frozen=True)
class DataSet:
    """One published set: its task and licence, and how its rows or its files become examples.

    ``local`` is where it stands inside ``LLM_NB_DATA``; its files may be another split than the
    hub's, which ``about`` then says. ``language`` is that of the microworld which stands in.
    """

    task: str
    licence: str
    about: str
    hub: HubSet | None = None
    from_row: Callable[[dict[str, Any]], Any] | None = None
    local: str = ""
    from_files: Callable[[Path], Parts] | None = None
    language: str = "en"


def _mood(row: dict[str, Any]) -> Labelled:
    return Labelled(row["sentence"].strip(), row["label"])


def _sst2_files(folder: Path) -> Parts:
    def make(text: str, label: str) -> Labelled:
        if label not in _MOODS:
            raise ValueError(f"label {label!r} is neither 0 (negative) nor 1 (positive)")
        return Labelled(text.strip(), _MOODS[label])

    columns = {"text": "sentence", "label": "label"}
    names = {"train": "train.tsv", "validation": "dev.tsv"}
    return {part: read_examples(folder / name, columns, make) for part, name in names.items()}


def _entities(row: dict[str, Any]) -> Tagged:
    return Tagged(tuple(row["tokens"]), tuple(row["ner_tags"]))


def _wnut17_files(folder: Path) -> Parts:
    names = {
        "train": "wnut17train.conll",
        "validation": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }
    return {part: read_conll(folder / name) for part, name in names.items()}


def _question(row: dict[str, Any]) -> Question:
    texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
    answers = tuple(Answer(text, start) for text, start in zip(texts, starts, strict=True))
    return Question(row["context"], row["question"], answers)


def _xquad_files(language: str) -> Callable[[Path], Parts]:
    return lambda folder: {"test": read_squad(folder / f"xquad.{language}.json")}


def _summary(row: dict[str, Any]) -> Summarised:
    return Summarised(row["dialogue"], row["summary"])


def _turns(row: dict[str, Any]) -> Dialogue:
    """``#Person1#: Hello.`` a line."""
    turns = (line.partition(":") for line in row["dialogue"].splitlines() if line.strip())
    return Dialogue(tuple((who.strip().strip("#"), what.strip()) for who, _, what in turns))


def _pair(row: dict[str, Any]) -> Translated:
    return Translated(row["translation"]["en"], row["translation"]["zh"])


def _tatoeba_files(folder: Path) -> Parts:
    """Split by a hash of the English sentence: its several translations stay together."""
    parts: dict[str, list[Any]] = {"train": [], "validation": [], "test": []}
    for pair in read_examples(folder / "cmn.txt", {"source": 0, "target": 1}, Translated, ".tsv"):
        draw = hashlib.sha256(pair.source.encode()).digest()[0]  # 0 … 255
        parts["test" if draw < 13 else "validation" if draw < 26 else "train"].append(pair)
    return parts


def _digit(row: dict[str, Any]) -> Any:
    return utterance(row["audio"]["bytes"], str(row["label"]), row["audio"]["path"] or "a row")


def _digit_files(folder: Path) -> Parts:
    """Names are digit_speaker_take.wav; takes 0 to 4 are the usual test part."""
    found = read_wavs(folder / "recordings", lambda path: path.stem.split("_")[0])
    parts: dict[str, list[Any]] = {"train": [], "test": []}
    for name, recording in found.items():
        take = int(name.removesuffix(".wav").rsplit("_", 1)[-1])
        parts["test" if take < 5 else "train"].append(recording)
    return parts


_DIALOGSUM = HubSet("knkarthick/dialogsum", ("dialogue", "summary"), ALL)
_XQUAD_COLUMNS = ("context", "question", "answers")

SETS: dict[str, DataSet] = {
    "sst2": DataSet(
        "sentiment",
        "not stated; from film reviews, for research",
        "sentences and phrases of film reviews (Socher et al. 2013; GLUE)",
        HubSet("stanfordnlp/sst2", ("sentence", "label"), {p: p for p in ("train", "validation")}),
        _mood,
        "sst2",
        _sst2_files,
    ),
    "wikiann": DataSet(
        "ner",
        "not stated; from Wikipedia, whose text is CC BY-SA",
        "people, places and organisations in Wikipedia (Pan et al. 2017; Rahimi et al. 2019)",
        HubSet("unimelb-nlp/wikiann", ("tokens", "ner_tags"), ALL, "en"),
        _entities,
    ),
    "wnut17": DataSet(
        "ner",
        "CC BY 4.0",
        "six types of entities in posts and comments (Derczynski et al. 2017)",
        local="wnut17",
        from_files=_wnut17_files,
    ),
    "squad": DataSet(
        "qa",
        "CC BY-SA 4.0",
        "questions on paragraphs of Wikipedia (Rajpurkar et al. 2016)",
        HubSet("rajpurkar/squad", _XQUAD_COLUMNS, {p: p for p in ("train", "validation")}),
        _question,
    ),
    **{
        f"xquad-{language}": DataSet(
            "qa",
            "CC BY-SA 4.0",
            f"1,190 questions of SQuAD in {name}, to test with (Artetxe et al. 2020)",
            HubSet("google/xquad", _XQUAD_COLUMNS, {"test": "validation"}, f"xquad.{language}"),
            _question,
            "xquad",
            _xquad_files(language),
            language,
        )
        for language, name in (("en", "English"), ("zh", "Chinese"))
    },
    "dialogsum": DataSet(
        "summary",
        "CC BY-NC-SA 4.0",
        "everyday conversations and their summaries (Chen et al. 2021)",
        _DIALOGSUM,
        _summary,
    ),
    "dialogsum-turns": DataSet(
        "dialogue", "CC BY-NC-SA 4.0", "the same conversations, turn by turn", _DIALOGSUM, _turns
    ),
    "opus-100": DataSet(
        "translation",
        "not stated; each source of OPUS its own",
        "a million English–Chinese pairs from many sources (Zhang et al. 2020)",
        HubSet("Helsinki-NLP/opus-100", ("translation",), ALL, "en-zh"),
        _pair,
    ),
    "tatoeba": DataSet(
        "translation",
        "CC BY 2.0 FR",
        "short English–Chinese sentences by the members of Tatoeba",
        local="tatoeba-cmn-eng",
        from_files=_tatoeba_files,
    ),
    "spoken-digits": DataSet(
        "speech",
        "CC BY-SA 4.0",
        "3,000 recordings of the digits by six speakers (Jackson et al. 2018)",
        HubSet(
            "mteb/free-spoken-digit-dataset", ("audio", "label"), {p: p for p in ("train", "test")}
        ),
        _digit,
        "free-spoken-digits",
        _digit_files,
    ),
}

WIKITEXTS: dict[str, HubSet] = {
    name: HubSet(
        "Salesforce/wikitext", ("text",), {p: p for p in ("train", "validation")}, f"{name}-raw-v1"
    )
    for name in ("wikitext-2", "wikitext-103")
}
WIKITEXT_LICENCE = "CC BY-SA 3.0 and GFDL"
