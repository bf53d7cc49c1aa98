"""The presets, and the settings that a file and --set give."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_nb.cli import main
from llm_nb.commands import presets
from llm_nb.commands.settings import Settings, differences
from llm_nb.models.gpt2 import GPT2Config
from llm_nb.shipped import SHIPPED_PRESET, shipped_record

TABLES = {
    "model": {"kind": "gpt2", "d_model": 12, "n_heads": 3},
    "data": {"corpus": "standard-library"},
    "train": {"steps": 10},
}


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_sound_and_says_what_it_is(name):
    settings = Settings.of(presets.read(name))
    assert settings.train.steps > 10
    comment = (presets.FOLDER / f"{name}.toml").read_text("utf-8").split("[model]")[0]
    assert "# Needs: " in comment
    assert "Gave: " in comment
    assert all(line.startswith("# ") for line in comment.splitlines())


def test_the_shipped_weights_are_of_their_preset():
    settings, record = Settings.of(presets.read(SHIPPED_PRESET)), shipped_record()
    tables = settings.tables()
    model = {k: v for k, v in tables["model"].items() if k != "kind"}
    assert GPT2Config(**record["config"]) == GPT2Config(**model)
    assert (record["steps"], record["seed"]) == (settings.train.steps, settings.run.seed)
    per_step = settings.data.batch_size * settings.context * settings.train.accumulate
    assert record["tokens_seen"] == record["steps"] * per_step
    assert [step for step, _, _ in record["val"]] == list(
        range(200, 3601, settings.train.eval_every)
    )


def test_list_names_every_preset(capsys):
    assert main(["train", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name}\n" in out for name in presets.names())
    assert out.count("Needs:") == len(presets.names())


def test_settings_survive_their_file(tmp_path):
    settings = Settings.of(TABLES).on("bf16")
    assert settings.train.precision == "bf16"
    path = tmp_path / "run.toml"
    path.write_text(settings.toml(), "utf-8")
    again = Settings.of(presets.read(str(path)))
    assert again == settings
    assert again.on("fp16") == settings  # what is settled stays
    assert differences(settings, again) == ""


def test_differences_name_what_makes_another_run():
    one = Settings.of(TABLES)
    other = replace(one, train=replace(one.train, lr=0.5, eval_every=7))
    assert differences(one, other) == "train.lr 0.001 → 0.5"


def test_set_reads_toml_and_takes_bare_words_as_text():
    tables = presets.override(
        TABLES,
        ["train.lr=1e-2", "train.betas=[0.8, 0.9]", "train.schedule=linear", "data.tokens=a b/c",
         "train.compile=true"],
    )  # fmt: skip
    assert tables["train"] == {
        "steps": 10, "lr": 0.01, "betas": [0.8, 0.9], "schedule": "linear", "compile": True
    }  # fmt: skip
    assert tables["data"] == {"tokens": "a b/c"}  # instead of the corpus
    assert TABLES["data"] == {"corpus": "standard-library"}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.lr", "not of the form table.key=value"),
        ("lr=1", "not of the form table.key=value"),
        ("trian.lr=1", r"\[trian\] is no table of a run: did you mean 'train'"),
        ("train.learning_rate=1", "train.learning_rate is no setting"),
        ("train.warm_up=1", "train.warm_up is no setting: did you mean 'warmup'"),
        ("train.steps=1.5", "train.steps is 1.5: it must be a whole number"),
        ("train.steps=true", "train.steps is True: it must be a whole number"),
        ("train.lr=fast", "train.lr is 'fast': it must be a number"),
        ("train.betas=[0.9]", "train.betas is .* a list of 2 numbers"),
        ("train.schedule=round", "train.schedule is 'round': it must be 'cosine' or"),
        ("train.compile=1", "train.compile is 1: it must be true or false"),
        ("train.steps=0", r"\[train\] steps is 0"),
        ("train.precision=fp8", "precision is 'fp8'"),
        ("model.kind=gpt3", "model.kind is 'gpt3': use one of gpt2"),
        ("model.n_heads=5", "does not divide into 5 heads"),
        ("data.context=7", "leave data.context out"),
        ("data.batch_size=0", "batch_size is 0"),
        ("data.workers=-1", "workers is -1"),
        ("run.threads=0", "threads is 0"),
        ("run.store=fp8", "run.store is 'fp8'"),
    ],
)
def test_a_wrong_setting_is_named(assignment, message):
    with pytest.raises(ValueError, match=message):
        Settings.of(presets.override(TABLES, [assignment]))


def test_what_is_missing_is_named():
    for tables, message in (
        ({"model": {"kind": "lstm"}}, "model.vocab_size is not given"),
        ({**TABLES, "train": {}}, "train.steps is not given"),
        ({**TABLES, "data": {}}, "either corpus"),
        ({**TABLES, "model": {"kind": "lstm", "vocab_size": 300}}, "data.context is not given"),
        ({**TABLES, "model": {"kind": "lstm", "vocab_size": 300, "cell": "gru"}}, "model.cell"),
        ({**TABLES, "run": 3}, "run is 3: write it as a table"),
    ):
        with pytest.raises(ValueError, match=message):
            Settings.of(tables)
    assert Settings.of(
        {**TABLES, "model": {"kind": "gru", "vocab_size": 300}, "data": {"corpus": "x", "context": 8}}
    ).model.cell == "gru"  # fmt: skip


def test_a_file_that_is_no_toml_and_a_name_that_is_none(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[model\nkind = 3")
    with pytest.raises(ValueError, match=r"bad.toml is not TOML .*line 1"):
        presets.read(str(path))
    with pytest.raises(ValueError, match="did you mean 'gpt2-tiny'"):
        presets.read("gpt2-tinny")
    with pytest.raises(ValueError, match="neither a preset nor a TOML file"):
        presets.read(str(tmp_path / "none.toml"))
