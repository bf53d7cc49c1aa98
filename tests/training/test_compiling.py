"""Compiled where it works; one line, and the same training, where it does not."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.training import TrainConfig, Trainer
from llm_nb.training.compiling import why_not

SCRIPT = """
import numpy as np, torch
from llm_nb.data.feeds import Feed, RandomWindows
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.training import TrainConfig, Trainer
feed = Feed(RandomWindows(np.arange(40, dtype=np.int32), 8, 2))
print(len(Trainer(GPT2(GPT2Config(40, 8, 8, 1, 1)), feed, TrainConfig(2, compile=True)).fit().loss))
"""


@pytest.mark.skipif(not shutil.which("g++"), reason="no compiler here")
def test_a_compiled_run_has_the_losses_and_the_names_of_a_plain_one(tmp_path):
    assert why_not(torch.device("cpu")) is None
    histories = []
    for compile_ in (True, False):
        torch.manual_seed(0)
        ids = torch.randint(40, (200,), dtype=torch.int32).numpy()
        model = GPT2(GPT2Config(40, 8, 16, 1, 2, dropout=0.0))
        config = TrainConfig(4, lr=1e-2, warmup=1, compile=compile_)
        folder = tmp_path / str(compile_)
        trainer = Trainer(model, Feed(RandomWindows(ids, 8, 4)), config, folder=folder)
        histories.append(trainer.fit())
        if not compile_:  # its run goes on from the compiled one's checkpoint too
            shutil.copytree(tmp_path / "True", tmp_path / "again")
            feed = Feed(RandomWindows(ids, 8, 4))
            assert Trainer(model, feed, config, folder=tmp_path / "again").resume() == 4
    assert_close(histories[0].loss, histories[1].loss, rtol=1e-5, atol=1e-5)


def test_without_a_compiler_one_line_is_printed(tmp_path):
    environment = os.environ | {"CXX": "/no/compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT]
    out = subprocess.run(
        command, env=environment | {"CI": "1"}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(out) == 2, out
    assert out[0].startswith("torch.compile does not work here (")
    assert out[1] == "2"  # trained all the same
