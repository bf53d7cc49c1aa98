"""A text cut at special tokens."""

import pytest

from llm_nb.text.specials import split_at_specials

KNOWN = ["<a>", "<a><b>", "<b>", "."]


def test_the_odd_parts_are_the_special_tokens():
    assert split_at_specials("x<a>y<b>", ["<a>", "<b>"], KNOWN) == ["x", "<a>", "y", "<b>", ""]
    assert split_at_specials("x<a>y<b>", ["<b>"], KNOWN) == ["x<a>y", "<b>", ""]
    assert split_at_specials("x<a>", [], KNOWN) == ["x<a>"]
    assert split_at_specials("", ["<a>"], KNOWN) == [""]


def test_the_longest_wins_and_no_character_is_a_pattern():
    assert split_at_specials("<a><b>", KNOWN, KNOWN) == ["", "<a><b>", ""]
    assert split_at_specials("x.", ["."], KNOWN) == ["x", ".", ""]


@pytest.mark.parametrize("allowed", [["<a>", "<c>"], "<c>"])
def test_an_unknown_one_is_named(allowed):
    with pytest.raises(ValueError, match=r"unknown special token\(s\) .*<.*this tokenizer has"):
        split_at_specials("x", allowed, KNOWN)
