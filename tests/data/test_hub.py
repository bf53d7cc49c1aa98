"""The hub: whole or not at all, within a time, and then without a network.

``datasets`` takes a folder in the hub's layout where a repository's name is wanted, so that the
real path is walked here, its process included.
"""

import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from llm_nb.data import hub
from llm_nb.data.hub import HubError, HubSet, cache_folder, check_reachable, fetch, rows

README = """---
license: cc-by-4.0
configs:
- config_name: moods
  data_files:
  - split: train
    path: data/train-*
  - split: validation
    path: data/dev-*
---
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """What a repository of the hub holds: a card, and Parquet files with named classes."""
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("somebody") / "moods"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(README, "utf-8")
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "sentence": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["negative", "positive"]),
        }
    )
    for name, labels in (("train", [1, 0]), ("dev", [1, -1])):
        part = {"id": [0, 1], "sentence": ["I liked it.", "真没意思。"], "label": labels}
        path = folder / "data" / f"{name}-00000-of-00001.parquet"
        datasets.Dataset.from_dict(part, features).to_parquet(path)
    return folder


@pytest.fixture(autouse=True)
def empty_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_NB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def moods(repository, columns=("sentence", "label")):
    parts = {"train": "train", "validation": "validation"}
    return HubSet(str(repository), columns, parts, "moods")


def left_over():
    return [path for path in cache_folder().rglob("*") if path.name != "datasets"]


def test_a_set_is_fetched_once_and_then_read_without_a_process(repository, monkeypatch):
    where = moods(repository)
    assert rows(where, "train") == [
        {"sentence": "I liked it.", "label": "positive"},
        {"sentence": "真没意思。", "label": "negative"},
    ]

    def no_process(*args, **kwargs):
        raise AssertionError("fetched again")

    monkeypatch.setattr(subprocess, "run", no_process)
    assert rows(where, "validation")[1] == {"sentence": "真没意思。", "label": None}
    (fetch(where) / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(HubError, match=r"cut short .*; delete .*, and it is fetched anew"):
        rows(where, "train")


def test_what_is_not_as_expected_is_said_and_leaves_nothing(repository):
    with pytest.raises(HubError, match=r"could not be fetched: ValueError: .*'label'.*'mood'"):
        fetch(moods(repository, ("sentence", "mood")))
    assert left_over() == []


def test_when_the_time_is_up_the_process_is_killed_and_leaves_nothing(repository):
    began = time.monotonic()
    with pytest.raises(HubError, match=r"did not arrive within 0\.2 s"):
        fetch(moods(repository), seconds=0.2)
    assert time.monotonic() - began < 5
    assert left_over() == []


def test_a_hub_that_is_not_asked_is_out_of_reach(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        fetch(HubSet("nobody/nothing", ("text",), {"train": "train"}))
    assert left_over() == []


def test_a_hub_that_accepts_and_never_answers(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(HubError, match="out of reach"):
            check_reachable(0.3)
        assert time.monotonic() - began < 2


def test_a_name_that_is_never_found(monkeypatch):
    never = threading.Event()

    def look_up(*args, **kwargs):
        never.wait(60)
        raise OSError("name not found")

    monkeypatch.setattr(hub.urllib.request, "urlopen", look_up)
    began = time.monotonic()
    with pytest.raises(HubError, match="no answer"):
        check_reachable(0.2)
    assert time.monotonic() - began < 2
    never.set()


def test_a_hub_that_refuses_the_question_is_there(monkeypatch):
    class Refuses(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *args):
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        check_reachable(5)
