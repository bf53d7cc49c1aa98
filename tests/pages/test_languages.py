"""The way to a second language, walked to its end with the few strings that are translated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def chinese(book: Path) -> Path:
    """The Chinese book; one that was built after the English one is taken as it is."""
    index = ROOT / "_build" / "html-zh_CN" / "index.html"
    if index.is_file() and index.stat().st_mtime > (book / "index.html").stat().st_mtime:
        return index.parent
    command = [sys.executable, "book/build.py", "--language", "zh_CN"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == index.as_uri()
    return index.parent


def test_first_page_is_chinese(chinese: Path) -> None:
    page = (chinese / "book" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN"' in page
    assert '<html lang="zh-CN"' in (chinese / "index.html").read_text(encoding="utf-8")
    for words, what in {
        "<h1>大语言模型笔记本": "the title",
        "这是一本由笔记本写成的教科书": "a paragraph",
        "从这里开始": "a caption of the contents",
        "三 注意力": "a part on the map",
        "注意力的数学": "a chapter on the map",
        "待写": "the map's key",
        "如何使用本书": "another page's title",
        "搜索": "the theme's own words",
    }.items():
        assert words in page, what


def test_an_unknown_language_is_one_sentence() -> None:
    command = [sys.executable, "book/build.py", "--language", "xx"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.strip().endswith("No catalogues for the language 'xx': book/locales/xx.")
