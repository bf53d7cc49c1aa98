"""Where the book leads outside itself: every address is written as one can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

from links import fault, outside_links  # noqa: E402


def test_every_outside_address_is_well_formed(book: Path) -> None:
    found = outside_links(book)
    assert len(found) > 50
    faults = {wrong: pages for address, pages in found.items() if (wrong := fault(address))}
    assert faults == {}


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a",
        "mailto:a@example.org",
        "//example.org/a",
        "https:///a",
        "https://localhost/a",
        "https://book.invalid/a",
        "https://example.org/a b",
        "https://example.org/<a>",
    ],
)
def test_a_faulty_address_is_named(address: str) -> None:
    assert fault(address).startswith(f"{address}: ")


def test_the_list_names_the_pages(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.html").write_text(
        '<a href="https://x.org/?a=1&amp;b">x</a><a href="b/c.html">c</a>'
    )
    (tmp_path / "b" / "c.html").write_text(
        '<a href="https://x.org/?a=1&amp;b">x</a><a href="#d">d</a>'
    )
    assert outside_links(tmp_path) == {"https://x.org/?a=1&b": ["a.html", "b/c.html"]}
    assert fault("https://x.org/?a=1&b") == ""


def test_the_command_prints_a_line_for_each(book: Path) -> None:
    done = subprocess.run(
        [sys.executable, "book/links.py"], cwd=ROOT, capture_output=True, text=True
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert {line[0]: line[1:] for line in lines} == outside_links(book)
