"""axe-core on every built page: light, dark, and the rules of layout on a phone.

The rules of WCAG 2.2, levels A and AA, and axe's best practices. Any finding fails, whatever its
impact; the table of all is shown at the end of the run.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from llmnb_book import npm  # noqa: E402

IMPACTS = ("critical", "serious", "moderate", "minor")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a narrow screen can change: other buttons are shown, and more of the page scrolls.
ON_A_PHONE = [
    "aria-hidden-focus",
    "button-name",
    "label-content-name-mismatch",
    "link-name",
    "scrollable-region-focusable",
    "target-size",
]
RUN = """(only) => axe.run(document, {
  runOnly: only, resultTypes: ["violations"], preload: false
}).then((result) => result.violations.map((v) => ({
  id: v.id, impact: v.impact, help: v.help,
  nodes: v.nodes.map((n) => n.target.flat().join(" ")),
})))"""
# A live figure starts when it is near; then its picture is hidden.
WAKE = """async () => {
  for (const box of document.querySelectorAll(".llm-live")) {
    box.scrollIntoView();
    const picture = box.querySelector("iframe + img");
    for (let i = 0; i < 200 && picture.style.display !== "none"; i++)
      await new Promise((done) => setTimeout(done, 25));
    if (picture.style.display !== "none") throw new Error("a live figure did not start");
  }
}"""
Finding = dict[str, Any]


@pytest.fixture(scope="module")
def axe() -> Callable[..., list[Finding]]:
    """``axe(page, only)``: what axe finds in a page and in its frames by tags or rules."""
    source = (npm.ensure(npm.AXE, ROOT) / "axe.min.js").read_text(encoding="utf-8")

    def run(page: Page, only: list[str]) -> list[Finding]:
        for frame in page.frames:
            if not frame.evaluate("() => !!window.axe"):
                frame.evaluate(source)
        findings: list[Finding] = page.evaluate(RUN, only)
        return findings

    return run


def table(rows: dict[tuple[str, str], list[Finding]]) -> str:
    """Pages and views by the number of findings of each impact, then what was found."""
    lines = [f"{'page':42}{'view':>7}" + "".join(f"{impact:>10}" for impact in IMPACTS)]
    for (page, view), findings in rows.items():
        counts = Counter(finding["impact"] for finding in findings)
        numbers = "".join(f"{counts[impact]:>10}" for impact in IMPACTS)
        lines.append(f"{page:42}{view:>7}{numbers}")
    kinds = Counter((f["id"], f["impact"], f["help"]) for row in rows.values() for f in row)
    lines += [
        f"{times} × {rule} ({impact}): {help}" for (rule, impact, help), times in kinds.items()
    ]
    return "\n".join(lines)


def in_words(findings: list[Finding]) -> list[str]:
    return [f"{finding['id']}: {finding['nodes'][:3]}" for finding in findings]


def test_axe_finds_nothing_on_any_page(
    browser: Browser,
    site: str,
    pages: list[str],
    axe: Callable[..., list[Finding]],
    record_property: Callable[[str, object], None],
) -> None:
    context = browser.new_context(reduced_motion="reduce", color_scheme="light")
    rows: dict[tuple[str, str], list[Finding]] = {}
    for name in pages:
        if name == "index.html":
            continue  # it leads to book/index.html at once, which is here by itself
        page = context.new_page()
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{site}/{name}", wait_until="load")
        page.add_style_tag(content="* { transition: none !important }")
        page.evaluate(WAKE)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
            rows[name, theme] = axe(page, TAGS)
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(400)  # the theme makes what scrolls a tab stop 300 ms after a resize
        rows[name, "phone"] = axe(page, ON_A_PHONE)
        page.close()
    context.close()
    shown = table(rows)
    record_property("shown", "\n" + shown)
    faults = {key: found for key, row in rows.items() if (found := in_words(row))}
    assert faults == {}, shown


def test_axe_would_see_a_fault_in_a_page_and_in_a_frame(
    browser: Browser, site: str, axe: Callable[..., list[Finding]]
) -> None:
    page = browser.new_page()
    page.goto(f"{site}/404.html")
    page.evaluate(
        """() => {
        document.querySelector("article").innerHTML = `<h1>T</h1>
          <p style="color: #999; background: #fff">pale</p>
          <iframe title="live"
            srcdoc="<html lang='en'><body><main><button></button></main></body></html>"></iframe>`;
        }"""
    )
    page.frame_locator("iframe").locator("button").wait_for(state="attached")
    found = {finding["id"]: finding["nodes"] for finding in axe(page, TAGS)}
    page.close()
    assert "color-contrast" in found
    assert found["button-name"] == ["iframe button"]
