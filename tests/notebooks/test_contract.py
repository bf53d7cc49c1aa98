"""What every chapter's notebook keeps to, and that breaking any of it is noticed."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import nbformat
import pytest
from nbformat import NotebookNode

from llm_nb import address

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES, MAX_LINES, MEDIAN_LINES, WORDS_PER_LINE = 1_500_000, 25, 5, 4
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|root|tmp|opt|work|Users|content)/|[A-Z]:\\+Users")
HTML_IMAGE_WITHOUT_ALT = re.compile(r"<img\b(?![^>]*\balt=[\"'][^\"'])[^>]*>", re.I)


def written_lines(cell: NotebookNode) -> int:
    return sum(1 for line in cell.source.splitlines() if line.strip())


def faults(notebook: NotebookNode, url: str) -> list[str]:
    """Everything in which a notebook falls short, one phrase each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    found = output_faults(code)
    first = notebook.cells[0]
    if (first.get("id"), first.source) != (address.BOOTSTRAP, address.bootstrap_source(url)):
        found.append("the first cell is not the bootstrap: llm-nb address --set")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    # The first cell counts where it was run, and need not be.
    counts = [cell.execution_count for cell in code if cell is not first or cell.execution_count]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"cells were not run once each, in order: {counts}")
    lines = [written_lines(cell) for cell in code]
    if max(lines) > MAX_LINES:
        found.append(f"a cell of {max(lines)} lines")
    if median(lines) > MEDIAN_LINES:
        found.append(f"half of the cells have {median(lines)} lines or more")
    words = sum(len(cell.source.split()) for cell in prose)
    if words < WORDS_PER_LINE * sum(lines):
        found.append(f"{words} words of prose to {sum(lines)} lines of code")
    for cell in notebook.cells:
        if MACHINE_PATH.search(cell.source):
            found.append(f"a path of one machine in cell {cell.get('id')}")
    for cell in prose:
        if re.search(r"!\[\s*\]", cell.source) or HTML_IMAGE_WITHOUT_ALT.search(cell.source):
            found.append(f"an image without alt text in cell {cell.get('id')}")
    return found


def output_faults(code: list[NotebookNode]) -> list[str]:
    """What is wrong with the stored outputs."""
    found = []
    for cell, output in [(c, output) for c in code for output in c.outputs]:
        where = f"in the output of cell {cell.get('id')}"
        if output.output_type == "error":
            found.append(f"an error {where}")
        if output.get("name") == "stderr":
            found.append(f"something on stderr {where}")
        data = output.get("data", {})
        for kind in (kind for kind in data if kind.startswith("image/")):
            if not output.metadata.get(kind, {}).get("alt", "").strip():
                found.append(f"an image without alt text {where}")
        if HTML_IMAGE_WITHOUT_ALT.search(data.get("text/html", "")):
            found.append(f"an image without alt text {where}")
        texts = [output.get("text", ""), *(v for k, v in data.items() if k.startswith("text/"))]
        if any(MACHINE_PATH.search(text) for text in texts):
            found.append(f"a path of one machine {where}")
    return found


def test_there_is_a_chapter() -> None:
    assert CHAPTERS


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_notebook_keeps_to_the_contract(path: Path) -> None:
    assert path.stat().st_size < MAX_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert faults(notebook, address.read_address(ROOT)[0]) == []


def good() -> NotebookNode:
    """A small notebook that keeps to it all."""
    v4 = nbformat.v4
    png = {"image/png": "iVBO"}
    picture = v4.new_output("display_data", png, metadata={"image/png": {"alt": "A curve."}})
    cells = [
        v4.new_code_cell(address.bootstrap_source("https://a.invalid/b"), id="bootstrap"),
        v4.new_markdown_cell("![A cat](cat.png) " + "word " * 300),
        v4.new_code_cell("1 + 1", execution_count=1, outputs=[picture]),
        v4.new_code_cell("2 + 2", execution_count=2, outputs=[v4.new_output("stream", text="4")]),
        v4.new_code_cell("3 + 3", execution_count=3),
        v4.new_code_cell("4 + 4", execution_count=4),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return v4.new_notebook(cells=cells, metadata=kernel)


def test_a_good_notebook_has_no_faults() -> None:
    assert faults(good(), "https://a.invalid/b") == []


BREAKS = {
    "cells[0].source = 'pass'": "the first cell is not the bootstrap",
    "metadata.kernelspec.name = 'r'": "the kernel is not python3",
    "cells[2].execution_count = None": "cells were not run once each",
    "cells[3].execution_count = 7": "cells were not run once each",
    "cells[2].source = 'x = 1\\n' * 26": "a cell of 26 lines",
    "cells[2].source = n.cells[3].source = n.cells[4].source = 'x = 1\\n' * 6": "half of the cells have 6",
    "cells[1].source = 'few words'": "2 words of prose to",
    "cells[2].source = 'open(\"/home/me/x\")'": "a path of one machine in cell",
    "cells[3].outputs[0].text = 'saved in /tmp/x1'": "a path of one machine in the output",
    "cells[1].source += '![](cat.png)'": "an image without alt text in cell",
    "cells[1].source += '<img src=\"cat.png\">'": "an image without alt text in cell",
    "cells[2].outputs[0].metadata = {}": "an image without alt text in the output",
    "cells[3].outputs[0].name = 'stderr'": "something on stderr",
    "cells[3].outputs[0].output_type = 'error'": "an error in the output",
}


@pytest.mark.parametrize("change", BREAKS)
def test_breaking_it_is_noticed(change: str) -> None:
    notebook = good()
    exec(f"n.{change}", {"n": notebook})
    found = faults(notebook, "https://a.invalid/b")
    assert len(found) == 1
    assert found[0].startswith(BREAKS[change])
