"""What is shown of a run, where, and to whom it is passed on."""

import builtins
import itertools
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from tqdm import tqdm

from llm_nb.training import History, TrainConfig, Trainer, progress
from llm_nb.training.progress import peak_memory, quiet, tensorboard
from llm_nb.training.world import World

CPU = torch.device("cpu")


class Bigram(nn.Module):
    """A table of logits, all the same."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 5)
        nn.init.zeros_(self.table.weight)

    def loss(self, batch):
        return nn.functional.cross_entropy(self.table(batch[0]).flatten(0, 1), batch[1].flatten())


IDS = torch.arange(20).view(2, 10) % 5


def trainer(steps=4, **more):
    return Trainer(
        Bigram(), itertools.repeat((IDS, IDS)), TrainConfig(steps, lr=0.1, eval_every=2), **more
    )


@pytest.fixture
def loud(monkeypatch):
    for name in ("CI", "LLM_NB_QUIET"):
        monkeypatch.delenv(name, raising=False)
    every_step = partial(tqdm, mininterval=0, miniters=1)  # else what comes fast is not drawn
    monkeypatch.setattr(progress, "tqdm", every_step)


def drawn(text):
    """The states of the bar, one after the other."""
    return [state for state in re.split(r"[\r\n]+", text) if state.strip()]


def test_the_bar(loud, monkeypatch, capsys):
    monkeypatch.setattr(progress, "peak_flops", lambda device, precision: 1e30)
    run = trainer(flops_per_token=1.0)
    run.fit()
    out, err = capsys.readouterr()
    assert out == ""
    states = drawn(err)
    assert "0/4" in states[0]
    for shown in ("4/4", "100%", "step/s", f"loss={run.history.loss[-1]:.3f}", "mfu=0%"):
        assert shown in states[-1]
    assert re.search(r"tokens_per_s=[\d,]+", states[-1])
    half = next(state for state in states if "2/4" in state and "loss" in state)
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d,", half)  # time gone < time left
    assert f"loss={run.history.loss[1]:.3f}" in half


def test_no_share_is_shown_that_nobody_counted(loud, monkeypatch, capsys):
    monkeypatch.setattr(progress, "peak_flops", lambda *_: pytest.fail("measured for nothing"))
    run = trainer()
    run.fit()
    assert "mfu" not in capsys.readouterr().err
    assert run.history.mfu is None


@pytest.mark.parametrize("name", ["CI", "LLM_NB_QUIET"])
def test_quiet(loud, monkeypatch, capsys, name):
    assert not quiet()
    monkeypatch.setenv(name, "1")
    assert quiet()
    trainer().fit()
    assert capsys.readouterr() == ("", "")


def test_only_the_main_process_shows_and_watches(loud, capsys):
    seen = []
    for rank in (0, 1):
        run = trainer(watch=lambda step, figures: seen.append(step))
        run.world = World(rank, 2)
        run.history = History(loss=[1.0], lr=[0.1], grad_norm=[1.0], tokens=20, seconds=1.0)
        with closing(progress.Progress(run)) as bar:
            run.history.tokens, run.history.seconds = 40, 2.0
            bar.after_step()
        assert ("loss=1.000" in capsys.readouterr().err) == (rank == 0)
    assert seen == [0]


def test_the_share_counts_every_process_and_only_this_fit(monkeypatch):
    """100 targets a second × 6 operations, of 2 processes × 3,000 a second."""
    monkeypatch.setattr(progress, "peak_flops", lambda device, precision: 3_000.0)
    run = trainer(flops_per_token=6.0)
    run.world = World(1, 2)
    run.history = History(loss=[1.0], lr=[0.1], grad_norm=[1.0], tokens=10_000, seconds=1.0)
    with closing(progress.Progress(run)) as bar:
        run.history.tokens, run.history.seconds = 10_200, 3.0
        bar.after_step()
    assert run.history.mfu == pytest.approx(100 * 6 / (2 * 3_000))


def test_the_bar_goes_on_where_the_run_does(loud, capsys):
    run = trainer(steps=4)
    run.fit()
    capsys.readouterr()
    run.config = replace(run.config, steps=6)
    run.fit()
    states = drawn(capsys.readouterr().err)
    assert "4/6" in states[0]
    assert "6/6" in states[-1]


def test_the_bar_is_closed_by_an_error(loud, capsys):
    run = trainer()
    run.train_step.batches = itertools.chain([(IDS, IDS)], itertools.repeat((IDS, IDS * 0 - 100)))
    with pytest.raises(ValueError, match="no target"):
        run.fit()
    assert capsys.readouterr().err.endswith("\n")  # the message begins on a line of its own


def test_watch_gets_each_step_and_evaluation(monkeypatch):
    monkeypatch.setenv("LLM_NB_QUIET", "1")
    monkeypatch.setattr(progress, "peak_flops", lambda device, precision: 1e30)
    seen = []
    values = iter([7.0, 6.0])
    run = trainer(
        evaluate=lambda: next(values),
        watch=lambda step, figures: seen.append((step, figures)),
        flops_per_token=1.0,
    )
    history = run.fit()
    assert [step for step, _ in seen] == [1, 2, 2, 3, 4, 4]
    assert seen[2] == (2, {"validation": 7.0})
    assert seen[5] == (4, {"validation": 6.0})
    steps = [figures for _, figures in seen if "loss" in figures]
    for name in ("loss", "lr", "grad_norm"):
        assert [figures[name] for figures in steps] == getattr(history, name)
    last = steps[-1]
    assert last["tokens_per_second"] == pytest.approx(history.tokens_per_second)
    assert last["peak_memory"] == history.peak_memory > 2**20
    assert last["mfu"] == history.mfu > 0


def test_tensorboard_reads_back_what_was_watched(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("LLM_NB_QUIET", "1")
    history = trainer(evaluate=lambda: 2.5, watch=tensorboard(tmp_path / "log")).fit()
    found = EventAccumulator(str(tmp_path / "log")).Reload()
    names = {"loss", "lr", "grad_norm", "tokens_per_second", "peak_memory", "validation"}
    assert set(found.Tags()["scalars"]) == names
    loss = found.Scalars("loss")
    assert [event.step for event in loss] == [1, 2, 3, 4]
    assert [event.value for event in loss] == pytest.approx(history.loss, rel=1e-6)  # fp32
    assert [(e.step, e.value) for e in found.Scalars("validation")] == [(2, 2.5), (4, 2.5)]


def test_tensorboard_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"needs tensorboard.*: pip install 'llm-nb\[lab\]'"):
        tensorboard(tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_peak_memory_is_in_bytes():
    """In a process of its own, begun by a small one: Linux hands down the peak of a parent."""
    code = (
        "import torch\n"
        "from llm_nb.training.progress import peak_memory\n"
        "before = peak_memory(torch.device('cpu'))\n"
        "block = b'x' * (before + 2**27)\n"
        "del block\n"
        "print(before, peak_memory(torch.device('cpu')))"
    )
    small = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", small, code], capture_output=True, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    size = before + 2**27
    assert size <= after < 2 * size  # the block, and what was there before it


def test_peak_memory_on_windows(monkeypatch):
    real = builtins.__import__

    def without_resource(name, *rest):
        if name == "resource":
            raise ImportError(name)
        return real(name, *rest)

    assert peak_memory(CPU) > 0
    monkeypatch.setattr(builtins, "__import__", without_resource)
    assert peak_memory(CPU) == 0


def test_peak_memory_of_a_mac_is_in_bytes_already(monkeypatch):
    resource = pytest.importorskip("resource")

    class Usage:
        ru_maxrss = 123

    monkeypatch.setattr(resource, "getrusage", lambda who: Usage)
    for platform, peak in (("darwin", 123), ("linux", 123 * 1024)):
        monkeypatch.setattr(sys, "platform", platform)
        assert peak_memory(CPU) == peak


def test_peak_memory_of_a_gpu_is_its_tensors(monkeypatch):
    device = torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", {device: 77}.get)
    assert peak_memory(device) == 77
