"""The figure of hidden words, driven: clicked, walked through with the keys, and compared."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from llm_nb.data.microworld import story
from llm_nb.data.microworld.cloze import candidates
from llm_nb.data.microworld.masking import masked_vocabulary
from llm_nb.display import live
from llm_nb.display.live.masked_word import guesses
from llm_nb.shipped import microworld_model
from tests.pages.driving import fits

TOLD = [story(4), story(7)]
NAME = TOLD[0].words()[0]
MENTIONS = [i for i, word in enumerate(TOLD[0].words()) if word == NAME]


@pytest.fixture
def opened(open_live):
    return open_live(lambda: live.masked_word(microworld_model("bert"), TOLD[:1]))


def probability(words: list[str], hidden: list[int], place: int) -> tuple[float, float]:
    """What the word at a place has, for BERT and in truth, when some are hidden."""
    vocabulary = masked_vocabulary()
    [rows] = guesses(microworld_model("bert"), [(words, hidden)], vocabulary)
    said = rows[hidden.index(place), vocabulary.ids[words[place]]].item()
    return said, candidates(words, hidden)[place].get(words[place], 0.0)


def shows(panel, words: list[str], hidden: list[int], place: int) -> None:
    """The marked row of a panel has both probabilities of the word that stood there."""
    expect(panel.locator(".title")).to_have_text(f"Word {place + 1}: “{words[place]}” is hidden")
    expect(panel.locator(".true .label")).to_contain_text(words[place])
    said, true = probability(words, hidden, place)
    expect(panel.locator(".true .number")).to_have_text([f"BERT {said:.3f}", f"the language {true:.3f}"])  # fmt: skip


def test_a_word_is_clicked(opened) -> None:
    _, figure = opened
    words, pieces = TOLD[0].words(), figure.locator(".piece")
    expect(pieces).to_have_count(len(words))
    for place in (3, len(words) - 2):
        pieces.nth(place).click()
        expect(figure.locator(".piece[aria-pressed=true]")).to_have_count(1)
        expect(pieces.nth(place)).to_have_text("[MASK]")
        shows(figure.locator("section"), words, [place], place)
        said = f"“{words[place]}”, word {place + 1}, is hidden"
        expect(figure.get_by_role("status")).to_contain_text(said)
    expect(pieces.nth(3)).to_have_text(words[3])


def test_two_words_and_every_mention(opened) -> None:
    _, figure = opened
    words = TOLD[0].words()
    figure.locator(".piece").first.click()
    how = figure.get_by_role("combobox", name="Hide")
    how.select_option("next")
    panels = figure.locator("section")
    expect(panels).to_have_count(2)
    for place in (0, 1):
        shows(panels.nth(place), words, [0, 1], place)
    how.select_option("every")
    expect(panels).to_have_count(1)
    expect(figure.locator(".piece[aria-pressed=true]")).to_have_text(["[MASK]"] * len(MENTIONS))
    shows(panels, words, MENTIONS, 0)
    figure.locator(".piece").nth(MENTIONS[-1]).click()
    shows(panels, words, MENTIONS, MENTIONS[-1])


def test_keys_and_another_story(open_live) -> None:
    page, figure = open_live(lambda: live.masked_word(microworld_model("bert"), TOLD))
    words, pieces = TOLD[0].words(), figure.locator(".piece")
    expect(figure.locator(".piece[tabindex='0']")).to_have_count(1)  # one stop of the tab key
    figure.locator(".piece[tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(pieces.nth(2)).to_be_focused()
    page.keyboard.press("Enter")
    expect(pieces.nth(2)).to_have_text("[MASK]")
    expect(pieces.nth(2)).to_be_focused()
    shows(figure.locator("section"), words, [2], 2)
    page.keyboard.press("End")
    page.keyboard.press("Space")
    shows(figure.locator("section"), words, [len(words) - 1], len(words) - 1)
    figure.get_by_role("combobox", name="Story").select_option("1")
    expect(pieces).to_have_count(len(TOLD[1].words()))
    pieces.nth(5).click()
    shows(figure.locator("section"), TOLD[1].words(), [5], 5)


def test_a_phone(open_live) -> None:
    page, figure = open_live(
        lambda: live.masked_word(microworld_model("bert"), TOLD[:1]), width=390
    )
    figure.get_by_role("combobox", name="Hide").select_option("next")
    expect(figure.locator("section")).to_have_count(2)
    fits(page)
