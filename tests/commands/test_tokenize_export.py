"""`llm-nb tokenize` and `llm-nb export`, as a user calls them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from llm_nb.cli import main
from llm_nb.commands.token_folder import read_tokens
from llm_nb.data.batches import token_stream
from llm_nb.data.corpora import load_corpus
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.pretrained import from_pretrained
from llm_nb.models.web import web_model
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE


@pytest.fixture(scope="module")
def tokens(corpus, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("tokens") / "tokens"
    argv = ["tokenize", str(corpus), "--out", str(out)]
    assert main([*argv, "--tokenizer", str(trained / "tokenizer.json")]) == 0
    return out


def test_tokens_are_the_text(tokens, corpus):
    folder, text = read_tokens(tokens), load_corpus(str(corpus))
    end = folder.tokenizer.special_tokens[END_OF_TEXT]
    for part in ("train", "validation"):
        wanted = token_stream(folder.tokenizer.encode, getattr(text, part), end)
        np.testing.assert_array_equal(getattr(folder, part)[:], wanted)
    assert folder.train.dtype == np.uint16
    assert folder.corpus == str(text)


def test_a_run_from_tokens_is_the_run_from_their_text(tokens, small, trained, tmp_path):
    assert main(small(tmp_path / "run", data__tokens=tokens)) == 0
    one, other = (
        json.loads((folder / "training.json").read_text()) for folder in (trained, tmp_path / "run")
    )
    assert one["loss"] == other["loss"]
    assert one["val_bits_per_byte"] == other["val_bits_per_byte"]
    assert not (tmp_path / "run" / "tokens").exists()


def test_ids_that_only_fill_up_a_gpt2_are_cut_off(tokens, small, tmp_path, capsys):
    out = tmp_path / "padded"
    assert main(small(out, data__tokens=tokens, model__vocab_size=384)) == 0
    assert from_pretrained(GPT2, out).config.vocab_size == 300
    assert main(small(tmp_path / "few", data__tokens=tokens, model__vocab_size=299)) == 2
    assert "the tokenizer has 300 ids" in capsys.readouterr().err


def test_tokenize_trains_a_tokenizer_and_overwrites_nothing(tokens, corpus, tmp_path, capsys):
    argv = ["tokenize", str(corpus), "--vocab-size", "300", "--out"]
    assert main([*argv, str(tmp_path / "new")]) == 0
    names = ("tokenizer.json", "train.npy", "validation.npy")
    assert all((tmp_path / "new" / n).read_bytes() == (tokens / n).read_bytes() for n in names)
    assert main([*argv, str(tokens)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_is_exported_gives_the_same_logits_in_transformers(trained, tmp_path):
    transformers = pytest.importorskip("transformers")
    out = tmp_path / "hf"
    assert main(["export", str(trained), "--out", str(out)]) == 0
    theirs = transformers.AutoModelForCausalLM.from_pretrained(out).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    ids = tokenizer("Ann gave Bo", return_tensors="pt").input_ids
    assert ids[0].tolist() == ByteLevelBPE.load(out / "tokenizer.json").encode("Ann gave Bo")
    with torch.no_grad():
        assert_close(theirs(ids).logits, from_pretrained(GPT2, trained)(ids))


def test_any_checkpoint_can_be_exported_in_any_type(trained, tmp_path):
    outs = []
    for i, options in enumerate((["--step", "3"], ["--dtype", "bf16"], ["--best"])):
        outs.append(tmp_path / str(i))
        assert main(["export", str(trained), "--out", str(outs[-1]), *options]) == 0
    outs.append(tmp_path / "place")
    place = trained / "checkpoints" / "step-00000003"
    assert main(["export", str(place), "--out", str(outs[-1])]) == 0
    early, half, best, same = (from_pretrained(GPT2, out).wte.weight for out in outs)
    last = from_pretrained(GPT2, trained).wte.weight
    assert torch.equal(early, same)
    assert not torch.equal(early, last)
    assert torch.equal(half, last.bfloat16().float())
    assert torch.equal(best, last)  # its evaluations fell


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("", ["--step", "4"], "no checkpoint of step 4: there is 3, 6"),
        ("checkpoints/step-00000003", ["--best"], "leave out --step and --best"),
        ("checkpoints", [], "has no run.toml"),
    ],
)
def test_what_cannot_be_exported_is_one_line(source, options, message, trained, tmp_path, capsys):
    assert main(["export", str(trained / source), "--out", str(tmp_path / "x"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_run_is_not_exported_onto_itself(trained, capsys):
    assert main(["export", str(trained), "--out", str(trained)]) == 2
    assert "is the run itself" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train.npy", "corpus.json", "tokenizer.json"])
def test_a_damaged_folder_of_tokens_is_named(name, tokens, tmp_path):
    folder = tmp_path / "tokens"
    shutil.copytree(tokens, folder)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=str(folder)):
        read_tokens(folder)


def test_export_for_a_page(trained, tmp_path, capsys):
    """From a run and from a folder in the Hugging Face format: the same weights and tokens."""
    out = tmp_path / "page.js"
    for folder in (trained, tmp_path / "plain"):
        if folder != trained:
            assert main(["export", str(trained), "--out", str(folder)]) == 0
        assert main(["export", str(folder), "--out", str(out), "--web"]) == 0
        assert "MB of weights in" in capsys.readouterr().out
        data = json.loads(out.read_text().removeprefix("globalThis.llmNbModel=").rstrip(";\n"))
        tokenizer = ByteLevelBPE.load(trained / "tokenizer.json")
        assert data == web_model(from_pretrained(GPT2, trained), tokenizer, "page")


def test_what_export_for_a_page_refuses(trained, tmp_path, capsys):
    for words, message in (
        (["--out", str(tmp_path / "x"), "--web"], "choose an --out that ends in .js"),
        (["--out", str(tmp_path / "x.js"), "--web", "--dtype", "fp16"], "leave out --dtype"),
    ):
        assert main(["export", str(trained), *words]) == 2
        assert message in capsys.readouterr().err
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "x.js"), "--web"]) == 2
    assert "has no run.toml" in capsys.readouterr().err
    plain = tmp_path / "plain"
    assert main(["export", str(trained), "--out", str(plain)]) == 0
    web = ["export", str(plain), "--out", str(tmp_path / "x.js"), "--web"]
    for which in (["--best"], ["--step", "3"]):
        assert main([*web, *which]) == 2
        assert "is one model, no run: leave out --step and --best" in capsys.readouterr().err
    (plain / "tokenizer.json").unlink()
    assert main(web) == 2
    assert "plain has no tokenizer.json: put the model's own" in capsys.readouterr().err
    assert not list(tmp_path.glob("x*"))
