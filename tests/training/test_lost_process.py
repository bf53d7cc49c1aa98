"""One of two processes is killed: an error that says so, and a run that ends as if it had not been."""

import signal
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from llm_nb.training.checkpoints import Checkpoints
from llm_nb.training.world import names_a_lost_process

sys.path.insert(0, str(Path(__file__).parent))
from broken_runs import assert_same, everything, launch
from resume_script import STEPS, trainer


def test_a_killed_process_ends_all_and_a_restart_changes_no_bit(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert launch(whole, processes=2).returncode == 0

    done = launch(broken, processes=2, KILL="1 4")
    assert done.returncode
    assert f"(exitcode: {-signal.SIGKILL})" in done.stderr  # torchrun names the one that was killed
    error = (
        "ConnectionError: another process of the run was lost at step 3: start all of them again"
    )
    assert error in done.stderr
    assert Checkpoints(broken).steps()[-1] == 3

    # Now the other one, the one that writes; torchrun starts both again, and they resume.
    done = launch(broken, "--max-restarts=1", processes=2, KILL="0 6")
    assert done.returncode == 0, done.stderr
    assert f"(exitcode: {-signal.SIGKILL})" in done.stderr
    assert done.stdout.split() == [str(STEPS), "False"]  # the second life came to the end
    assert_same(everything(whole), everything(broken))


def test_other_errors_stay_as_they_are(tmp_path):
    run = trainer(tmp_path)
    for error in (torch.OutOfMemoryError("full"), RuntimeError("shapes do not match")):

        def fails(batch, error=error):
            raise error

        run.train_step.loss = fails
        with pytest.raises(RuntimeError, match=str(error)) as caught:
            run.fit()
        assert caught.value is error


def test_what_nccl_says_is_known_by_its_class():
    assert names_a_lost_process(dist.DistBackendError("NCCL communicator was aborted"))
