"""Bands: inside, outside, strict or not, unknown."""

import json

import pytest

from llm_nb.expect import expect


@pytest.fixture(autouse=True)
def bands(tmp_path, monkeypatch):
    (tmp_path / "11_x.json").write_text(json.dumps({"loss": {"cpu": [1.0, 2.0]}}))
    monkeypatch.setenv("LLM_NB_BANDS", str(tmp_path))
    monkeypatch.setenv("LLM_NB_DEVICE", "cpu")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("LLM_NB_STRICT", raising=False)


def test_inside_prints_the_band_and_returns_the_value(capsys):
    assert expect("11_x/loss", 1.5) == 1.5
    assert capsys.readouterr().out == "1.5 ✓ expected 1–2 on cpu\n"


@pytest.mark.parametrize("value", [0.99, 2.01, float("nan"), float("inf")])
def test_outside_warns_a_reader_and_fails_in_ci(value, monkeypatch, capsys):
    expect("11_x/loss", value)
    assert "✗ expected" in capsys.readouterr().out
    for name in ("CI", "LLM_NB_STRICT"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "1")
            with pytest.raises(AssertionError, match="11_x/loss"):
                expect("11_x/loss", value)


def test_a_device_without_a_band_says_so(capsys):
    expect("11_x/loss", 5.0, device="mps")
    assert "no band for mps yet" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["11_x/other", "12_y/loss", "loss"])
def test_an_unknown_band_is_an_error_even_for_a_reader(key):
    with pytest.raises(KeyError, match="band"):
        expect(key, 1.0)
