"""Data sets by name: ``load_task("sst2")``, ``load_text("wikitext-2")``.

A set is sought in the folder of local files first, then on the hub (or in what was fetched from it
before). Where it is in neither, a part of the offline tiers stands in, and one line says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from llm_nb.data import hub
from llm_nb.data.corpora import Corpus, language_reference
from llm_nb.data.examples import TaskData
from llm_nb.data.sets import SETS, WIKITEXT_LICENCE, WIKITEXTS, DataSet

MICROWORLD_TASKS = ("sentiment", "ner", "pos", "qa", "summary", "translation", "dialogue")

_TITLE = re.compile(r" = [^=].* = $")  # of an article of WikiText; sections have = = more


def load_task(
    name: str,
    *,
    folder: str | Path | None = None,
    limit: int | None = None,
    seconds: float = hub.FETCH_SECONDS,
) -> TaskData[Any]:
    """One of ``SETS`` by its name.

    Args:
        folder: where local files are, in the layout that ``book/data.md`` describes. None: in
            ``LLM_NB_DATA``, where they may be or not.
        limit: at most so many examples of each part, the first; None: all.
        seconds: the longest that fetching may take.

    Raises:
        ValueError: there is no set of this name.
        FileNotFoundError: the set is not in ``folder``.
        BadFile: a local file is not as it should be.
        HubError: the set can be had nowhere, and no offline tier has its task.
    """
    known = SETS.get(name)
    if known is None:
        raise ValueError(f"unknown data set {name!r}: use {', '.join(SETS)}")
    place = _local_folder(name, known, folder)
    if place is not None and known.from_files is not None:
        parts = known.from_files(place)
        return _task_data(name, known, parts, limit, (f"from local files, {place.name}",))
    try:
        return _from_hub(name, known, limit, seconds)
    except (hub.HubError, ImportError, OSError) as error:
        reason = str(error)
    if known.task not in MICROWORLD_TASKS:
        raise hub.HubError(
            f"{name}: {reason}; no offline tier has {known.task}: set LLM_NB_DATA to a folder that "
            "holds it"
        )
    print(f"{name}: {reason}. The microworld stands in ({known.task}, {known.language}).")
    microworld = import_module("llm_nb.data.microworld.tasks")
    data = microworld.load(known.task, language=known.language)
    shorter = {part: getattr(data, part)[:limit] for part in ("train", "validation", "test")}
    return replace(data, **shorter)


def load_text(name: str, *, seconds: float = hub.FETCH_SECONDS) -> Corpus:
    """``"wikitext-2"`` or ``"wikitext-103"`` (Merity et al. 2017), an article a document.

    Where it cannot be had, the language reference of this Python stands in, and one line says so.

    Raises:
        ValueError: there is no text of this name.
    """
    where = WIKITEXTS.get(name)
    if where is None:
        raise ValueError(
            f"unknown text {name!r}: use {', '.join(WIKITEXTS)}, or corpora.load_corpus"
        )
    try:
        train, validation = (
            articles(row["text"] for row in hub.rows(where, part, seconds))
            for part in ("train", "validation")
        )
    except (hub.HubError, ImportError, OSError) as error:
        print(f"{name}: {error}. Python's language reference stands in.")
        return language_reference()
    return Corpus(name, tuple(train), tuple(validation), WIKITEXT_LICENCE)


def articles(lines: Iterable[str]) -> list[str]:
    """The articles of WikiText, whose lines come with their ends or without."""
    found: list[list[str]] = [[]]
    for line in lines:
        line = line.removesuffix("\n")
        if _TITLE.match(line) and any(part.strip() for part in found[-1]):
            found.append([])
        found[-1].append(line)
    texts = ("\n".join(article).strip("\n") for article in found)
    return [f"{text}\n" for text in texts if text.strip()]


def _local_folder(name: str, known: DataSet, folder: str | Path | None) -> Path | None:
    """Where the local files of a set are; None where none were named and none are there."""
    base = folder or os.environ.get("LLM_NB_DATA")
    place = Path(base, known.local) if base and known.local else None
    if place is not None and place.is_dir():
        return place
    if folder is not None:
        wanted = f"no folder {known.local} there" if known.local else "it has no local form"
        raise FileNotFoundError(f"{name} is not in {folder}: {wanted} (see book/data.md)")
    return None


def _from_hub(name: str, known: DataSet, limit: int | None, seconds: float) -> TaskData[Any]:
    if known.hub is None or known.from_row is None:
        raise hub.HubError(f"it is not on the hub, and not in LLM_NB_DATA as {known.local}")
    parts: dict[str, list[Any]] = {}
    skipped, first = 0, ""
    for part in known.hub.parts:
        parts[part] = []
        for row in hub.rows(known.hub, part, seconds)[:limit]:
            try:
                parts[part].append(known.from_row(row))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                # A row of somebody else's set that its reader cannot mend: counted, not fatal.
                skipped, first = skipped + 1, first or f"{error}"
    if not any(parts.values()):
        raise hub.HubError(f"none of its rows is as expected; the first: {first}")
    notes = [f"from the hub, {known.hub.repository}"]
    if skipped:
        notes.append(f"left out {skipped:,} rows that are no examples; the first: {first}")
    return _task_data(name, known, parts, None, tuple(notes))


def _task_data(
    name: str, known: DataSet, parts: Any, limit: int | None, notes: tuple[str, ...]
) -> TaskData[Any]:
    train, validation, test = (
        tuple(parts.get(part, ()))[:limit] for part in ("train", "validation", "test")
    )
    notes = (known.about, *notes)
    return TaskData(name, known.task, train, validation, test, known.licence, notes=notes)
