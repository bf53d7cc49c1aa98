"""The built book on a local server, and a real browser to open it with."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

    from llm_nb.models.gpt2 import GPT2

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def built_pages(root: Path = BOOK) -> list[str]:
    """Every page of the book, as a path under ``root``; [] before it is built."""
    files = (path.relative_to(root).as_posix() for path in root.rglob("*.html"))
    return sorted(name for name in files if not name.startswith(("_static/", "_sources/")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``page_name`` runs once for every built page."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", built_pages() or ["no page at all"])


@pytest.fixture(scope="session")
def book() -> Path:
    if not (BOOK / "index.html").is_file():
        pytest.fail("the book is not built: run `make book` first", pytrace=False)
    return BOOK


@pytest.fixture(scope="session")
def pages(book: Path) -> list[str]:
    return built_pages(book)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def site(book: Path) -> Iterator[str]:
    """The address of a local server of the built book."""
    handler = functools.partial(QuietHandler, directory=str(book))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def no_browser(reason: str) -> None:
    """Skip with ``reason``, but never where it would hide something: in CI it is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must look at the pages", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        no_browser("no Chromium found (set CHROMIUM, or install one)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        no_browser('playwright is not installed (pip install -e ".[test]")')
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def model() -> GPT2:
    """The microworld's GPT-2, for the figures that show a trained model."""
    from llm_nb.shipped import microworld_model

    return microworld_model("gpt2")  # type: ignore[return-value]


@pytest.fixture
def open_live(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Page, FrameLocator]]]:
    """Opens what a call displays (``lambda: live.attention(…)``) in a page of its own.

    Returns the page, whose one frame is the figure, and the frame. Whatever goes wrong in it, and
    whatever it asks of another place, fails the test at its end.
    """
    from llm_nb.display.live import frame

    shown: list[str] = []
    monkeypatch.setattr(frame, "display", lambda data, **_: shown.append(data["text/html"]))
    trouble: list[str] = []
    opened: list[Page] = []

    def open_(call: Callable[[], None], theme: str = "light", width: int = 900, **options: Any):
        call()
        file = tmp_path / f"{len(opened)}.html"
        head = f'<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8">'
        head += '<meta name="viewport" content="width=device-width"><title>A figure</title>'
        file.write_text(f"{head}<body>{shown.pop()}</body></html>", encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        opened.append(page)
        page.on("pageerror", lambda error: trouble.append(f"page error: {error}"))
        page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
        page.on(
            "request", lambda asked: trouble.append(asked.url) if elsewhere(asked.url) else None
        )
        page.goto(file.as_uri())
        page.wait_for_function("document.querySelector('.llm-live img').style.display === 'none'")
        return page, page.frame_locator("iframe")

    def elsewhere(url: str) -> bool:
        return not url.startswith((tmp_path.as_uri(), "data:", "blob:", "about:"))

    yield open_
    for page in opened:
        page.close()
    assert not trouble
