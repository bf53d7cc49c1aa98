"""The live n-gram figure in a real browser: typed into, its order and smoothing changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from llm_nb.display.live.frame import document
from llm_nb.display.live.ngrams import ngrams_data
from llm_nb.models.ngram import AddK, KneserNey

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TRAIN = "she sells sea shells on the sea shore, and the shells she sells are sea shells. " * 30
TEXT = "she sells shells"


@pytest.fixture
def page(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    opened, errors = browser.new_page(viewport={"width": 390, "height": 800}), []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    data = ngrams_data(TRAIN, "she sees the sea. " * 20, TEXT, {"gzip": 2.5, "xz": 3.5})
    opened.set_content(document("ngrams", data, "Live figure"), wait_until="load")
    yield opened, errors
    opened.close()


def summary(page: Page, *parts: str) -> str:
    """What the figure says, once it says ``parts``."""
    said = page.locator(".summary")
    for part in parts:
        said.filter(has_text=part).wait_for(timeout=5000)
    return said.inner_text()


def bits(page: Page) -> float:
    return float(re.search(r"pays ([\d.]+) bits", page.locator(".summary").inner_text())[1])  # type: ignore[index]


def test_the_reader_types_and_chooses(page: tuple[Page, list[str]]) -> None:
    opened, errors = page
    model = KneserNey(4, 256).fit(list(TRAIN.encode()))
    summary(opened, "The 4-gram model", "16 bytes")
    assert bits(opened) == pytest.approx(-model.log2_probs(list(TEXT.encode())).sum(), abs=0.06)
    assert opened.locator(".strip .cell").count() == len(TEXT)

    box = opened.get_by_label("Your text")
    box.fill("she sells 海")
    summary(opened, "13 bytes", "“海”")
    assert opened.locator(".strip .cell").count() == 11

    order, k = opened.get_by_role("slider").nth(0), opened.get_by_role("slider").nth(1)
    assert k.is_disabled()  # until it is asked for
    order.fill("0")
    summary(opened, "An even guess", "104.0 bits", "8.00 bits per byte")
    order.press("ArrowRight")  # the keyboard reaches it
    summary(opened, "The 1-gram model")

    order.fill("3")
    opened.get_by_label("Smoothing").select_option("add")
    k.fill("-3")
    summary(opened, "The 3-gram model")
    opened.wait_for_timeout(300)
    added = AddK(3, 256, k=0.001).fit(list(TRAIN.encode()))
    assert bits(opened) == pytest.approx(
        -added.log2_probs(list("she sells 海".encode())).sum(), abs=0.06
    )
    assert errors == []


def likeliest_after(text: str) -> str:
    model = KneserNey(4, 256).fit(list(TRAIN.encode()))
    return chr(int(model.next_probs(list(text.encode())).argmax()))


def test_what_may_come_at_the_cursor(page: tuple[Page, list[str]]) -> None:
    opened, errors = page
    box = opened.get_by_label("Your text")
    box.fill("she se")
    first = opened.get_by_label("Probability of the next character").locator("li").first
    first.filter(has_text=likeliest_after("she se")).wait_for(timeout=5000)
    box.press("Home")
    box.press("ArrowRight")
    first.filter(has_text=likeliest_after("s")).wait_for(timeout=5000)
    box.fill("")
    summary(opened, "Type a text")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert errors == []
