"""The first cell of a notebook, run as Colab would: it installs the package, whole, and no more."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_nb import address

ROOT = Path(__file__).resolve().parents[2]
AS_ON_COLAB = """
import json, sys, types
sys.modules["google"] = types.ModuleType("google")
sys.modules["google.colab"] = types.ModuleType("google.colab")
from IPython.core.interactiveshell import InteractiveShell
with open(sys.argv[1], encoding="utf-8") as file:
    cell = json.load(file)["cells"][0]
assert cell["id"] == "bootstrap"
InteractiveShell.instance().run_cell("".join(cell["source"])).raise_error()
import llm_nb, llm_nb.models.gpt2
print("INSTALLED", llm_nb.__path__[0])
"""


@pytest.mark.installs
def test_the_first_cell_installs_the_package(
    tmp_path: Path, venv: Callable[[str], Path], run: Callable[..., str]
) -> None:
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, clone)
    address.set_address(clone, f"file://{clone.as_posix()}")
    notebook = address.notebook_paths(clone)[0]
    cell = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
    assert f"git+file://{clone.as_posix()}" in "".join(cell["source"])

    python = venv(sys.executable)
    # The lock, so that torch is the build that this machine's tests use.
    env = os.environ | {"PIP_CONSTRAINT": str(ROOT / "constraints.txt"), "PIP_NO_COMPILE": "1"}
    env.pop("VIRTUAL_ENV", None)  # IPython would look for packages in an environment named there
    run(python, "-m", "pip", "install", "--quiet", "ipython", env=env)
    said = run(python, "-c", AS_ON_COLAB, notebook, cwd=tmp_path, env=env)
    (line,) = (line for line in said.splitlines() if line.startswith("INSTALLED "))
    installed = Path(line.removeprefix("INSTALLED "))
    assert installed.is_relative_to(tmp_path / "venv")
    tracked = run("git", "-C", clone, "ls-files", "llm_nb").split()
    assert len(tracked) > 10
    missing = [name for name in tracked if not (installed.parent / name).is_file()]
    assert not missing, f"in the repository, but not in the wheel: {missing}"
    run(python, "-m", "pip", "check", env=env)
