"""Figures carry their alt text; failures are shown, not raised."""

import base64
import io

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from PIL import Image

from llm_nb.display import attempt, diagrams, figures, show
from llm_nb.display.style import PALETTE


def test_show_puts_alt_text_and_size_into_the_output(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "llm_nb.display.style.display", lambda data, metadata, raw: shown.append((data, metadata))
    )
    show(figures.bars(["a", "b"], [0.2, 0.7], xlabel="probability"), "Two bars, b longer.")
    [(data, metadata)] = shown
    png = base64.b64decode(data["image/png"])
    assert png.startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"] == "Two bars, b longer."
    assert metadata["image/png"]["width"] < 900
    with pytest.raises(ValueError, match="needs alt text"):
        show(figures.bars(["a"], [1.0], xlabel="x"), " ")


def test_curves_label_axes_and_levels():
    figure = figures.curves(
        {"a": ([1, 10], [3, 2]), "b": ([1, 5], [3, 1])},
        {"floor": 1.5},
        xlabel="minutes",
        ylabel="bits per byte",
        logx=True,
    )
    [axes] = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("minutes", "bits per byte")
    assert [line.get_linestyle() for line in axes.lines[:2]] == ["-", "--"]  # not by colour alone
    assert axes.texts[0].get_text() == "floor 1.50"


def test_surprises_stand_over_their_characters():
    [axes] = figures.surprises("a b", [1.0, 0.5, 3.0]).axes
    assert [bar.get_height() for bar in axes.patches] == [1.0, 0.5, 3.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "␣", "b"]
    with pytest.raises(ValueError, match="2 numbers for 3 characters"):
        figures.surprises("a b", [1.0, 2.0])


def test_attention_maps_show_what_they_are_given():
    weights = np.tril(np.ones((3, 4, 4))) / np.arange(1, 5)[:, None]
    figure = figures.attention_heads(weights, list("abcd"), ["h1", "h2", "h3"])
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 3
    assert np.array_equal(panels[1].images[0].get_array(), weights[1])
    assert [label.get_text() for label in panels[0].get_yticklabels()] == list("abcd")


def test_the_diagram_names_every_part():
    texts = {text.get_text() for text in diagrams.gpt2_diagram().axes[0].texts}
    assert {"causal self-attention", "feed-forward, GELU", "layer norm", "residual stream"} <= texts


def test_the_palette_keeps_its_contrast_on_white():
    def luminance(colour):
        rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for colour in PALETTE:
        assert 1.05 / (luminance(colour) + 0.05) >= 3


def test_tokens_with_dollar_signs_are_no_formulas():
    figure = figures.bars(["$x_$$", "$"], [0.5, 0.2], xlabel="p")
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["$x_$$", "$"]


def test_attempt_prints_one_line(capsys):
    attempt(lambda: 1 / 0)
    attempt(lambda: int("x\ny"))
    attempt(lambda: None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ZeroDivisionError: division by zero"
    assert lines[1].startswith("ValueError: invalid literal")
    assert lines[2:] == ["no error"]


def test_a_picture_loses_no_line_to_its_palette(monkeypatch):
    """White stays white and the bars keep their colour exactly; the file is a fraction of it."""
    shown = []
    monkeypatch.setattr(
        "llm_nb.display.style.display", lambda data, metadata, raw: shown.append(data)
    )
    rng = np.random.default_rng(0)
    show(figures.attention_heads(rng.random((1, 24, 24)), ["w"] * 24, ["h"]), "Random weights.")
    show(figures.bars(["a"], [0.5], xlabel="p"), "One bar.")
    heat, bar = (Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) for data in shown)
    assert heat.mode == bar.mode == "P"
    colours = {colour for _, colour in bar.convert("RGB").getcolors(1 << 16)}
    wanted = tuple(int(PALETTE[0][i : i + 2], 16) for i in (1, 3, 5))
    assert {(255, 255, 255), wanted} <= colours
    assert heat.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
