"""The built pages as files: links, anchors, nothing from elsewhere."""

from __future__ import annotations

import functools
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from llmnb_book import not_found  # noqa: E402

LOADING = {  # tag: attributes whose address the browser fetches without being asked
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "object": ("data",),
    "embed": ("src",),
}
LOADING_RELS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload"}


class Page(HTMLParser):
    """The ids, links and fetched addresses of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.language: str | None = None
        self.images: list[dict[str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.ids.update(filter(None, [values.get("id"), values.get("name")]))
        if tag == "html":
            self.language = values.get("lang")
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and LOADING_RELS & set(values.get("rel", "").split()):
            self.loads.append(values["href"])
        if tag == "img":
            self.images.append(values)
        self.loads += [values[key] for key in LOADING.get(tag, ()) if values.get(key)]


@functools.cache
def parsed(path: Path) -> Page:
    return Page(path)


def site_address() -> str:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return str(config["html"]["baseurl"])


def is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) and parts.scheme != "data"


def test_links_resolve(page_name: str, book: Path) -> None:
    here = book / page_name
    for link in parsed(here).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        inside = unquote(parts.path)
        if page_name == "404.html":  # addressed from the root of its host
            prefix = not_found.prefix_of(site_address())
            assert not inside or inside.startswith(prefix), f"{page_name}: {link} is relative"
            inside = inside.removeprefix(prefix)
        target = (here.parent / inside).resolve() if inside else here
        assert target.is_file(), f"{page_name}: {link} leads nowhere"
        anchor = unquote(parts.fragment)
        if anchor and target.suffix == ".html":
            assert anchor in parsed(target).ids, f"{page_name}: no anchor for {link}"


def test_nothing_from_another_host(page_name: str, book: Path) -> None:
    assert not [address for address in parsed(book / page_name).loads if is_elsewhere(address)]
    text = (book / page_name).read_text(encoding="utf-8")
    for name in ("unpkg.com", "jsdelivr", "cdnjs", "googleapis", "thebe"):
        assert name not in text, f"{page_name} speaks of {name}"


def test_styles_import_nothing(book: Path) -> None:
    for path in book.rglob("*.css"):
        text = path.read_text(encoding="utf-8").replace(" ", "")
        for way in ("@import", "url(", 'url("', "url('"):
            for scheme in ("http:", "https:", "//"):
                assert f"{way}{scheme}" not in text, f"{path.name} loads from another host"


def test_every_image_has_words(page_name: str, book: Path) -> None:
    """Sphinx writes an image's own address where alt text is missing: that does not count."""
    for image in parsed(book / page_name).images:
        alt = image.get("alt", "").strip()
        assert alt, f"{page_name}: {image}"
        assert "_images/" not in alt, f"{page_name}: {image}"


def test_language(page_name: str, book: Path) -> None:
    assert parsed(book / page_name).language == "en"


def test_no_button_leads_nowhere(book: Path, pages: list[str]) -> None:
    """While the repository's address is a placeholder, no page links to it."""
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    if not (urlsplit(url).hostname or "").endswith(".invalid"):
        return
    for name in pages:
        links = parsed(book / name).links
        assert not [link for link in links if ".invalid" in link or "colab.research" in link], name
