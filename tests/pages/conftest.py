"""The built book on a local server, and a real browser to open it with."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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
