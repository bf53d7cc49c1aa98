#!/usr/bin/env python3
"""List where the built book leads: ``python book/links.py`` (``make links``).

One line for each address outside the book, with the pages on which it stands. ``--check`` asks
those of the sources over the network, with Sphinx's own linkcheck builder; what it finds is in
``_build/linkcheck/output.txt``.
"""

from __future__ import annotations

import argparse
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "_build" / "html"


class Links(HTMLParser):
    """The addresses outside the book to which one page links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href") or ""
        if tag == "a" and (urlsplit(address).scheme or urlsplit(address).netloc):
            self.found.add(address)


def outside_links(book: Path) -> dict[str, list[str]]:
    """Addresses, in alphabetical order, and the pages of the built book that link to them."""
    where: dict[str, list[str]] = {}
    for path in sorted(book.rglob("*.html")):
        for address in Links(path.read_text(encoding="utf-8")).found:
            where.setdefault(address, []).append(path.relative_to(book).as_posix())
    return dict(sorted(where.items()))


def fault(address: str) -> str:
    """What is wrong with an address as it is written; "" if nothing is."""
    parts = urlsplit(address)
    if parts.scheme != "https":
        return f"{address}: write https://"
    host = parts.hostname or ""
    if "." not in host or host.startswith(".") or host.endswith((".", ".invalid", ".example")):
        return f"{address}: {host!r} is no host"
    if not address.isascii() or any(c in address for c in " \t\"'<>\\^`{|}"):
        return f"{address}: it holds a character that an address may not hold unescaped"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description="List where the built book leads.")
    parser.add_argument("--check", action="store_true", help="ask every address (needs a network)")
    if parser.parse_args().check:
        sys.path.insert(0, str(ROOT / "book"))
        from build import check_links

        check_links()
        return
    if not (BOOK / "index.html").is_file():
        sys.exit("The book is not built: run `make book` first.")
    for address, pages in outside_links(BOOK).items():
        print(address, *pages, sep="\t")


if __name__ == "__main__":
    main()
