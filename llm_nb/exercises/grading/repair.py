"""A submitted notebook put back into the form that was handed out, with the student's answers.

Everything but the answers comes from the notebook that was handed out: tests, locked text,
metadata, the order of the cells. Of the submission only sources are kept, its outputs never, so
no mistake and no trick in a file can break what comes after. Every repair is said in words.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader import utils

from llm_nb.exercises.grading.outputs import clean_text

MAX_FILE = 32 << 20
MAX_SOURCE = 200_000
MAX_CELLS = 1000


class Unreadable(ValueError):
    """The file is no notebook; the message says why."""


@dataclass
class SubmittedCell:
    """A cell of a submission: what of it can be used."""

    kind: str
    source: str
    id: str
    grade_id: str
    duplicate: bool = field(default=False)


def read_cells(path: Path) -> tuple[list[SubmittedCell], object]:
    """The cells of a file that a student handed in, and the variant that it says it is of.

    Raises:
        Unreadable: it is too large, or no notebook.
    """
    if path.stat().st_size > MAX_FILE:
        raise Unreadable(f"the file has over {MAX_FILE >> 20} MB")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1")
    if not text.strip():
        raise Unreadable("the file is empty")
    try:
        found = json.loads(text)
        if isinstance(found, dict) and "worksheets" in found:
            found = json.loads(nbformat.writes(nbformat.reads(text, as_version=4)))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the file is no JSON ({clean_text(str(error), 100)})") from None
    except Exception as error:
        raise Unreadable(f"an old notebook that cannot be converted ({error})"[:200]) from None
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("the file is no notebook: it has no list of cells")
    metadata = found.get("metadata")
    own = metadata.get("llm_nb") if isinstance(metadata, dict) else None
    variant = own.get("variant") if isinstance(own, dict) else None
    return [cell for entry in cells[:MAX_CELLS] if (cell := _cell(entry)) is not None], variant


def _cell(found: Any) -> SubmittedCell | None:
    if not isinstance(found, dict):
        return None
    source = found.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = found.get("metadata")
    role = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = role.get("grade_id") if isinstance(role, dict) else None
    kind = "code" if found.get("cell_type") == "code" else "markdown"
    jupyters_id, grade_id = (x if isinstance(x, str) else "" for x in (found.get("id"), grade_id))
    return SubmittedCell(kind, clean_text(source, MAX_SOURCE), jupyters_id, grade_id)


def repaired(
    cells: list[SubmittedCell], handed_out: NotebookNode
) -> tuple[NotebookNode, list[str]]:
    """The notebook to be graded, and what had to be repaired.

    Args:
        cells: of the submission, from ``read_cells``; none for a file that cannot be read.
        handed_out: what ``nbgrader generate_assignment`` made of the master.
    """
    remarks: list[str] = []
    anchors = {c.metadata.nbgrader.grade_id: c for c in handed_out.cells if _is_anchor(c)}
    chosen = _by_id(cells, anchors, remarks)
    lost = [name for name in anchors if name not in chosen]
    _by_content(cells, anchors, chosen)
    _by_place(cells, anchors, chosen)
    if not chosen:
        return NotebookNode(handed_out.copy()), ["no cell of the notebook handed out is in it"]
    _say(remarks, [name for name in lost if name in chosen], "had lost its mark: recognised")
    place = {id(cell): name for name, cell in chosen.items()}
    order = list(anchors)
    groups = _missing(cells, handed_out, remarks)
    latest, last, moved = "", -1, []
    for cell in cells:
        if (name := place.get(id(cell))) is not None:
            if order.index(name) < last:
                moved.append(name)
            latest, last = name, max(last, order.index(name))
        elif not cell.duplicate and cell.source.strip():
            groups[latest].append(_plain(cell))
    _say(remarks, moved, "was moved: put back")
    notebook = NotebookNode(nbformat=4, nbformat_minor=5, cells=groups[""])
    notebook.metadata = handed_out.metadata.copy()
    for name, original in anchors.items():
        notebook.cells.append(_restored(name, original, chosen.get(name), remarks))
        notebook.cells += groups[name]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook, remarks


def _is_anchor(cell: NotebookNode) -> bool:
    return bool(
        utils.is_grade(cell) or utils.is_solution(cell) or utils.is_locked(cell)
    ) or utils.is_task(cell)


def _by_id(
    cells: list[SubmittedCell], anchors: Any, remarks: list[str]
) -> dict[str, SubmittedCell]:
    """Cells that say which they are; of several that say the same, the last that was worked on."""
    chosen: dict[str, SubmittedCell] = {}
    for name, original in anchors.items():
        same = [cell for cell in cells if cell.grade_id == name]
        if not same:
            continue
        edited = [cell for cell in same if cell.source.strip() != original.source.strip()]
        chosen[name] = (edited or same)[-1]
        if len(same) > 1:
            remarks.append(f"cell {name} was there {len(same)} times: the last edited one counts")
        for cell in same:
            if cell is not chosen[name]:  # an earlier version may define what others use
                cell.duplicate = not (utils.is_solution(original) and cell in edited)
    return chosen


def _free(
    cells: list[SubmittedCell], anchors: Any, chosen: dict[str, SubmittedCell]
) -> list[SubmittedCell]:
    used = {id(cell) for cell in chosen.values()}
    return [c for c in cells if id(c) not in used and not c.duplicate and c.grade_id not in anchors]


def _by_content(cells: list[SubmittedCell], anchors: Any, chosen: dict[str, SubmittedCell]) -> None:
    """Cells without their mark: by Jupyter's id, by their text, by what they define."""
    for name, original in anchors.items():
        if name in chosen:
            continue
        free = _free(cells, anchors, chosen)
        found = [c for c in free if c.id and c.id == original.get("id")]
        found = found or [c for c in free if c.source.strip() == original.source.strip()]
        if not found and utils.is_solution(original) and original.cell_type == "code":
            wanted = _defined(original.source)
            found = [c for c in free if wanted and wanted <= _defined(c.source)]
        if found:
            chosen[name] = found[-1]


def _by_place(cells: list[SubmittedCell], anchors: Any, chosen: dict[str, SubmittedCell]) -> None:
    """Answers without their mark that stand alone between the right neighbours."""
    names = list(anchors)
    for number, name in enumerate(names):
        original = anchors[name]
        before = chosen.get(names[number - 1]) if number else None
        after = chosen.get(names[number + 1]) if number + 1 < len(names) else None
        if name in chosen or before is None or not utils.is_solution(original):
            continue
        start = next(i for i, cell in enumerate(cells) if cell is before) + 1
        stop = next((i for i, cell in enumerate(cells) if cell is after), len(cells))
        free = {id(cell) for cell in _free(cells, anchors, chosen)}
        kind = original.cell_type
        between = [c for c in cells[start:stop] if id(c) in free and c.kind == kind]
        if len(between) == 1:
            chosen[name] = between[0]


def _say(remarks: list[str], names: list[str], what: str) -> None:
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        remarks.append(f"cell {', '.join(names[:3])}{more} {what}")


def _missing(
    cells: list[SubmittedCell], handed_out: NotebookNode, remarks: list[str]
) -> dict[str, list[NotebookNode]]:
    """For each marked cell ("" for the beginning) the unmarked code after it that is gone."""
    there = {cell.id for cell in cells} | {cell.source.strip() for cell in cells}
    groups: dict[str, list[NotebookNode]] = {"": []}
    latest = ""
    for cell in handed_out.cells:
        if _is_anchor(cell):
            latest = cell.metadata.nbgrader.grade_id
            groups[latest] = []
        elif cell.cell_type == "code" and not {cell.get("id"), cell.source.strip()} & there:
            remarks.append(f"cell {cell.get('id')} was gone: put back")
            groups[latest].append(new_code_cell(cell.source))
    return groups


def _restored(
    name: str, original: NotebookNode, mine: SubmittedCell | None, remarks: list[str]
) -> NotebookNode:
    cell = NotebookNode(original.copy())
    answer = utils.is_solution(original) or utils.is_task(original)
    if mine is None:
        remarks.append(f"cell {name} was gone: put back" + (" without an answer" * answer))
        return cell
    if mine.kind != original.cell_type:
        remarks.append(f"cell {name} had become {mine.kind}: made {original.cell_type} again")
    if answer:
        cell.source = mine.source
    elif utils.is_grade(original) and mine.source.strip() != original.source.strip():
        remarks.append(f"test {name} had been changed: put back")
    return cell


def _plain(cell: SubmittedCell) -> NotebookNode:
    make = new_code_cell if cell.kind == "code" else new_markdown_cell
    return make(cell.source)


def _defined(source: str) -> set[str]:
    """The functions and classes that a cell defines; of a cell that is no Python, by its lines."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = [line.split("(")[0].split(":")[0].split() for line in source.splitlines()]
        return {w[1] for w in words if len(w) == 2 and w[0] in ("def", "class")}
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in body if isinstance(node, kinds)}
