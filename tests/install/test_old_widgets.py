"""The figures with controls work with the ipywidgets that Colab has, a major version behind ours."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.installs
def test_the_widgets_on_colab(colab: dict[str, str], run: Callable[..., str]) -> None:
    """tests/display/test_widgets.py once more, with the older package first on the path.

    It is installed beside this environment, once for all runs; what it needs besides its own
    small companion is here.
    """
    version = colab["ipywidgets"]
    assert version.startswith("7."), "Colab has moved on: is this test still needed?"
    folder = Path(tempfile.gettempdir(), f"llm-nb-ipywidgets-{version}")
    if not (folder / f"ipywidgets-{version}.dist-info" / "INSTALLER").is_file():
        packages = [f"ipywidgets=={version}", f"ipython-genutils=={colab['ipython-genutils']}"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        run(*pip, "--target", folder, *packages)
    path = os.pathsep.join(filter(None, [str(folder), str(ROOT), os.environ.get("PYTHONPATH")]))
    env = os.environ | {"PYTHONPATH": path, "LLM_NB_IPYWIDGETS": version}
    tests = ROOT / "tests" / "display" / "test_widgets.py"
    said = run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=ROOT, env=env
    )
    assert " passed" in said
    assert "skipped" not in said
