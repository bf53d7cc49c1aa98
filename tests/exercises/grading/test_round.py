"""A class of every kind goes through: what each has earned stands in the table, no more."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from tests.exercises.grading.classroom import SECRET, Kind
from tests.exercises.grading.conftest import KINDS, Graded


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_gets_what_it_earned(kind: Kind, graded: Graded) -> None:
    row = dict(graded.rows[kind.name])
    remarks = row.pop("remarks")
    assert row == kind.row
    assert kind.remark in remarks
    assert "LOOK AT IT YOURSELF" not in remarks


def test_nobody_is_missing(graded: Graded) -> None:
    assert len(KINDS) >= 50
    assert sorted(graded.rows) == sorted(kind.name for kind in KINDS)


def test_nothing_outside_was_touched(graded: Graded) -> None:
    folder = graded.world.folder
    assert (folder / "canary").read_text() == SECRET
    assert sorted(p.name for p in folder.iterdir()) == ["canary", "masters", "out", "submissions"]
    assert graded.said_to_server == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_page_runs_nothing_and_tells_no_secret(kind: Kind, graded: Graded) -> None:
    path = graded.world.folder / "out" / "feedback" / f"{kind.name}.html"
    text = path.read_text("utf-8")
    page = BeautifulSoup(text, "html.parser")
    assert page(["script", "iframe", "svg", "object", "embed", "form", "link", "base"]) == []
    attributes = [(name, str(value)) for tag in page(True) for name, value in tag.attrs.items()]
    assert [a for a in attributes if a[0].startswith("on") or "script:" in a[1].lower()] == []
    assert [tag["src"] for tag in page("img") if not tag["src"].startswith("data:image/")] == []
    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    assert "HIDDEN" not in text.replace("HIDDEN TESTS", "")
    if kind.name != "looks into memory":
        assert SECRET not in text
    assert len(text) < 2_000_000
    assert re.search(r"Score: \d+\.\d+ / 10", text)
