"""``llm-nb microworld``: what it writes, and that the shipped models are of its making."""

import json
from pathlib import Path

import pytest

from llm_nb.cli import main
from llm_nb.commands import microworld
from llm_nb.commands.microworld import MODELS, build
from llm_nb.data.microworld import batches
from llm_nb.data.microworld.batches import held_out, word_vocabulary
from llm_nb.data.microworld.masking import masked_vocabulary
from llm_nb.metrics.masked import MaskJudge, reading
from llm_nb.metrics.stories import StoryJudge
from llm_nb.shipped import (
    MICROWORLD_BERT,
    MICROWORLD_MODELS,
    microworld_model,
    microworld_records,
)


@pytest.mark.parametrize("model", ["rnn", "gpt2", "bert"])
def test_a_run_learns_and_writes_its_record(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(batches, "held_out", lambda n, part: held_out(60, part))  # for speed
    out = tmp_path / model
    arguments = ["--steps", "24", "--lr", "0.01", "--seed", "1", "--out", str(out)]
    assert main(["microworld", model, *arguments, "--part", "validation"]) == 0
    record = json.loads((out / "record.json").read_text())
    values = [value for _, _, value in record["curve"]]
    assert record["floor"] < values[-1] == record["bits_per_word"] < values[0]
    assert (record["seed"], record["part"], record["steps"]) == (1, "validation", 24)
    assert {path.name for path in out.iterdir()} == {"config.json", "model.safetensors", "record.json"}  # fmt: skip
    # 24 steps are 0.48 % of 5,000; of 1,500 batches of short stories that leaves 7.
    assert record.get("short") == (7 if model == "bert" else None)
    assert f"{values[-1]:.4f} bits a word, floor {record['floor']:.4f}" in capsys.readouterr().out
    assert main(["microworld", model, "--out", str(out)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_how_many_stories_are_short_can_be_chosen(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(batches, "held_out", lambda n, part: held_out(20, part))
    arguments = ["--steps", "2", "--short", "0", "--out", str(tmp_path / "whole")]
    assert main(["microworld", "gpt2", *arguments]) == 2
    assert "--short is for bert, not for gpt2" in capsys.readouterr().err
    assert main(["microworld", "bert", *arguments]) == 0
    record = json.loads((tmp_path / "whole" / "record.json").read_text())
    assert (record["short"], record["stories"]) == (0, 2 * microworld.BATCH)


def test_counts_of_neighbours_have_a_record_too(tmp_path, monkeypatch):
    monkeypatch.setattr(microworld, "COUNTED_STORIES", 200)
    assert main(["microworld", "neighbours", "--out", str(tmp_path / "few")]) == 0
    record = json.loads((tmp_path / "few" / "record.json").read_text())
    assert record["floor"] < record["bits_per_word"] < record["most_frequent"]["bits_per_word"]
    assert record["most_frequent"]["accuracy"] < record["accuracy"] < record["best_accuracy"]
    assert record["stories"] == 200


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_positions_begin_as_sinusoids(name):
    model = build(name, 50, 64)
    table = model.wpe if name == "gpt2" else model.encoder.position
    places = table.weight.detach()
    # One turn wherever it starts: the product of two depends on their distance alone.
    products = places @ places.T
    assert products.diagonal(3).std() < 1e-6
    assert MODELS[name]["d"] == 64


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


def test_the_shipped_bert_gives_what_its_record_says():
    record = next(r for r in microworld_records(MICROWORLD_BERT) if r["seed"] == 0)
    judge = MaskJudge(held_out(500, part=1), masked_vocabulary())
    assert judge.floor == pytest.approx(record["floor"], rel=1e-12)
    scores = judge.scores(reading(microworld_model(MICROWORLD_BERT)))
    for name, value in scores.items():
        assert value == pytest.approx(record[name], abs=3e-3), name


def test_bert_guesses_hidden_words_better_than_counts():
    [counted] = microworld_records("neighbours")
    runs = microworld_records(MICROWORLD_BERT)
    assert [r["seed"] for r in runs] == [0, 1, 2]
    for run in runs:
        assert (run["part"], run["floor"]) == (counted["part"], counted["floor"])
        for name, sign in (("bits_per_word", -1), ("accuracy", 1)):
            order = [rows[name] for rows in (counted["most_frequent"], counted, run)]
            assert sorted(order, key=lambda x: sign * x) == order
        assert run["floor"] < run["bits_per_word"]
        assert run["accuracy"] < run["best_accuracy"]


def test_the_page_about_data_has_these_figures():
    page = (Path(__file__).parents[2] / "book" / "data.md").read_text("utf-8")
    [line] = [line for line in page.splitlines() if 'microworld_model("bert")' in line]
    [counted], runs = microworld_records("neighbours"), microworld_records(MICROWORLD_BERT)
    bert, bits = runs[0], [run["bits_per_word"] for run in runs]
    assert f"over three seeds it is at {min(bits):.2f}–{max(bits):.2f} bits" in line
    rows = (counted["most_frequent"], counted, bert)
    for row in rows:
        assert f"{row['accuracy']:.0%}".replace("%", " %") in line
        assert f"{row['bits_per_word']:.2f} bits" in line
    assert "{:.0f}, {:.0f} and {:.0f} %".format(*(100 * r["masked_accuracy"] for r in rows)) in line
    assert f"{bert['floor']:.2f} bits" in line
    assert f"guesses {100 * bert['best_accuracy']:.0f} %" in line
    assert f"{bert['parameters']:,} parameters" in line
    assert f"{bert['core_seconds']:.0f} seconds" in line
    assert (
        f"the first {MODELS['bert']['short'] / MODELS['bert']['steps']:.0%}".replace("%", " %")
        in line
    )
    [whole] = microworld_records("bert-never-short")
    assert whole["stories"] == bert["steps"] * microworld.BATCH < bert["stories"]
    for name in ("seed", "steps", "lr", "parameters", "part", "floor"):
        assert whole[name] == bert[name], name
    assert f"(`--short 0`), seed 0 is at {whole['bits_per_word']:.2f} bits after as many" in line


def test_unknown_weights():
    with pytest.raises(ValueError, match="no weights of 't5': use rnn"):
        microworld_model("t5")
