"""The unrolled network has a copy for each word that is read, and says so."""

import matplotlib

matplotlib.use("Agg")

import pytest

from llm_nb.display.unrolled import unrolled


def test_a_copy_for_each_word_that_is_read():
    figure, alt = unrolled(["she", "took", "the", "bread"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("W") == texts.count("U") == texts.count("V") == 3
    assert {"h₁", "h₂", "h₃", "ŷ₃", "she", "bread?"} <= set(texts)
    assert "bread" not in texts  # the last word is only guessed
    assert "it reads she, took, the through W" in alt
    assert alt.endswith("guesses through V took, the, bread.")


def test_nothing_to_guess():
    with pytest.raises(ValueError, match="1 words leave nothing to guess"):
        unrolled(["she"])
