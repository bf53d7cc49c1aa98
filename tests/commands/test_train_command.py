"""`llm-nb train` and `llm-nb generate`, as a user calls them."""

import json

import pytest

from llm_nb.cli import main
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.pretrained import from_pretrained
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import ByteLevelBPE

SIZES = "--vocab-size 300 --context 16 --d-model 16 --layers 1 --heads 2 --steps 6 --batch-size 4 --eval-every 3"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "story.txt"
    names = ("Ann", "Bo", "Cy", "Di")
    path.write_text(
        "\n\n".join(
            f"{a} gave {b} book number {i}. {b} read it."
            for i in range(60)
            for a in names
            for b in names
        )
    )
    return path


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "model"
    assert main(["train", "--corpus", str(corpus), "--out", str(out), *SIZES.split()]) == 0
    return out


def test_train_writes_a_folder_that_says_what_made_it(trained):
    record = json.loads((trained / "training.json").read_text())
    assert (record["steps"], record["tokens_seen"], record["seed"]) == (6, 6 * 4 * 16, 0)
    assert [step for step, _, _ in record["val"]] == [3, 6]
    assert record["parameters"] == sum(
        p.numel() for p in from_pretrained(GPT2, trained).parameters()
    )
    assert 0 < record["val_bits_per_byte"] < 10


def test_what_was_trained_opens_in_transformers(trained):
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(trained)
    tokenizer = transformers.AutoTokenizer.from_pretrained(trained)
    ids = tokenizer("Ann gave", return_tensors="pt").input_ids
    assert ids[0].tolist() == ByteLevelBPE.load(trained / "tokenizer.json").encode("Ann gave")
    assert model(ids).logits.shape[-1] == 300


def test_generate_continues_the_prompt(trained, capsys):
    argv = ["generate", "Ann gave", "--model", str(trained), "--tokens", "8"]
    assert main(argv) == 0
    first = capsys.readouterr().out
    assert first.startswith("Ann gave")
    assert main(argv) == 0
    assert capsys.readouterr().out == first
    assert main([*argv, "--seed", "1"]) == 0
    assert capsys.readouterr().out != first


def test_generate_by_beams_in_int8_and_up_to_a_text(trained, capsys):
    argv = ["generate", "Ann gave", "--model", str(trained), "--tokens", "8"]
    outputs = []
    for options in (["--beams", "3"], ["--int8"], ["--temperature", "0"]):
        assert main([*argv, *options]) == 0
        outputs.append(capsys.readouterr().out)
        assert outputs[-1].startswith("Ann gave")
    greedy = outputs[-1]
    new = greedy.removeprefix("Ann gave").rstrip("\n")
    stop = new[1:3]
    assert main([*argv, "--temperature", "0", "--stop", stop]) == 0
    assert capsys.readouterr().out.rstrip("\n").endswith(stop)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "--out", "x", "--corpus", "nothing"], "unknown corpus 'nothing'"),
        (
            ["train", "--out", "x", "--d-model", "10", "--heads", "3"],
            "does not divide into 3 heads",
        ),
        (["generate", "hello", "--tokens", "99"], "over the context of 16"),
        (["generate", "hello", "--model", "nowhere"], "nowhere"),
        (["generate", "hello", "--beams", "2", "--stop", "x"], "leave out --stop"),
        (
            ["generate", "hello", "--tokens", "4", "--repetition-penalty", "-1"],
            "repetition_penalty is -1",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_2(argv, message, trained, capsys):
    if argv[0] == "generate" and "--model" not in argv:
        argv = [*argv, "--model", str(trained)]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_place_that_cannot_be_written_fails_before_training(corpus, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "model"
    assert main(["train", "--corpus", str(corpus), "--out", str(out), *SIZES.split()]) == 2
    assert "bits per byte" not in capsys.readouterr().out


def test_a_corpus_with_too_few_merges_says_how_many_there_are(corpus, capsys, tmp_path):
    assert (
        main(["train", "--corpus", str(corpus), "--out", str(tmp_path), "--vocab-size", "4096"])
        == 2
    )
    assert "use --vocab-size" in capsys.readouterr().err


def test_the_shipped_weights_are_what_their_record_says():
    record = json.loads((SHIPPED / "training.json").read_text())
    model, tokenizer = from_pretrained(GPT2, SHIPPED), ByteLevelBPE.load(SHIPPED / "tokenizer.json")
    assert sum(p.numel() for p in model.parameters()) == record["parameters"]
    assert model.config.vocab_size == tokenizer.vocab_size == record["config"]["vocab_size"]
