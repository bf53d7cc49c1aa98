"""What the tests of broken-off runs share: starting resume_script.py, and comparing what is left."""

import os
import subprocess
import sys
from pathlib import Path

from resume_script import STEPS
from safetensors.torch import load_file
from torch.testing import assert_close

SCRIPT = Path(__file__).with_name("resume_script.py")
ENVIRONMENT = os.environ | {"CI": "1", "OMP_NUM_THREADS": "1"}


def launch(folder, *options, processes=1, script=("fp32", "adamw", "0", "ddp"), **env):
    """Run the script, under torchrun with these options where there are more processes."""
    many = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *([*many, *options] if processes > 1 else []), str(SCRIPT)]
    command += [str(folder), *script]
    return subprocess.run(
        command, env=ENVIRONMENT | env, capture_output=True, text=True, timeout=200
    )


def everything(folder):
    """All tensors of the last checkpoint."""
    last = Path(folder) / f"step-{STEPS:08}"
    return load_file(last / "model.safetensors") | load_file(last / "training.safetensors")


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert_close(tensor, other[name], rtol=0, atol=0, equal_nan=True, msg=name)
