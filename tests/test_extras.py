"""A library that is absent is named, with what installs it."""

import json

import pytest

from llm_nb.extras import library


def test_a_library_that_is_there() -> None:
    assert library("json", "tasks") is json


def test_one_that_is_not() -> None:
    with pytest.raises(ImportError, match=r"needs nowhere, .* pip install 'llm-nb\[tasks\]'"):
        library("nowhere.at_all", "tasks")
