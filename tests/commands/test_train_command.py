"""`llm-nb train`, as a user calls it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch

from llm_nb.cli import main
from llm_nb.commands import training_run
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.pretrained import from_pretrained
from llm_nb.shipped import SHIPPED, shipped_record
from llm_nb.text.bpe import ByteLevelBPE

ENVIRONMENT = os.environ | {"LLM_NB_QUIET": "1", "LLM_NB_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
OF_THE_MACHINE = ("command", "seconds", "val")


def record(out):
    """The figures of a run, without times."""
    figures = json.loads((out / "training.json").read_text())
    values = [(step, value) for step, _, value in figures["val"]]
    return {k: v for k, v in figures.items() if k not in OF_THE_MACHINE} | {"values": values}


def refused(argv, capsys) -> str:
    """The one line that a call ends with."""
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_train_writes_a_folder_that_says_what_made_it(trained):
    figures = record(trained)
    assert (figures["steps"], figures["tokens_seen"], figures["seed"]) == (6, 6 * 4 * 16, 0)
    assert [step for step, _ in figures["values"]] == [3, 6]
    model = from_pretrained(GPT2, trained)
    assert figures["parameters"] == sum(p.numel() for p in model.parameters())
    assert 0 < figures["val_bits_per_byte"] < 10


def test_what_was_trained_opens_in_transformers(trained):
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(trained)
    tokenizer = transformers.AutoTokenizer.from_pretrained(trained)
    ids = tokenizer("Ann gave", return_tensors="pt").input_ids
    assert ids[0].tolist() == ByteLevelBPE.load(trained / "tokenizer.json").encode("Ann gave")
    assert model(ids).logits.shape[-1] == 300


def test_its_run_toml_repeats_it(trained, tmp_path):
    assert main(["train", str(trained / "run.toml"), "--out", str(tmp_path / "again")]) == 0
    assert record(tmp_path / "again") == record(trained)


def test_ctrl_c_saves_and_resume_gives_what_would_have_been(small, tmp_path, capsys):
    long = {"run__threads": 1, "train__steps": 300, "train__eval_every": 30, "model__dropout": 0.1}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    call = [sys.executable, "-m", "llm_nb", *small(broken, **long)]
    with subprocess.Popen(
        call, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = next(line for line in process.stdout if line.startswith("step 30:"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    assert "bits per byte" in line
    assert f"llm-nb train --resume --out {broken}" in out
    assert not (broken / "training.json").exists()
    assert main(["export", str(broken), "--out", str(tmp_path / "early")]) == 0
    assert main(["train", "--resume", "--out", str(broken)]) == 0  # another process than that one
    assert "going on from step" in capsys.readouterr().out
    assert main(small(whole, **long)) == 0
    assert record(broken) == record(whole)
    weights = (from_pretrained(GPT2, folder).state_dict() for folder in (broken, whole))
    for one, other in zip(*(w.values() for w in weights), strict=True):
        assert torch.equal(one, other)


def test_two_processes_of_torchrun_learn_what_one_learns(small, trained, tmp_path):
    out = tmp_path / "two"
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*call, "-m", "llm_nb", *small(out)], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 3:") == 1  # one of them prints
    one, two = record(trained), record(out)
    assert two["loss"] == pytest.approx(one["loss"], abs=2e-4)
    assert two["val_bits_per_byte"] == pytest.approx(one["val_bits_per_byte"], abs=2e-4)
    assert two["tokens_seen"] == one["tokens_seen"]


def test_a_folder_that_has_a_run_is_not_overwritten(small, trained, tmp_path, capsys):
    before = (trained / "model.safetensors").read_bytes()
    assert "has a trained model already" in refused(small(trained), capsys)
    assert (trained / "model.safetensors").read_bytes() == before
    (tmp_path / "run" / "checkpoints" / "step-00000003").mkdir(parents=True)
    assert "llm-nb train --resume --out" in refused(small(tmp_path / "run"), capsys)


def test_resume_refuses_other_settings_and_says_when_all_is_done(small, trained, tmp_path, capsys):
    other = refused([*small(trained, train__lr=0.5), "--resume"], capsys)
    assert "train.lr 0.002 → 0.5" in other
    assert main(["train", "--resume", "--out", str(trained)]) == 0
    assert "is complete" in capsys.readouterr().out
    assert "no run to go on with" in refused(["train", "--resume", "--out", str(tmp_path)], capsys)


def test_freed_memory_is_kept_for_the_next_step(small, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(training_run, "keep_freed_memory", lambda: asked.append(True))
    assert main(small(tmp_path / "run")) == 0
    assert asked == [True]


def test_a_restart_by_torchrun_goes_on_by_itself(small, trained, tmp_path, monkeypatch, capsys):
    """The same words again, and nobody there to add --resume."""
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    for name in ("training.json", "config.json", "model.safetensors"):
        (out / name).unlink()
    shutil.rmtree(out / "checkpoints" / "step-00000006")
    (out / "checkpoints" / "best.json").unlink()
    assert "go on with `llm-nb train --resume" in refused(small(out), capsys)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert main(small(out)) == 0
    assert "going on from step 3" in capsys.readouterr().out
    assert record(out) == record(trained)
    assert main(small(tmp_path / "new")) == 0  # lost before anything was written


def test_a_loss_that_is_not_a_number_is_one_line(small, tmp_path, capsys):
    error = refused(small(tmp_path / "x", train__lr=1e30, train__warmup=0), capsys)
    assert "at step" in error


def test_recurrent_models_are_trained_and_early_stopping_keeps_the_best(
    small, corpus, tmp_path, capsys
):
    out = tmp_path / "lstm"
    sets = {
        "model.vocab_size": 300, "model.d_embed": 16, "model.d_hidden": 16, "data.context": 16,
        "data.corpus": corpus, "train.steps": 50, "train.eval_every": 2, "train.patience": 1,
        "train.lr": 0.5, "train.warmup": 0,
    }  # fmt: skip
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
    assert main(["train", "lstm-standard-library", "--out", str(out), *words]) == 0
    figures = record(out)
    assert figures["steps"] < 50
    best = min(value for _, value in figures["values"])
    assert figures["val_bits_per_byte"] == pytest.approx(best, abs=2e-5)
    assert json.loads((out / "config.json").read_text())["cell"] == "lstm"
    capsys.readouterr()
    export = ["export", str(out), "--out", str(tmp_path / "hf")]
    assert "only gpt2 can be exported" in refused(export, capsys)


def test_bad_input_is_one_line_and_status_2(small, tmp_path, capsys):
    out = tmp_path / "x"
    for argv, message in (
        (small(out, data__corpus="nothing"), "unknown corpus 'nothing'"),
        (small(out, model__vocab_size=4096), "use a vocabulary of"),
        (small(out, model__n_heads=3), "does not divide into 3 heads"),
        (small(out, preset="gpt2-tinny"), "did you mean 'gpt2-tiny'"),
        (small(out, data__tokens=tmp_path), "has no train.npy"),
        (["train", "--out", str(out)], "say what to train"),
        (["train", "gpt2-tiny"], "--out FOLDER"),
    ):
        assert message in refused(argv, capsys)


def test_a_place_that_cannot_be_written_fails_before_training(small, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(small(tmp_path / "file" / "model")) == 2
    assert "bits per byte" not in capsys.readouterr().out


def test_the_shipped_weights_are_what_their_record_says():
    figures = shipped_record()
    model, tokenizer = from_pretrained(GPT2, SHIPPED), ByteLevelBPE.load(SHIPPED / "tokenizer.json")
    assert sum(p.numel() for p in model.parameters()) == figures["parameters"]
    assert model.config.vocab_size == tokenizer.vocab_size == figures["config"]["vocab_size"]
    assert not figures["interrupted"]
