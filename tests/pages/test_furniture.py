"""What every page of a book has: head, ways on, a page for lost readers, a look on paper."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.pages.conftest import QuietHandler

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from llmnb_book import card, mends, not_found, page_head  # noqa: E402

META = re.compile(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"')


def metas(html: str) -> dict[str, str]:
    return {name: unescape(content) for name, content in META.findall(html)}


def test_every_page_says_what_it_is(pages: list[str], book: Path) -> None:
    base = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["html"]["baseurl"]
    said: dict[str, str] = {}
    for name in pages:
        html = (book / name).read_text(encoding="utf-8")
        found = metas(html)
        words = found["description"]
        assert 10 <= len(words) <= page_head.LONGEST + 2, name
        assert not re.search(r"[<>\n]|&\w+;", words), name
        said.setdefault(words, name)
        if name != "index.html":
            assert found["og:description"] == words
            assert found["og:title"] in unescape(re.sub(r"<[^>]*>", "", html))
            assert ("og:image" in found) == ('rel="canonical"' in html) == bool(base), name
        assert html.count('name="viewport"') == 1, name
        assert html.count('rel="icon"') == 1, name
    assert len(said) >= len(pages) - 1  # index.html says what book/index.html does


def test_an_address_gives_the_card_a_full_one() -> None:
    image = f"https://owner.github.io/name/{card.NAME}"
    html = page_head.tags('A "b" & <c>', "Words.", "Site", "https://owner.github.io/name/a", image)
    found = metas(html)
    assert found["og:title"] == 'A "b" & <c>'
    assert found["og:image"] == image
    assert found["og:image:alt"] == card.ALT
    assert found["twitter:card"] == "summary_large_image"
    assert "og:url" not in metas(page_head.tags("A", "Words.", "Site", "", ""))


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_site_with_an_address_states_it(tmp_path: Path, language: str) -> None:
    """In the book's own language; other languages are published elsewhere and claim none."""
    settings = {
        "extensions": ["llmnb_book.page_head", "llmnb_book.card", "llmnb_book.not_found"],
        "html_theme": "sphinx_book_theme",
        "html_title": "A site",
        "html_baseurl": "https://owner.github.io/name/",
        "language": language,
        "exercise_edition": "reader",
    }
    lines = [f"import sys\nsys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})"]
    lines += [f"{name} = {value!r}" for name, value in settings.items()]
    lines.append("def setup(app): app.add_config_value('exercise_edition', 'reader', 'env', [str])")
    (tmp_path / "conf.py").write_text("\n".join(lines))
    (tmp_path / "index.rst").write_text("First\n=====\n\n" + "Words that say something. " * 3)
    command = [sys.executable, "-m", "sphinx", "-q", ".", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    found, home = metas(html), "https://owner.github.io/name/"
    lost = (tmp_path / "out" / "404.html").read_text(encoding="utf-8")
    if language == "en":
        assert found["og:url"] == f"{home}index.html"
        assert found["og:image"] == f"{home}{card.NAME}"
        assert f'rel="canonical" href="{home}index.html"' in html
        assert 'href="/name/index.html"' in lost
    else:
        assert {"og:url", "og:image"}.isdisjoint(found)
        assert "owner.github.io" not in html + lost


def test_a_description_is_cut_after_a_word() -> None:
    assert page_head.shortened("one two, three", 9) == "one two …"
    assert page_head.shortened("语言模型是什么", 4) == "语言模型 …"
    assert page_head.shortened(" a\n b ", 9) == "a b"
    assert page_head.plain("<code>a</code> &amp; b") == "a & b"


def test_the_card_is_a_picture_of_the_stated_size(book: Path) -> None:
    data = (book / card.NAME).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    size = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert size == (card.WIDTH, card.HEIGHT) == (1200, 630)
    assert len(data) < 100_000


def contents() -> list[str]:
    """The pages of the table of contents, in its order."""
    toc, found = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")), []

    def walk(entries: list[dict]) -> None:
        for entry in entries:
            found.append(entry["file"])
            walk(entry.get("sections", []))

    for part in toc["parts"]:
        walk(part["chapters"])
    return [toc["root"], *found]


def test_every_page_leads_to_its_neighbours(book: Path) -> None:
    names = contents()
    for i, name in enumerate(names):
        html = (book / f"{name}.html").read_text(encoding="utf-8")
        ways = {
            way: (book / name).parent.joinpath(link).resolve().relative_to(book.resolve())
            for way, link in re.findall(
                r'<a class="(left-prev|right-next)"\s+href="([^"#]*)"', html
            )
        }
        wanted = {"left-prev": names[i - 1] if i else None, "right-next": [*names, None][i + 1]}
        assert {way: path.as_posix() for way, path in ways.items()} == {
            way: f"{page}.html" for way, page in wanted.items() if page
        }, name


def test_mends_change_nothing_twice(book: Path) -> None:
    """A page that an incremental build leaves as it is passes through them again."""
    for name in ("book/index.html", "book/api/text.html", "search.html"):
        html = (book / name).read_text(encoding="utf-8")
        assert mends.mend(html) == html


def test_a_lost_page_is_addressed_from_the_root() -> None:
    html = '<a href="a/b.html"></a><a href="#x"></a><a href="https://h/"></a><html data-content_root="./">'
    rooted = not_found.rooted(html, not_found.prefix_of("https://owner.github.io/name/"))
    assert rooted == (
        '<a href="/name/a/b.html"></a><a href="#x"></a><a href="https://h/"></a>'
        '<html data-content_root="/name/">'
    )
    assert not_found.rooted(rooted, "/name/") == rooted
    assert not_found.prefix_of("") == "/"


class Hosting(QuietHandler):
    """As a host of static pages serves them: ``404.html`` for whatever is not there."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        if code != 404:
            return super().send_error(code, message, explain)
        page = Path(self.directory, "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


@pytest.fixture
def host(book: Path) -> Iterator[str]:
    handler = functools.partial(Hosting, directory=str(book))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_lost_reader_finds_the_way_from_any_depth(browser: Browser, host: str) -> None:
    page, failed = browser.new_page(), []
    page.on("response", lambda answer: failed.append(answer.url) if not answer.ok else None)
    for asked in ("/nothing.html", "/notebooks/deeper/and/deeper/"):
        failed.clear()
        page.goto(host + asked)
        assert failed == [host + asked]  # styles and scripts of the page itself are found
        assert page.locator("article h1").inner_text() == "Page not found"
        page.locator("article a").first.click()
        page.wait_for_url(f"{host}/book/index.html")
    page.close()


PAPER = """() => ({
  around: [...document.querySelectorAll(
    ".bd-sidebar-primary, .bd-sidebar-secondary, .prev-next-footer, #jb-print-docs-body")]
    .filter((e) => e.checkVisibility()).length,
  closed: document.querySelectorAll("main details:not([open])").length,
  tabs: [...document.querySelectorAll(".sd-tab-content")].filter((e) => !e.checkVisibility()).length,
  wide: [...document.querySelectorAll("div.math svg")]
    .filter((e) => e.getBoundingClientRect().right > document.querySelector("article")
      .getBoundingClientRect().right + 1).length,
  theme: document.documentElement.dataset.theme,
  alive: [...document.querySelectorAll(".llm-live iframe")].filter((e) => e.checkVisibility()).length,
  pictures: [...document.querySelectorAll(".llm-live > img")].filter((e) => !e.checkVisibility()).length,
  link: getComputedStyle(document.querySelector("article p a")).color,
})"""


@pytest.mark.parametrize(
    "name",
    [
        "book/how-to-use.html",
        "notebooks/06_rnn.html",
        "notebooks/11_gpt2.html",
        "notebooks/exercises/11_gpt2.html",
        "notebooks/live_figures.html",
    ],
)
def test_on_paper(name: str, browser: Browser, site: str) -> None:
    page = browser.new_page(color_scheme="dark", viewport={"width": 700, "height": 990})
    page.goto(f"{site}/{name}", wait_until="load")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    look = page.evaluate(PAPER)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    after = page.evaluate("document.documentElement.dataset.theme")
    page.close()
    assert look == {
        "around": 0,
        "closed": 0,
        "tabs": 0,
        "wide": 0,
        "theme": "light",
        "alive": 0,
        "pictures": 0,
        "link": "rgb(0, 0, 0)",
    }
    assert after == "dark"
