"""What every master notebook keeps to: its form, its numbers, its agreement with the checks."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from math import log
from pathlib import Path
from typing import Any

import nbformat
import pytest

from llm_nb import address
from llm_nb.exercises.c11_gpt2 import CHOICES, Parameters
from llm_nb.exercises.chapters import chapter_module, chapter_modules, exercises_of, parameters_of
from llm_nb.exercises.masters import (
    FOLDER,
    MARKING,
    filled,
    for_class,
    is_paper,
    leaked,
    master_path,
    read_notebook,
    role,
    secrets,
)
from llm_nb.models.gpt2 import GPT2Config

ROOT = Path(__file__).resolve().parents[2]
MASTERS = sorted((ROOT / FOLDER).glob("*.ipynb"))
HEADING = re.compile(r"## (\d\d\.\d+) (.+)\n\n\*(.+) · (●+○*) · (\d+) minutes · (\d+) points\*\n")


def headings(notebook: Any) -> list[tuple[str, str, str, int, int, int]]:
    """Number, title, kind, difficulty, minutes and points of every exercise."""
    found = [m for c in notebook.cells if (m := HEADING.match(c.source))]
    return [(m[1], m[2], m[3], m[4].count("●"), int(m[5]), int(m[6])) for m in found]


@pytest.fixture(params=MASTERS, ids=lambda path: path.stem)
def master(request: pytest.FixtureRequest) -> Any:
    return read_notebook(request.param)


def test_every_chapter_with_checks_has_a_master_and_every_master_checks() -> None:
    assert [path.stem for path in MASTERS] == [module.NAME for module in chapter_modules()]
    for path in MASTERS:
        assert master_path(ROOT, path.stem) == path
        assert (path.parents[1] / path.name).is_file(), "the chapter of the same name"


def test_its_form(master: Any) -> None:
    nbformat.validate(master)
    first = master.cells[0]
    wanted = (address.BOOTSTRAP, address.bootstrap_source(address.read_address(ROOT)[0]))
    assert (first.id, first.source) == wanted
    assert master.metadata.kernelspec.name == "python3"
    for cell in master.cells:
        assert role(cell).get("grade_id", cell.id) == cell.id
        if cell.cell_type == "code":
            assert all(output.get("name") == "stdout" for output in cell.outputs)
            assert len(cell.source.splitlines()) <= 25
            visible = re.sub(r"### BEGIN.*?### END[^\n]*", "", cell.source, flags=re.S)
            assert "HIDDEN" not in visible or cell.metadata.tags == ["instructor"]
        elif not is_paper(cell):
            assert "Solution" not in cell.source
    code = [cell for cell in master.cells[1:] if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    assert counts[0]
    assert counts == list(range(counts[0], counts[0] + len(counts))), "run it: make notebooks"


def test_what_issue_and_design_ask_of_a_set(master: Any) -> None:
    kinds = [kind for _, _, kind, *_ in headings(master)]
    assert kinds.count("Paper") >= 2
    assert sum(kind in ("Code", "Mend") for kind in kinds) >= 4
    assert "Mend" in kinds
    assert any("Open" in kind for kind in kinds)


def test_headings_table_points_and_checks_agree(master: Any) -> None:
    found = headings(master)
    chapter = found[0][0][:2]
    assert [row[0] for row in found] == [f"{chapter}.{i + 1}" for i in range(len(found))]
    assert sum(cell.source.startswith("## ") for cell in master.cells) == len(found)
    table = master.cells[1].source
    exercises = exercises_of(chapter_module(chapter))
    for number, title, kind, difficulty, minutes, points in found:
        level = "●" * difficulty + "○" * (3 - difficulty)
        row = re.search(
            rf"^\| {re.escape(number)} (.+?) \| .+ \| (●+○*) \| (\d+) \| (\d+) \|$", table, re.M
        )
        assert row
        assert row.groups() == (title, level, str(minutes), str(points))
        graded = [c for c in master.cells if c.id.startswith(number.replace(".", "-") + "-")]
        given = sum(role(cell).get("points", 0) for cell in graded)
        assert given == points
        if kind in ("Code", "Mend"):
            e = exercises.pop(number)
            assert (e.title, e.difficulty, e.minutes, e.points) == (
                title,
                difficulty,
                minutes,
                points,
            )
    assert not exercises


def test_paper_questions_have_marking_notes(master: Any) -> None:
    answers = [cell for cell in master.cells if is_paper(cell)]
    assert answers
    for cell in answers:
        answer, _, notes = cell.source.partition(MARKING)
        assert len(answer.split()) > 50
        assert len(notes.split()) > 10


def test_every_number_at_a_mark_is_the_computed_one(master: Any) -> None:
    own = parameters_of(chapter_module(headings(master)[0][0][:2]), None)
    marks = 0
    for cell in master.cells:
        assert filled(cell.source, own) == cell.source
        marks += cell.source.count("<!-- ") + cell.source.count("# variant: ")
    name = next(iter(vars(own)))  # any other number of a class
    changed = [filled(cell.source, replace(own, **{name: 896})) for cell in master.cells]
    assert changed != [cell.source for cell in master.cells]
    assert marks > 20


def test_a_class_gets_other_numbers_everywhere(master: Any) -> None:
    chapter = headings(master)[0][0][:2]
    own = for_class(master, chapter, None)
    opened = {row[0].replace(".", "-") + "-answer" for row in headings(master) if "Open" in row[2]}
    for variant in (2027, 2028):
        other = for_class(master, chapter, variant)
        for before, after in zip(own.cells, other.cells, strict=True):
            assert "<!--" not in after.source
            assert "# variant" not in after.source
            checks = re.findall(r'\bcheck\("[\d.]+", \w+(.*?)\)', after.source)
            assert all(f"variant={variant}" in more for more in checks)
            if "-answer" in before.id and before.id not in opened:
                assert before.source != after.source, before.id
    assert for_class(master, chapter, 2027) == for_class(master, chapter, 2027)
    assert other.metadata.llm_nb == {"exercises": chapter_module(chapter).NAME, "variant": 2028}


def test_a_class_never_gets_the_books_number(master: Any) -> None:
    module = chapter_module(headings(master)[0][0][:2])
    own = parameters_of(module, None)
    for variant in range(2024, 2064):
        theirs = parameters_of(module, variant)
        for name, options in module.CHOICES.items():
            assert getattr(theirs, name) in options
            assert getattr(own, name) in options
            assert getattr(theirs, name) != getattr(own, name)


def test_hints_and_messages_do_not_quote_the_solution(master: Any) -> None:
    chapter = headings(master)[0][0][:2]
    pieces = secrets(for_class(master, chapter, None))
    for exercise in exercises_of(chapter_module(chapter)).values():
        told = [*exercise.hints, *(wrong.message for wrong in exercise.wrong)]
        assert leaked(nbformat.v4.new_notebook(metadata={"told": told}), pieces) == []


# -- chapter 11's numbers --------------------------------------------------------------------


def test_parameters_of_11_1_are_those_of_a_model() -> None:
    """Against the model itself, not the formula again."""
    import torch

    from llm_nb.models.gpt2 import GPT2

    for variant in (None, 2027, 2028):
        p = parameters_of(chapter_module("11"), variant)
        sizes = {"vocab_size": p.vocab_size, "context": p.context, "d_model": p.d_model}
        with torch.device("meta"):
            model = GPT2(GPT2Config(n_layers=p.n_layers, n_heads=8, **sizes))
        counted = {name: w.numel() for name, w in model.named_parameters()}
        assert p.n_parameters == sum(counted.values())
        assert p.n_table == counted["wte.weight"]
        assert p.n_block == sum(n for name, n in counted.items() if name.startswith("blocks.0."))
        assert p.n_untied == p.n_parameters + counted["wte.weight"]


def test_every_choice_keeps_what_the_answers_say() -> None:
    for nats, size, per_byte in product(
        CHOICES["nats_words"], CHOICES["bytes_words"], CHOICES["nats_bytes"]
    ):
        p = Parameters(nats_words=nats, bytes_words=size, nats_bytes=per_byte)
        assert p.bits_words < p.bits_bytes - 0.02  # "the first predicts the text better"
        assert p.nats_words > p.nats_bytes  # "though its loss is the larger number"
        assert p.kilobytes_words == pytest.approx(1e6 * nats / log(2) / size / 8 / 1000)
    for d_model in CHOICES["d_model"]:
        assert 3.99 < Parameters(d_model=d_model).width_factor < 4  # "almost four"
        assert d_model % 8 == 0  # eight heads


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_the_instructors_page_counts_the_points(path: Path) -> None:
    points = sum(row[-1] for row in headings(read_notebook(path)))
    page = (ROOT / "book" / "instructors.md").read_text(encoding="utf-8")
    assert re.search(rf"/{path.name}\) (has such a set|one) with {points} points", page)


def test_the_two_shapes_of_11_8_have_equal_blocks() -> None:
    wide, deep = Parameters(d_model=256, n_layers=2), Parameters(d_model=128, n_layers=8)
    assert f"{wide.n_blocks / 1e6:.1f} {deep.n_blocks / 1e6:.1f}" == "1.6 1.6"
