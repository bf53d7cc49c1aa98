"""Every built page, opened in a real browser: light, dark and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

LOOK = """() => {
  const text = (node) => node.outerHTML.slice(0, 120);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const decorative = (img) => ["presentation", "none"].includes(img.getAttribute("role"));
  return {
    theme: document.documentElement.dataset.theme ?? null,
    headings: all("h1").filter((h) => h.innerText.trim()).length,
    noAlt: all("img").filter((i) => !decorative(i) && !(i.alt ?? "").trim()).map(text),
    broken: all("img").filter((i) => i.complete && !i.naturalWidth).map(text),
    plainMath: all(".math").filter((m) => !m.querySelector("mjx-container")).map(text),
    cutMath: all("span.math").filter((m) => getComputedStyle(m).overflowX === "hidden"
      && m.querySelector("svg")?.getBoundingClientRect().right > m.getBoundingClientRect().right + 1)
      .map(text),
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    overflowing: all("main *")
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
      .slice(0, 3).map(text),
  };
}"""
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport=DESKTOP, color_scheme="light")
    yield opened
    opened.close()


@pytest.fixture
def trouble(context: BrowserContext, site: str) -> Iterator[tuple[Page, list[str]]]:
    """A fresh page, and the list of all that goes wrong in it."""
    page, found = context.new_page(), []
    host = urlsplit(site).netloc

    def on_request(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).netloc != host:
            found.append(f"asks another host: {url}")

    page.on("request", lambda request: on_request(request.url))
    page.on("requestfailed", lambda request: found.append(f"request failed: {request.url}"))
    page.on("pageerror", lambda error: found.append(f"page error: {error}"))
    page.on(
        "console",
        lambda message: (
            found.append(f"console: {message.text}") if message.type == "error" else None
        ),
    )
    page.on(
        "response",
        lambda answer: (
            found.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
        ),
    )
    yield page, found
    page.close()


def test_page(page_name: str, trouble: tuple[Page, list[str]], site: str) -> None:
    """Loaded once, looked at three times: a light desktop, a dark one, a phone."""
    page, found = trouble
    page.goto(f"{site}/{page_name}", wait_until="load")
    if page_name == "index.html":
        page.wait_for_url(f"{site}/book/index.html", wait_until="load")
    seen = {"light": page.evaluate(LOOK)}
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'", timeout=5000)
    seen["dark"] = page.evaluate(LOOK)
    page.set_viewport_size(PHONE)
    seen["phone"] = page.evaluate(LOOK)
    assert not found
    assert seen["light"]["theme"] == "light"
    assert seen["dark"]["theme"] == "dark"
    for view, look in seen.items():
        assert look["headings"] >= 1, view
        for fault in ("noAlt", "broken", "plainMath", "cutMath"):
            assert not look[fault], f"{view}: {fault}: {look[fault]}"
        assert look["wider"] <= 0, f"{view}: {look['overflowing']}"


def test_search_finds_a_word(trouble: tuple[Page, list[str]], site: str) -> None:
    page, found = trouble
    page.goto(f"{site}/search.html?q=perplexity")
    page.wait_for_selector("#search-results li a")
    assert not found


@pytest.mark.parametrize(("size", "shown"), [(DESKTOP, "wide"), (PHONE, "narrow")])
def test_the_map_shows_one_drawing(
    size: ViewportSize, shown: str, trouble: tuple[Page, list[str]], site: str
) -> None:
    page, _ = trouble
    page.set_viewport_size(size)
    page.goto(f"{site}/book/index.html")
    for name in ("wide", "narrow"):
        assert page.locator(f".chapter-map svg.{name}").is_visible() == (name == shown)
    cut = page.evaluate(
        """(name) => [...document.querySelectorAll(`.chapter-map svg.${name} rect + text`)]
        .filter((t) => !t.classList.length)
        .filter((t) => t.getBBox().x + t.getBBox().width >
          t.previousElementSibling.getBBox().x + t.previousElementSibling.getBBox().width)
        .map((t) => t.textContent)""",
        shown,
    )
    assert not cut, f"labels wider than their boxes: {cut}"
