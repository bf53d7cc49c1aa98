"""Key terms carry their Chinese name once a chapter, as the glossary has it."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# A Chinese name may hold a Latin part: "n 元语法", "Kneser–Ney 平滑", "top-k 采样".
NAME = re.compile(r"(?:[\w–-]+ )?[\u4e00-\u9fff][\u4e00-\u9fff、–]*")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chinese_names_are_the_glossarys_and_stand_once(path):
    glossary = (ROOT / "book" / "glossary.md").read_text("utf-8")
    terms = {line.strip() for line in glossary.splitlines()}
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = Counter(NAME.findall(prose))
    assert found
    assert set(found) <= terms, "not in the glossary"
    assert max(found.values()) == 1, found.most_common(1)
