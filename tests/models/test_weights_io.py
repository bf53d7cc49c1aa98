"""The files themselves: shards, damage, pickles, the hub's cache, and saving that fails."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from llm_nb.models.weights_io import (
    pretrained_folder,
    read_config,
    read_weights,
    write_model,
)

TENSORS = {f"part.{i}": torch.full((10,), float(i)) for i in range(5)}  # 40 bytes each
INDEX = "model.safetensors.index.json"


@pytest.fixture
def sharded(tmp_path):
    write_model(tmp_path, {"model_type": "x"}, TENSORS, 80)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def same(read):
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in TENSORS.items())


def test_shards_have_the_names_and_the_index_that_transformers_writes(sharded):
    shards = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    assert names(sharded) == ["config.json", *shards, INDEX]
    index = json.loads((sharded / INDEX).read_text())
    assert index["metadata"] == {"total_size": 200}
    assert list(index["weight_map"]) == list(TENSORS)
    for shard in shards:
        held = load_file(sharded / shard)
        assert sum(t.numel() * 4 for t in held.values()) <= 80
        assert {n for n, file in index["weight_map"].items() if file == shard} == held.keys()
    same(read_weights(sharded))
    assert read_config(sharded) == {"model_type": "x"}


def test_a_tensor_larger_than_a_shard_has_one_of_its_own(tmp_path):
    write_model(tmp_path, {}, TENSORS, 1)
    assert len(list(tmp_path.glob("model-*-of-00005.safetensors"))) == 5
    same(read_weights(tmp_path))


def test_what_an_earlier_save_left_is_gone(sharded):
    (sharded / "tokenizer.json").write_text("{}")
    write_model(sharded, {}, TENSORS, 120)
    assert len(list(sharded.glob("model-*"))) == 2
    same(read_weights(sharded))
    write_model(sharded, {}, TENSORS, 10**6)
    assert names(sharded) == ["config.json", "model.safetensors", "tokenizer.json"]
    write_model(sharded, {}, TENSORS, 80)
    assert not (sharded / "model.safetensors").exists()
    same(read_weights(sharded))


@pytest.mark.parametrize("step", range(6))
def test_a_crash_between_files_is_never_taken_for_a_model_of_two_saves(sharded, step, monkeypatch):
    """Old and new have shards of the same names; the k-th move fails."""
    moves = []

    def crashing(source, target, move=os.replace):
        if len(moves) == step:
            raise KeyboardInterrupt
        moves.append(target)
        move(source, target)

    monkeypatch.setattr("os.replace", crashing)
    new = {name: tensor + 100 for name, tensor in TENSORS.items()}
    try:
        write_model(sharded, {}, new, 80)
        assert step == 5
    except KeyboardInterrupt:
        with pytest.raises(FileNotFoundError, match=r"no model\.safetensors"):
            read_weights(sharded)
    else:
        assert torch.equal(read_weights(sharded)["part.3"], new["part.3"])


def test_a_full_disk_leaves_the_old_model(sharded, monkeypatch):
    before, calls = names(sharded), []

    def full_disk(*args, **kwargs):
        calls.append(args)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        save_file(*args, **kwargs)

    monkeypatch.setattr("llm_nb.models.weights_io.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_model(sharded, {}, {name: tensor + 1 for name, tensor in TENSORS.items()}, 80)
    assert names(sharded) == before
    same(read_weights(sharded))


def test_a_missing_shard_is_named(sharded):
    (sharded / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"no model-00002-of-00003\.safetensors, which"):
        read_weights(sharded)


def test_a_shard_without_what_the_index_says_is_named(sharded):
    save_file({"part.2": TENSORS["part.2"]}, sharded / "model-00002-of-00003.safetensors")
    with pytest.raises(ValueError, match=r"00002-of-00003\.safetensors lacks part\.3, which"):
        read_weights(sharded)


def test_a_damaged_shard_is_named(sharded):
    path = sharded / "model-00003-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"00003-of-00003.* is damaged or cut short"):
        read_weights(sharded)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "not whole JSON"),
        ("[]", "holds a list"),
        ("{}", "no weight_map"),
        ('{"weight_map": {"part.0": "../elsewhere.safetensors"}}', "no file of this folder"),
    ],
)
def test_a_bad_index_is_named(sharded, index, message):
    (sharded / INDEX).write_text(index)
    with pytest.raises(ValueError, match=message):
        read_weights(sharded)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_a_pickle_is_never_read(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'sprung'}",)

    torch.save({"weights": Trap()}, tmp_path / name)
    with pytest.raises(ValueError, match=rf"has {name}, a pickle, which can run any code"):
        read_weights(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors: give a folder"):
        read_weights(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no config\.json: give a folder"):
        read_config(tmp_path)
    with pytest.raises(ValueError, match="max_shard_size is 0"):
        write_model(tmp_path / "new", {}, TENSORS, 0)


# -- the hub ------------------------------------------------------------------------------------

OFFLINE = """
import sys
from llm_nb.models.bert import Bert
from llm_nb.models.pretrained import from_pretrained
print(sum(p.numel() for p in from_pretrained(Bert, sys.argv[1]).parameters()))
"""


@pytest.fixture
def cache(tmp_path):
    """The hub's cache as its client lays it out, holding one sharded BERT, "house/tiny-bert"."""
    pytest.importorskip("huggingface_hub")
    from llm_nb.models.bert import Bert, BertConfig
    from llm_nb.models.pretrained import save_pretrained

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "home" / "hub" / "models--house--tiny-bert"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    config = BertConfig(vocab_size=40, context=8, d_model=8, n_layers=1, n_heads=2, d_ff=8)
    snapshot = repository / "snapshots" / commit
    save_pretrained(Bert(config), snapshot, max_shard_size=2000)
    (repository / "blobs").mkdir()
    for path in list(snapshot.iterdir()):  # files are links to blobs
        blob = repository / "blobs" / f"blob-of-{path.name}"
        path.rename(blob)
        path.symlink_to(os.path.relpath(blob, snapshot))
    return tmp_path / "home"


@pytest.mark.parametrize(("name", "found"), [("house/tiny-bert", True), ("house/other", False)])
def test_a_name_is_read_from_the_hubs_cache_without_a_network(cache, name, found):
    environment = os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        environment.pop(variable, None)
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, name], env=environment, capture_output=True, text=True
    )
    if found:
        parameters = 50 * 8 + 16 + (8 + 1) * 24 + 3 * (8 + 1) * 8 + 2 * 16 + (8 + 1) * 8
        assert (done.stdout.strip(), done.returncode) == (str(parameters), 0), done.stderr
    else:
        message = "'house/other' is no folder here and could not be fetched from the hub"
        assert done.returncode
        assert message in done.stderr.splitlines()[-1]


def test_what_is_fetched_is_config_weights_and_tokenizer_but_no_pickle(tmp_path, monkeypatch):
    hub_utils = pytest.importorskip("huggingface_hub.utils")
    asked = []

    def fetch(name, allow_patterns, **options):
        asked.append(allow_patterns)
        return str(tmp_path)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=fetch))
    assert pretrained_folder("house/tiny-bert") == tmp_path
    wanted = ["config.json", "model.safetensors", INDEX, "model-00001-of-00002.safetensors"]
    wanted += ["tokenizer.json", "vocab.txt"]
    others = ["pytorch_model.bin", "tf_model.h5", "rust_model.ot", "onnx/model.onnx"]
    kept = list(hub_utils.filter_repo_objects([*wanted, *others], allow_patterns=asked[0]))
    assert kept == wanted
