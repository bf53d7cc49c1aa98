"""A run that was broken off ends as if it had not been: bit for bit, in a new process."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from llm_nb.training.checkpoints import Checkpoints

sys.path.insert(0, str(Path(__file__).parent))
from broken_runs import ENVIRONMENT, SCRIPT, assert_same, everything, launch
from resume_script import STEPS, trainer


def train(folder, precision="fp32", optimizer="adamw", stop=0, processes=1, strategy="ddp", **env):
    """Run the script to its end; what it printed."""
    script = (precision, optimizer, str(stop), strategy)
    done = launch(folder, processes=processes, script=script, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    ("precision", "optimizer"), [("fp32", "adamw"), ("fp32", "sgd"), ("fp16", "adamw")]
)
def test_a_break_changes_no_bit(tmp_path, precision, optimizer):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(whole, precision, optimizer)[0] == f"{STEPS} False"
    assert train(broken, precision, optimizer, stop=3)[0] == "3 True"  # SIGINT: saved, then ended
    early = Checkpoints(broken).read(Checkpoints(broken).steps()[-1]).record
    assert (early["step"], early["data"]["position"]) == (3, 6)
    assert train(broken, precision, optimizer)[0] == f"{STEPS} False"
    assert_same(everything(whole), everything(broken))
    name = f"history-{STEPS}.safetensors"
    assert_same(load_file(whole / name), load_file(broken / name))
    one, other = (Checkpoints(folder).read(STEPS).record for folder in (whole, broken))
    for part in ("step", "data", "scaler"):
        assert one[part] == other[part]
    if precision == "fp16":  # the scale was falling when the break came, and fell on after it
        assert early["scaler"]["scale"] > one["scaler"]["scale"]
        assert 0 < early["history"]["skipped"] < one["history"]["skipped"] < STEPS


def test_one_process_two_and_two_with_shared_weights_learn_the_same(tmp_path):
    """The two with the loss in chunks, the one with all logits at once."""
    results = {}
    for name, processes in (("alone", 1), ("ddp", 2), ("fsdp", 2)):
        folder, chunk = tmp_path / name, {"CHUNK": "60"} if processes > 1 else {}
        strategy = name.replace("alone", "ddp")
        train(folder, processes=processes, strategy=strategy, DROPOUT="0", **chunk)
        results[name] = load_file(folder / f"history-{STEPS}.safetensors")
    for name in ("ddp", "fsdp"):
        assert_close(results["alone"], results[name], rtol=1e-6, atol=1e-6)


def test_kills_at_random_moments_are_survived(tmp_path, record_property):
    """30 times SIGKILL, also while a checkpoint is written; each run then ends bit for bit."""
    command = [sys.executable, str(SCRIPT.with_name("kill_script.py")), str(tmp_path), "30"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    record_property("shown", " ".join(done.stdout.split()))
    assert done.stdout.startswith("30 kills survived")


@pytest.fixture
def saved(tmp_path):
    """A run with checkpoints of its last two steps and of the best."""
    run = trainer(tmp_path / "run")
    run.fit()
    return tmp_path / "run"


def test_the_last_ones_and_the_best_are_kept(saved):
    checkpoints = Checkpoints(saved)
    best = checkpoints.best()
    assert checkpoints.steps() == sorted({best, STEPS - 1, STEPS})
    assert json.loads((saved / "best.json").read_text())["step"] == best
    run = trainer(saved)
    assert run.load_best() == best
    tensors = load_file(checkpoints.path(best) / "model.safetensors")
    assert torch.equal(run.model.wte.weight, tensors["wte.weight"])


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors", "training.json"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_named_and_the_older_one_goes_on(saved, file, share):
    path = saved / f"step-{STEPS:08}" / file
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    run = trainer(saved)
    before = run.model.wte.weight.detach().clone()
    with pytest.raises(ValueError, match=r"is damaged .*: delete that folder to go on from"):
        run.resume()
    assert torch.equal(run.model.wte.weight, before)
    shutil.rmtree(path.parent)
    assert trainer(saved).resume() == STEPS - 1


def test_a_pickle_is_not_read(saved):
    path = saved / f"step-{STEPS:08}" / "model.safetensors"
    size = path.stat().st_size
    torch.save(trainer(saved).model.state_dict(), path)
    path.write_bytes(path.read_bytes()[:size].ljust(size, b"\0"))
    with pytest.raises(ValueError, match="is damaged"):
        trainer(saved).resume()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wide": 32}, "of another model .*d_model 16 there, 32 here"),
        ({"lr": 0.5}, "other settings .*lr 0.01 → 0.5"),
        ({"optimizer": "sgd"}, "other settings .*optimizer 'adamw' → 'sgd'"),
    ],
)
def test_another_run_is_refused_and_nothing_is_loaded(saved, changes, message):
    run = trainer(saved, **changes)
    before = run.model.wte.weight.detach().clone()
    with pytest.raises(ValueError, match=message):
        run.resume()
    assert torch.equal(run.model.wte.weight, before)
    assert run.step == run.batches.position == 0


def test_a_model_without_a_configuration_is_known_by_its_tensors(saved):
    """Its shapes are looked at before anything is loaded, the place in the data included."""
    run = trainer(saved, wide=32)
    record = saved / f"step-{STEPS:08}" / "training.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"model": {"class": "GPT2"}}))
    del run.model.config
    with pytest.raises(ValueError, match=r"another model: blocks.* \(16,\) there and \(32,\) here"):
        run.resume()
    assert run.step == run.batches.position == 0


def test_changed_data_are_refused(saved):
    run = trainer(saved)
    run.batches.source.fingerprint = "another"
    with pytest.raises(ValueError, match="the data set, its batch size"):
        run.resume()


def test_a_folder_with_later_checkpoints_is_not_overwritten(saved):
    with pytest.raises(ValueError, match="call resume"):
        trainer(saved).fit()


def test_a_full_disk_leaves_the_older_checkpoint(saved):
    def limit():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    shutil.rmtree(saved / f"step-{STEPS:08}")
    command = [sys.executable, str(SCRIPT), str(saved), "fp32", "adamw", "0", "ddp"]
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, preexec_fn=limit
    )
    assert done.returncode
    assert "make room, or choose another place" in done.stderr
    assert Checkpoints(saved).steps()[-1] == STEPS - 1
    assert trainer(saved).resume() == STEPS - 1


def test_a_nan_leaves_the_last_checkpoint(tmp_path):
    run = trainer(tmp_path, eval_every=100)
    inner = run.train_step.loss
    run.train_step.loss = lambda batch: inner(batch) * (float("nan") if run.step == 5 else 1)
    with pytest.raises(FloatingPointError, match="step 5, in batch 10 of the data"):
        run.fit()
    again = trainer(tmp_path, eval_every=100)
    assert again.resume() == 5
    assert torch.equal(again.model.wte.weight, run.model.wte.weight)
