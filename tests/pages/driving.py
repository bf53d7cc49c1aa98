"""What the tests of several live figures do to the page that shows one."""

from __future__ import annotations

from playwright.sync_api import Page


def fits(page: Page) -> None:
    """Nothing is wider than its room: not the page, not the frame, not what stands in the frame."""
    inside = page.frames[1]
    places = {
        "page": page.evaluate_handle("document.documentElement"),
        "frame": inside.evaluate_handle("document.documentElement"),
        "main": inside.evaluate_handle("document.querySelector('main')"),
    }
    over = "(e) => e.scrollWidth - e.clientWidth"
    assert {name: element.evaluate(over) for name, element in places.items()} == dict.fromkeys(
        places, 0
    )


def settle(page: Page) -> None:
    """The summary waits until the reader pauses."""
    page.wait_for_timeout(250)
