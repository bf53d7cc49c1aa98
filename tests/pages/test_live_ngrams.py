"""The live n-gram figure in a real browser: typed into, its order and smoothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from llm_nb.display import live
from llm_nb.models.ngram import AddK, KneserNey
from tests.pages.driving import fits

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator

TRAIN = "she sells sea shells on the sea shore, and the shells she sells are sea shells. " * 30
HELD_OUT = "she sees the sea. " * 20
TEXT = "she sells shells"


def figure_of() -> None:
    live.ngrams(TRAIN, HELD_OUT, TEXT, {"gzip": 2.5, "xz": 3.5})


def says(figure: FrameLocator, *parts: str) -> None:
    """Waits until the summary holds ``parts``."""
    for part in parts:
        expect(figure.get_by_role("status")).to_contain_text(part)


def bits(model: AddK | KneserNey, text: str) -> str:
    return f"pays {-model.log2_probs(list(text.encode())).sum():.1f} bits"


def test_the_reader_types_and_chooses(open_live) -> None:
    _, figure = open_live(figure_of, width=390)
    model = KneserNey(4, 256).fit(list(TRAIN.encode()))
    says(figure, "The 4-gram model", bits(model, TEXT), "16 bytes")
    cells = figure.locator(".strip .cell")
    assert cells.count() == len(TEXT)

    figure.get_by_label("Your text").fill("she sells 海")
    says(figure, bits(model, "she sells 海"), "13 bytes", "“海”")
    assert cells.count() == 11

    order, k = (figure.get_by_role("slider").nth(i) for i in range(2))
    assert k.is_disabled()  # until it is asked for
    order.fill("0")
    says(figure, "An even guess", "104.0 bits", "8.00 bits per byte")
    order.press("ArrowRight")  # the keyboard reaches it
    says(figure, "The 1-gram model")

    order.fill("3")
    figure.get_by_label("Smoothing").select_option("add")
    k.fill("-3")
    says(figure, "The 3-gram model")
    says(figure, bits(AddK(3, 256, k=0.001).fit(list(TRAIN.encode())), "she sells 海"))
    rates = figure.get_by_label("Bits per byte", exact=True).locator(".number")
    model = AddK(3, 256, k=0.001).fit(list(TRAIN.encode()))
    paid = -model.log2_probs(list(HELD_OUT.encode())).mean()
    expect(rates.nth(1)).to_have_text(f"{paid:.2f}")
    expect(rates.nth(2)).to_have_text("2.50")


def likeliest_after(text: str) -> str:
    model = KneserNey(4, 256).fit(list(TRAIN.encode()))
    return chr(int(model.next_probs(list(text.encode())).argmax()))


def test_what_may_come_at_the_cursor(open_live) -> None:
    page, figure = open_live(figure_of, theme="dark", width=390)
    box = figure.get_by_label("Your text")
    first = figure.get_by_label("Probability of the next character").locator(".label").first
    assert likeliest_after("she se") != likeliest_after("sh")
    box.fill("she se")
    expect(first).to_have_text(likeliest_after("she se"))
    box.press("Home")
    box.press("ArrowRight")
    box.press("ArrowRight")
    expect(first).to_have_text(likeliest_after("sh"))
    box.fill("")
    says(figure, "Type a text")
    fits(page)
