"""What a page weighs, and what it shows before any script has run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Response

HEAVIEST = 1_500_000  # bytes of all that a page loads, not compressed
# The words of the page's own part that somebody without scripts does not see. Folds and tabs open
# without any; the rest must be there at once.
UNSEEN = """() => {
  const article = document.querySelector("article.bd-article, .bd-search-container");
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  const unseen = [];
  let seen = 0;
  while (walker.nextNode()) {
    const [text, parent] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
    if (!text || parent.closest(
      "script, style, noscript, details, .sd-tab-content, mjx-assistive-mml, .headerlink, " +
      "svg title, svg desc, svg.narrow"
    )) continue;
    const visible = parent.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (visible) seen += text.length;
    else unseen.push(text.slice(0, 60));
  }
  return { seen, unseen };
}"""
PICTURES = """() => ({
  broken: [...document.querySelectorAll("article img:not(.toggler)")]
    .filter((i) => i.loading !== "lazy" && !(i.complete && i.naturalWidth && i.checkVisibility()))
    .map((i) => i.src.slice(-60)),
  flat: [...document.querySelectorAll("article mjx-container > svg")]
    .filter((s) => !s.closest("details") && !(s.getBoundingClientRect().width > 1)).length,
  blank: [...document.querySelectorAll("article mjx-container use")]
    .filter((u) => {
      const glyph = document.getElementById(u.getAttribute("xlink:href").slice(1));
      return !(glyph instanceof SVGPathElement) || (glyph.getAttribute("d") &&
        !u.closest("details, .sd-tab-content") && !(u.getBoundingClientRect().width > 0));
    }).length,
  ink: getComputedStyle(document.querySelector("main h1")).color,
  paper: getComputedStyle(document.body).backgroundColor,
})"""


@pytest.fixture(scope="module")
def scriptless(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(java_script_enabled=False, color_scheme="light")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browsing(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context()
    yield opened
    opened.close()


def test_a_page_is_light(page_name: str, browsing: BrowserContext, site: str) -> None:
    """Every answer counts with its full size, whether or not the browser had it already."""
    page, sizes = browsing.new_page(), {}

    def weigh(answer: Response) -> None:
        if answer.url.startswith(site) and not answer.url.endswith("/"):
            sizes[answer.url.removeprefix(site)] = int(answer.headers["content-length"])

    page.on("response", weigh)
    page.goto(f"{site}/{page_name}", wait_until="load")
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.close()
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:4]
    assert sizes[f"/{page_name}"] > 0
    assert sum(sizes.values()) <= HEAVIEST, f"{sum(sizes.values())} bytes, most of them {largest}"


def test_a_page_is_readable_without_scripts(
    page_name: str, scriptless: BrowserContext, site: str
) -> None:
    page = scriptless.new_page()
    page.goto(f"{site}/{page_name}", wait_until="load")
    if page_name == "index.html":
        page.wait_for_url(f"{site}/book/index.html")
    words, pictures = page.evaluate(UNSEEN), page.evaluate(PICTURES)
    page.close()
    assert words["unseen"] == []
    assert words["seen"] > (5 if page_name == "search.html" else 50)
    assert pictures["broken"] == []
    assert (pictures["flat"], pictures["blank"]) == (0, 0)
    assert pictures["ink"] != pictures["paper"]
    assert pictures["ink"] not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
