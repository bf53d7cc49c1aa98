"""The live figure of byte-pair encoding, driven: typed into, stepped, and compared with Python."""

from __future__ import annotations

import re

from playwright.sync_api import FrameLocator, expect

from llm_nb.display import live
from llm_nb.display.live.merges import LIMIT, TEXTS
from llm_nb.text.bpe import ByteLevelBPE
from tests.pages.driving import fits


def shown(text: str) -> str:
    return text.replace(" ", "·")


def shows(figure: FrameLocator, own: str, other: str, n: int) -> ByteLevelBPE:
    """Both texts are cut as Python's tokenizer cuts them after ``n`` merges of the first."""
    learned = ByteLevelBPE.train([own], 256 + LIMIT)
    tokenizer = ByteLevelBPE(learned.merges[:n])
    for at, text in enumerate((own, other)):
        pieces = [shown(tokenizer.decode([i])) for i in tokenizer.encode(text)]
        expect(figure.locator(".tokens").nth(at).locator(".token")).to_have_text(pieces)
    newest = figure.locator(".vocabulary li").first
    if n:
        a, b = (shown(tokenizer.decode([i])) for i in tokenizer.merges[-1])
        expect(newest).to_have_text(f"{255 + n} {a}{b} = {a} + {b}")
    else:
        expect(newest).to_contain_text("none yet")
    return learned


def test_step_by_step(open_live) -> None:
    page, figure = open_live(live.merges)
    own, other = TEXTS["English"]
    learned = shows(figure, own, other, 4)
    status = figure.get_by_role("status")
    length, count = len(own.encode()), len(ByteLevelBPE(learned.merges[:4]).encode(own))
    expect(status).to_contain_text(
        f"After 4 merges the vocabulary has 260 tokens, and the text is {length} bytes in {count} "
        f"tokens, {length / count:.2f} bytes per token."
    )
    a, b = (shown(learned.decode([i])) for i in learned.merges[4])
    marked = figure.locator(".bars .marked .label")
    expect(marked).to_have_text(f"{a} + {b}")
    merge = figure.get_by_role("button", name="Merge", exact=True)
    merge.click()
    shows(figure, own, other, 5)
    assert set(figure.locator(".token.made").all_inner_texts()) == {a + b}
    figure.get_by_role("button", name="Back").click()
    figure.get_by_role("button", name="Back").click()
    shows(figure, own, other, 3)
    slider = figure.get_by_label("Merges done")
    slider.focus()
    page.keyboard.press("End")
    shows(figure, own, other, len(learned.merges))
    expect(merge).to_be_disabled()
    expect(status).to_contain_text("Every word is one token")
    expect(figure.locator(".bars li")).to_have_count(0)
    page.keyboard.press("Home")
    shows(figure, own, other, 0)
    expect(figure.get_by_role("button", name="Back")).to_be_disabled()


def test_the_readers_own_texts(open_live) -> None:
    _, figure = open_live(live.merges)
    own, other = "low low low lower lowest", "slow flow"
    figure.get_by_label("Text to learn from").fill(own)
    figure.get_by_label("Another text").fill(other)
    figure.get_by_label("Merges done").fill("2")
    shows(figure, own, other, 2)
    numbers = figure.locator(".bars .number").all_inner_texts()
    assert numbers[0] == "4"  # " " + "low": four of the five words follow a space
    figure.get_by_label("Text to learn from").fill("ab cd ef")
    figure.get_by_label("Merges done").fill("0")
    expect(figure.locator(".hint", has_text="by heart")).to_contain_text("5 pairs occur once")
    figure.get_by_label("Text to learn from").fill("")
    expect(figure.get_by_role("status")).to_have_text("Type a text to learn from.")
    expect(figure.get_by_role("button", name="Merge", exact=True)).to_be_disabled()


def test_characters_of_several_bytes(open_live) -> None:
    _, figure = open_live(live.merges)
    figure.get_by_label("Example").select_option("1")
    own, _ = TEXTS["Chinese"]
    expect(figure.get_by_label("Text to learn from")).to_have_value(own)
    tokens = figure.locator(".tokens").first.locator(".token")
    expect(tokens).to_have_text([f"⟨{byte:02X}⟩" for byte in own.encode()])
    expect(figure.locator(".hint").first).to_contain_text("“四” is 3 bytes in UTF-8: E5 9B 9B.")
    merges = len(ByteLevelBPE.train([own], 256 + LIMIT).merges)
    figure.get_by_label("Merges done").fill(str(merges))
    expect(tokens.first).to_have_text("四是四")
    figure.get_by_label("Example").select_option("2")
    expect(figure.get_by_label("Another text")).to_have_value(TEXTS["Emoji"][1])
    expect(tokens.first).to_have_text("⟨F0⟩")


def test_play_and_a_phone(open_live) -> None:
    page, figure = open_live(live.merges, "dark", 390)
    slider = figure.get_by_label("Merges done")
    figure.get_by_role("button", name="Play").click()
    expect(slider).to_have_value("6")
    figure.get_by_role("button", name="Pause").click()
    for at in range(len(TEXTS)):
        figure.get_by_label("Example").select_option(str(at))
        expect(slider).to_have_value("0")
        fits(page)
    figure.get_by_label("Text to learn from").fill("ab" * 100)  # one word, at last one token
    figure.get_by_label("Merges done").fill("20")
    expect(figure.locator(".tokens").first.locator(".token").first).to_have_text(
        re.compile("(ab){9}")
    )
    fits(page)
    _, figure = open_live(live.merges, reduced_motion="reduce")
    figure.get_by_role("button", name="To the end").click()
    expect(figure.get_by_role("status")).to_contain_text("Every word is one token")
