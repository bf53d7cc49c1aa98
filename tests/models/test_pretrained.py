"""Reading weights that are damaged, of another model, or on the hub."""

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import from_pretrained, save_pretrained
from llm_nb.models.weights_io import pretrained_folder

CONFIG = GPT2Config(vocab_size=31, context=8, d_model=8, n_layers=2, n_heads=2)


@pytest.fixture
def folder(tmp_path):
    save_pretrained(GPT2(CONFIG), tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def test_with_and_without_the_prefix_and_with_the_mask_buffers(folder):
    expected = from_pretrained(GPT2, folder).state_dict()
    names = load_file(folder / "model.safetensors")

    def as_released(weights):
        weights.clear()
        weights.update({n.removeprefix("transformer."): t for n, t in names.items()})
        weights["h.0.attn.bias"] = torch.ones(1, 1, 8, 8)

    rewrite(folder, as_released)
    for name, tensor in from_pretrained(GPT2, folder).state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_half_precision_is_read_as_single(tmp_path):
    model = GPT2(CONFIG)
    save_pretrained(model, tmp_path, torch.float16)
    for name, tensor in from_pretrained(GPT2, tmp_path).state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name].half().float())


def test_a_truncated_file_is_named(folder):
    data = (folder / "model.safetensors").read_bytes()
    for size in (0, 4, len(data) // 2, len(data) - 1):
        (folder / "model.safetensors").write_bytes(data[:size])
        with pytest.raises(ValueError, match="damaged or cut short"):
            from_pretrained(GPT2, folder)
    (folder / "config.json").write_text('{"model_type": ')
    with pytest.raises(ValueError, match="not whole JSON"):
        from_pretrained(GPT2, folder)


def test_another_models_weights_are_named(folder):
    def other(weights):
        weights["transformer.h.9.ln_1.weight"] = torch.ones(8)
        del weights["transformer.wpe.weight"]

    rewrite(folder, other)
    with pytest.raises(
        ValueError, match=r"missing transformer\.wpe\.weight; not expected transformer\.h\.9"
    ):
        from_pretrained(GPT2, folder)


def test_a_shape_that_does_not_fit_is_named(folder):
    rewrite(folder, lambda weights: weights.update({"transformer.wte.weight": torch.ones(30, 8)}))
    with pytest.raises(ValueError, match=r"wte\.weight has shape \(30, 8\)"):
        from_pretrained(GPT2, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, "'bert' model"),
        ({"activation_function": "relu"}, "'relu'"),
        ({"n_inner": 9}, "n_inner 9"),
    ],
)
def test_another_architecture_is_named(folder, change, message):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match=message):
        from_pretrained(GPT2, folder)


def test_a_folder_without_weights_is_named(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors"):
        from_pretrained(GPT2, folder)


def test_a_name_goes_to_the_hub_and_its_failure_is_one_sentence(folder, monkeypatch):
    asked = []

    def fetch(name, **options):
        asked.append(name)
        if name == "gpt2":
            return str(folder)
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=fetch))
    assert from_pretrained(GPT2, "gpt2").config.vocab_size == 31
    with pytest.raises(ValueError, match=r"'nobody/x' .*could not be fetched.*ConnectionError"):
        from_pretrained(GPT2, "nobody/x")
    assert asked == ["gpt2", "nobody/x"]
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match="pip install"):
        from_pretrained(GPT2, "gpt2")


def test_without_a_network_the_fallback_is_used_and_named(folder, monkeypatch, capsys):
    def fetch(name, **options):
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=fetch))
    assert pretrained_folder("gpt2", fallback=folder) == folder
    assert capsys.readouterr().out.count("\n") == 1
    assert pretrained_folder(folder) == folder


def test_a_failed_save_leaves_the_old_files(folder, monkeypatch):
    before = (folder / "model.safetensors").read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llm_nb.models.weights_io.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_pretrained(GPT2(CONFIG), folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
