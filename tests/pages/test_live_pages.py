"""The live figures on the pages of the built book: alive, fitting, and replaced where they cannot live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pages.conftest import BOOK, built_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LIVE_PAGES = [
    name for name in built_pages() if 'class="llm-live"' in (BOOK / name).read_text("utf-8")
]
# Scrolled to one by one, since a frame loads when it is near.
LOOK = """async () => {
  const found = [];
  for (const box of document.querySelectorAll(".llm-live")) {
    const [frame, picture] = [box.querySelector("iframe"), box.querySelector("iframe + img")];
    box.scrollIntoView();
    for (let i = 0; i < 100 && picture.style.display !== "none"; i++)
      await new Promise((done) => setTimeout(done, 50));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)));
    const inside = frame.contentDocument;
    const [root] = inside.getElementsByTagName("main");
    const inputs = [...root.querySelectorAll("input, select, textarea, button")];
    found.push({
      name: frame.title,
      alive: picture.style.display === "none" && root.children.length > 0,
      high: frame.offsetHeight - Math.ceil(root.getBoundingClientRect().height),
      theme: inside.documentElement.dataset.theme,
      wide: inside.documentElement.scrollWidth - inside.documentElement.clientWidth,
      said: [...root.querySelectorAll(".summary")].find((s) => s.checkVisibility())?.textContent ?? "",
      nameless: inputs.filter((i) => !i.labels?.length && !i.textContent.trim() && !i.ariaLabel)
        .map((i) => i.outerHTML.slice(0, 100)),
    });
  }
  return found;
}"""
VIEWS = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}


def test_there_are_live_pages(book: Path) -> None:
    assert "notebooks/live_figures.html" in LIVE_PAGES


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", LIVE_PAGES or ["no page at all"])
def test_every_figure_is_alive(name: str, view: str, browser: Browser, site: str) -> None:
    width, theme = VIEWS[view]
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}/{name}")
    found = page.evaluate(LOOK)
    sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.close()
    assert found
    for figure in found:
        assert figure["alive"], figure
        assert figure["said"], f"{figure['name']} says nothing in words"
        assert not figure["nameless"], figure
        assert (figure["high"], figure["theme"]) == (0, theme), figure
        assert figure["wide"] <= 0, figure
    assert sideways <= 0
    assert not errors


@pytest.mark.parametrize("name", LIVE_PAGES or ["no page at all"])
def test_without_scripts_a_picture_is_there(name: str, browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{name}")
    boxes = page.locator(".llm-live")
    for i in range(boxes.count()):
        picture = boxes.nth(i).locator("img")
        assert picture.is_visible()
        assert len(picture.get_attribute("alt") or "") > 20
        assert boxes.nth(i).bounding_box()["height"] < picture.bounding_box()["height"] + 20  # type: ignore[index]
    context.close()
