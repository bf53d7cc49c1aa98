"""Data sets of the Hugging Face hub: fetched whole or not at all, within a time, read offline.

The library ``datasets`` runs in a process of its own, which is killed when its time is up, and
its parts become Parquet files in a folder that appears only when all of them are there. What has
been fetched once is read from that folder, without a network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llm_nb.data.reading import BadFile
from llm_nb.data.tables import read_rows
from llm_nb.extras import library
from llm_nb.files import whole_folder

REACH_SECONDS = 5.0  # to find out whether the hub is there at all
FETCH_SECONDS = 900.0  # for one data set, however slow the line


@dataclass(frozen=True)
class HubSet:
    """Where a data set stands on the hub, or in a local folder of the same layout.

    ``columns`` names the columns that are kept; ``parts`` the hub's part for each of ours.
    """

    repository: str
    columns: tuple[str, ...]
    parts: Mapping[str, str]
    config: str | None = None
    revision: str | None = None

    def folder_name(self) -> str:
        """A name for its folder in the cache, one for each repository, configuration and
        revision."""
        words = [self.repository, self.config, self.revision]
        return "--".join(word.replace("/", "-") for word in words if word)


class HubError(RuntimeError):
    """The hub, or a data set of it, is out of reach; the message says why."""


def cache_folder() -> Path:
    """Where data sets are kept: ``LLM_NB_CACHE``, else ``~/.cache/llm-nb``."""
    return Path(os.environ.get("LLM_NB_CACHE") or Path.home() / ".cache" / "llm-nb")


def fetch(where: HubSet, seconds: float = FETCH_SECONDS) -> Path:
    """The folder of a data set's Parquet files, one a part; fetched unless it is there.

    Raises:
        HubError: the hub is out of reach, the time is up, or the data set is not as expected.
        ImportError: ``datasets`` is not installed.
    """
    folder = cache_folder() / "datasets" / where.folder_name()
    if folder.is_dir():
        return folder
    library("datasets", "hub")
    if not Path(where.repository).is_dir():
        check_reachable()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another process was quicker
        _fill(where, folder, seconds)
    return folder


def _fill(where: HubSet, folder: Path, seconds: float) -> None:
    with whole_folder(folder) as scratch:
        command = [sys.executable, "-m", "llm_nb.data.hub", json.dumps(asdict(where)), str(scratch)]
        limits = {"HF_HUB_DOWNLOAD_TIMEOUT": "10", "HF_HUB_ETAG_TIMEOUT": "10"}
        try:
            done = subprocess.run(
                command,
                env={**limits, **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # what it reports; its progress bars go to stderr
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise HubError(f"{where.repository} did not arrive within {seconds:g} s") from None
        if done.returncode:
            report = done.stdout.strip().splitlines()
            reason = report[-1] if report else f"its process ended with code {done.returncode}"
            raise HubError(f"{where.repository} could not be fetched: {reason}")


def rows(where: HubSet, part: str, seconds: float = FETCH_SECONDS) -> list[dict[str, Any]]:
    """The rows of one of our parts, class names for their numbers; errors as in ``fetch``."""
    folder = fetch(where, seconds)
    try:
        found = read_rows(folder / f"{part}.parquet", {name: name for name in where.columns})
    except (BadFile, FileNotFoundError) as error:
        raise HubError(f"{error}; delete {folder}, and it is fetched anew") from None
    return [row.values for row in found]


def check_reachable(seconds: float = REACH_SECONDS) -> None:
    """Raise HubError unless the hub answers within ``seconds``; looking up its name counts.

    ``HF_HUB_OFFLINE`` and ``HF_DATASETS_OFFLINE`` mean that it does not.
    """
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}:
            raise HubError(f"{name} is set")
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    faults: list[str] = ["no answer"]

    def ask() -> None:
        request = urllib.request.Request(endpoint, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=seconds).close()
            faults.clear()
        except urllib.error.HTTPError:
            faults.clear()  # it refuses this question, so it is there
        except (OSError, ValueError) as error:
            faults[:] = [str(getattr(error, "reason", error))]

    # The look-up of a name has no limit of its own, so a thread asks, and is left if need be.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if reason := faults[:1]:
        raise HubError(f"the hub is out of reach ({reason[0]}; {seconds:g} s were allowed)")


def _download(where: HubSet, folder: Path) -> None:
    """What the process does: every part as one Parquet file, with the names of classes."""
    datasets, pa = library("datasets", "hub"), library("pyarrow", "hub")
    parquet = library("pyarrow.parquet", "hub")
    from llm_nb.data.formats import named_rows

    for ours, theirs in where.parts.items():
        part = datasets.load_dataset(
            where.repository, where.config, split=theirs, revision=where.revision
        )
        if missing := set(where.columns) - set(part.column_names):
            raise ValueError(f"it has the columns {part.column_names}, not {sorted(missing)}")
        found = named_rows(part.select_columns(list(where.columns)))
        columns = {name: [row[name] for row in found] for name in where.columns}
        parquet.write_table(pa.table(columns), folder / f"{ours}.parquet")


if __name__ == "__main__":
    try:
        _download(HubSet(**json.loads(sys.argv[1])), Path(sys.argv[2]))
    except Exception as error:  # of many kinds; the caller is another process
        print(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        sys.exit(1)
