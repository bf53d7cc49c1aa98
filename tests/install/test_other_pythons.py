"""The parts of the package that need no torch, on the newest Python that Colab has.

What a registry offers there may be torch's CUDA build alone, several gigabytes, so torch itself is
not installed: everything is byte-compiled, and what can be imported without torch is, and tested.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TORCH_FREE = ["llm_nb", "llm_nb.expect", "llm_nb.text.bpe", "llm_nb.data.corpora"]
TORCH_FREE += ["llm_nb.address", "llm_nb.cli"]
TESTS = ["tests/text", "tests/test_expect.py", "tests/data/test_corpora.py"]
NEEDED = ["numpy", "regex", "safetensors", "tqdm", "jieba", "nltk", "stopwordsiso"]
NEEDED += ["pytest", "pytest-timeout", "hypothesis"]


@pytest.mark.installs
@pytest.mark.parametrize("version", ["3.13"])
def test_without_torch(
    version: str,
    tmp_path: Path,
    venv: Callable[[str], Path],
    run: Callable[..., str],
    find_python: Callable[[str], str | None],
) -> None:
    if not (interpreter := find_python(version)) or interpreter == sys.executable:
        pytest.skip(f"no Python {version} here besides the one that runs these tests")
    python = venv(interpreter)
    pip = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
    run(*pip, "-c", ROOT / "constraints.txt", *NEEDED)
    run(*pip, "--no-deps", ROOT)
    code = "import llm_nb; print(llm_nb.__path__[0])"
    installed = run(python, "-c", code, cwd=tmp_path).strip()
    assert Path(installed).is_relative_to(tmp_path)
    run(python, "-m", "compileall", "-q", "-f", installed)
    code = f"import sys, {', '.join(TORCH_FREE)}; assert 'torch' not in sys.modules"
    run(python, "-c", code, cwd=tmp_path)
    # From another folder, so that what is tested is the installed package.
    env = os.environ | {"LLM_NB_DEVICE": "cpu"}
    if data := env.get("LLM_NB_DATA"):
        env["LLM_NB_DATA"] = str(Path(data).resolve())
    tests = [ROOT / name for name in TESTS]
    said = run(
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=tmp_path, env=env
    )
    # A warning, because it is shown in the summary, by parallel workers too.
    warnings.warn(
        f"Python {version}: the package byte-compiled; {len(TORCH_FREE)} modules imported and "
        f"{', '.join(TESTS)} run without torch: {said.splitlines()[-1]}; the rest was not run there.",
        stacklevel=1,
    )
