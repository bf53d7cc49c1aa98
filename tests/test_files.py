"""What is written stands there whole, or what stood there before still does."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from llm_nb.files import remove_folder, scratch_folder, sweep, whole_folder, write_whole


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "中文")
    assert path.read_text("utf-8") == "中文"
    write_whole(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_appears_when_its_block_has_ended(tmp_path):
    with whole_folder(tmp_path / "a") as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "x").read_text() == "1"
    assert os.listdir(tmp_path) == ["a"]


def test_an_error_inside_leaves_nothing(tmp_path):
    def write():
        with whole_folder(tmp_path / "a") as folder:
            (folder / "x").write_text("1")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_exists_is_not_replaced(tmp_path):
    with pytest.raises(OSError, match="it exists already"), whole_folder(tmp_path) as folder:
        (folder / "x").write_text("1")
    assert os.listdir(tmp_path) == []


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
import torch
from safetensors.torch import save_file
from llm_nb.files import remove_folder, scratch_folder, write_whole
try:
    if sys.argv[2] == "text":
        write_whole(sys.argv[1], "x" * 10_000)
    else:
        with scratch_folder(sys.argv[1]) as scratch:
            save_file({"a": torch.zeros(10_000)}, scratch / "a")
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("kind", ["text", "tensors"])
def test_a_disk_that_takes_no_more_is_one_clear_error(tmp_path, kind):
    path = tmp_path / "a.txt"
    path.write_text("old")
    command = [sys.executable, "-c", FULL, str(path), kind]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "could not be written" in out
    assert "File too large" in out
    assert "make room" in out
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_killed_writer_left_is_swept(tmp_path):
    (tmp_path / ".saving-x").mkdir()
    save_file({"a": torch.zeros(1)}, tmp_path / ".saving-x" / "half")
    (tmp_path / "kept").write_text("")
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["kept"]


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="nowhere"), scratch_folder(tmp_path / "nowhere" / "a"):
        pass


def test_a_folder_is_removed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("")
    remove_folder(tmp_path / "a")
    assert os.listdir(tmp_path) == []
