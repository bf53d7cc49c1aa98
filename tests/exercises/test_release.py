"""The student's notebook: stubs, no secrets anywhere, valid for Jupyter and for nbgrader."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from llm_nb.cli import main
from llm_nb.exercises.masters import (
    FOLDER,
    all_text,
    for_class,
    is_paper,
    leaked,
    read_notebook,
    role,
    secrets,
)
from llm_nb.exercises.pages import page_notebook
from llm_nb.exercises.release import student_notebook

ROOT = Path(__file__).resolve().parents[2]
MASTERS = sorted((ROOT / FOLDER).glob("*.ipynb"))
GPT2 = ROOT / FOLDER / "11_gpt2.ipynb"


@pytest.fixture
def master() -> Any:
    return read_notebook(GPT2)


@pytest.fixture(scope="module", params=[None, 2027], ids=["the book", "2027"])
def released(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the command writes for all chapters: the folder and whose numbers."""
    out = tmp_path_factory.mktemp("handout")
    options = [] if request.param is None else ["--variant", str(request.param)]
    assert main(["exercises", "release", "--root", str(ROOT), "--out", str(out), *options]) == 0
    return out, request.param


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_the_students_notebook(path: Path, released: Any) -> None:
    out, variant = released
    student, original = read_notebook(out / path.name), read_notebook(path)
    nbformat.validate(student)
    MetadataValidator().validate_nb(student)
    pieces = secrets(original) + secrets(for_class(original, path.stem, variant))
    assert len(pieces) > 40
    assert leaked(student, pieces) == []
    cells = {cell.id: cell for cell in student.cells}
    assert student.metadata.llm_nb == {"exercises": path.stem, "variant": variant}
    for cell in original.cells:
        if cell.id == "hidden-seed":
            assert cell.id not in cells
        elif is_paper(cell):
            assert cells[cell.id].source == "YOUR ANSWER HERE"
        elif role(cell).get("solution"):
            assert cells[cell.id].source.endswith(
                "# YOUR CODE HERE\n    raise NotImplementedError()"
            )
        elif role(cell).get("grade"):
            assert cells[cell.id].source.count("check(") == 1
            assert role(cells[cell.id])["points"] == role(cell)["points"]
        else:
            assert cells[cell.id].get("outputs", []) == []
    text = "\n".join(all_text(student))
    assert "HIDDEN" not in text
    assert "](../" not in text  # it travels alone: no link into the book
    assert "<!--" not in text


SECRET = "window = 4 and then position = torch.arange(n_queries)[:, None] + (n_keys - n_queries)"


def with_leaks(master: Any) -> Any:
    """The master with a solution in an output, in metadata and in an attachment."""
    leaky = copy.deepcopy(master)
    answer = next(cell for cell in leaky.cells if cell.id == "11-2-answer")
    answer.outputs = [nbformat.v4.new_output("stream", text=SECRET)]
    answer.execution_count = 1
    answer.metadata["note"] = SECRET
    paper = next(cell for cell in leaky.cells if cell.id == "11-1-answer")
    paper["attachments"] = {"a.txt": {"text/plain": SECRET}}
    leaky.metadata["note"] = SECRET
    return leaky


def test_nothing_leaks_through_outputs_metadata_or_attachments(master: Any) -> None:
    leaky, pieces = with_leaks(master), secrets(master)
    assert leaked(leaky, pieces)
    assert SECRET not in "\n".join(all_text(student_notebook(leaky, "11_gpt2")))


def test_a_secret_outside_its_markers_stops_the_release(master: Any) -> None:
    line = "position = torch.arange(n_queries)[:, None] + (n_keys - n_queries)"
    for target in ("11-2", "title"):
        careless = copy.deepcopy(master)
        next(cell for cell in careless.cells if cell.id == target).source += f"\n\n`{line}`"
        with pytest.raises(RuntimeError, match=r"still holds 'position=torch.arange"):
            student_notebook(careless, "11_gpt2")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("### END SOLUTION", "", "no end solution statement found"),
        ("### END HIDDEN TESTS", "", "No end hidden tests statement found"),
    ],
)
def test_a_broken_master_is_refused_with_nbgraders_reason(
    master: Any, old: str, new: str, reason: str
) -> None:
    cell = next(cell for cell in master.cells if old in cell.source)
    cell.source = cell.source.replace(old, new)
    with pytest.raises(RuntimeError, match=f"nbgrader refuses the master: .*{reason}"):
        student_notebook(master, "11_gpt2")


def test_the_page_has_hints_and_by_edition_solutions(master: Any) -> None:
    pieces = secrets(for_class(master, "11_gpt2", None))
    reader = page_notebook(master, "11_gpt2", "reader")
    course = page_notebook(master, "11_gpt2", "course")
    for page in (reader, course):
        nbformat.validate(page)
        text = "\n".join(cell.source for cell in page.cells)
        assert text.count("::::{dropdown} Hint ") == 15
        assert "HIDDEN" not in text
        assert "Marking" not in text
        assert "](../11_gpt2.ipynb)" in text
    shown = {cell.id for cell in reader.cells if cell.get("outputs")}
    assert shown == {"start", "11-7-train", "11-7-write"}  # the experiment, no check's verdict
    assert sum("dropdown} Solution" in cell.source for cell in reader.cells) == 8
    assert leaked(reader, pieces)
    assert leaked(course, pieces) == []
    assert not any("Solution" in cell.source for cell in course.cells)
    with pytest.raises(ValueError, match="choose 'reader' or 'course'"):
        page_notebook(master, "11_gpt2", "teacher")


def test_a_hint_that_gives_the_solution_away_stops_the_course_edition(master: Any) -> None:
    master.cells[
        1
    ].source += "\n\n`n_bytes = sum(byte_lengths[token] for token in counted.tolist())`"
    with pytest.raises(RuntimeError, match=r"still holds 'n_bytes=sum"):
        page_notebook(master, "11_gpt2", "course")


def test_the_command_refuses_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["exercises", "release", "--root", str(ROOT)]
    assert main([*command, "12", "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("llm-nb: chapter '12' has no exercises")
    assert not (tmp_path / "new").exists()
    assert main([*command, "--out", str(GPT2.parent)]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_what_is_there_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "11_gpt2.ipynb"
    target.write_text("old")
    command = ["exercises", "release", "11", "--root", str(ROOT), "--out", str(tmp_path)]
    assert main(command) == 0
    assert json.loads(target.read_text("utf-8"))["nbformat"] == 4
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
