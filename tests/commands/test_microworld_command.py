"""``llm-nb microworld``: what it writes, and that the shipped models are of its making."""

import json

import pytest

from llm_nb.cli import main
from llm_nb.commands.microworld import MODELS, build
from llm_nb.data.microworld.batches import held_out, word_vocabulary
from llm_nb.metrics.stories import StoryJudge
from llm_nb.shipped import MICROWORLD_MODELS, microworld_model, microworld_records


@pytest.mark.parametrize("model", ["rnn", "gpt2"])
def test_a_run_learns_and_writes_its_record(model, tmp_path, capsys):
    out = tmp_path / model
    arguments = ["--steps", "24", "--lr", "0.01", "--seed", "1", "--out", str(out)]
    assert main(["microworld", model, *arguments, "--part", "validation"]) == 0
    record = json.loads((out / "record.json").read_text())
    values = [value for _, _, value in record["curve"]]
    assert record["floor"] < values[-1] == record["bits_per_word"] < values[0]
    assert (record["seed"], record["part"], record["steps"]) == (1, "validation", 24)
    assert {path.name for path in out.iterdir()} == {"config.json", "model.safetensors", "record.json"}  # fmt: skip
    assert f"{values[-1]:.4f} bits a word, floor {record['floor']:.4f}" in capsys.readouterr().out
    assert main(["microworld", model, "--out", str(out)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_positions_of_gpt2_begin_as_sinusoids():
    model = build("gpt2", 50, 64)
    places = model.wpe.weight.detach()
    # One turn wherever it starts: the product of two depends on their distance alone.
    products = places @ places.T
    assert products.diagonal(3).std() < 1e-6
    assert MODELS["gpt2"]["d"] == 64


@pytest.mark.parametrize("name", MICROWORLD_MODELS)
def test_the_shipped_weights_give_what_their_record_says(name):
    record = next(r for r in microworld_records(name) if r["seed"] == 0)
    judge = StoryJudge(held_out(500, part=1), word_vocabulary())
    assert judge.floor == pytest.approx(record["floor"], rel=1e-12)
    # The record is of 32-bit weights, those that came with the package have 16.
    found = judge.per_word(judge.bits(microworld_model(name)))
    assert found == pytest.approx(record["bits_per_word"], abs=2e-3)


def test_the_order_of_the_models_is_the_order_of_their_means():
    def mean(name):
        values = [r["bits_per_word"] for r in microworld_records(name)]
        return sum(values) / len(values)

    order = ["ngram", "rnn", "lstm", "gpt2", "gpt2-long"]
    assert sorted(order, key=mean, reverse=True) == order
    for name in order[:4]:
        assert [r["seed"] for r in microworld_records(name)] == [0, 1, 2]
        assert {r["part"] for r in microworld_records(name)} == {"test"}


def test_unknown_weights():
    with pytest.raises(ValueError, match="no weights of 'bert': use rnn"):
        microworld_model("bert")
