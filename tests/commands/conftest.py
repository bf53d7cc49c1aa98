"""A small text, and a model that the command trained on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from llm_nb.cli import main

SIZES = {
    "model.vocab_size": 300,
    "model.context": 16,
    "model.d_model": 16,
    "model.n_layers": 1,
    "model.n_heads": 2,
    "data.batch_size": 4,
    "train.steps": 6,
    "train.eval_every": 3,
}


@pytest.fixture(autouse=True)
def _quiet_and_as_it_was(monkeypatch):
    monkeypatch.setenv("LLM_NB_QUIET", "1")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("text") / "story.txt"
    names = ("Ann", "Bo", "Cy", "Di")
    story = [
        f"{a} gave {b} book number {i}. {b} read it."
        for i in range(60)
        for a in names
        for b in names
    ]
    path.write_text("\n\n".join(story))
    return path


@pytest.fixture(scope="session")
def small(corpus):
    """The words of a call that trains a preset, gpt2-tiny, in a size that takes no time."""

    def words(out: Path, preset: str = "gpt2-tiny", **changes: object) -> list[str]:
        sizes = {"data.corpus": corpus, **SIZES} | {
            k.replace("__", "."): v for k, v in changes.items()
        }
        sets = [word for key, value in sizes.items() for word in ("--set", f"{key}={value}")]
        return ["train", preset, "--out", str(out), *sets]

    return words


@pytest.fixture(scope="session")
def trained(small, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "model"
    assert main(small(out)) == 0
    return out
