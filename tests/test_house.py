"""The house stands as DESIGN says: floors, sizes, docstrings, one place for each thing."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_nb import address

ROOT = Path(__file__).resolve().parents[1]
# A module imports from its own package and from floors under its own.
FLOORS = {
    **dict.fromkeys(["runtime", "expect", "address", "extras", "files"], 0),
    "text": 1,
    **dict.fromkeys(["data", "models"], 2),
    **dict.fromkeys(["training", "generation", "metrics", "display", "shipped"], 3),
    "exercises": 4,
    **dict.fromkeys(["commands", "cli"], 5),
    "__main__": 6,
}
MODELS_MAY_IMPORT = {"torch", "numpy", "safetensors", "huggingface_hub"}
MAX_LINES = 300
# Hosts of package registries, and folders of one machine; each is spelt so as not to find itself.
FORBIDDEN = re.compile(
    r"(?:py" r"pi\.org|pythonhosted\.|registry\.npm" r"js|test\.py" r"pi|file:///\w"
    r"|(?<![\w.:/\"'(|\\])/(?:home|root|opt|work|Users)/\w)"
)  # fmt: skip
MODULES = sorted((ROOT / "llm_nb").rglob("*.py"))


def tracked() -> list[Path]:
    """Every file of the project that is or will be under version control."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """The text of a file; nothing for a picture or for weights."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def room(module: str) -> str:
    """`models` of `llm_nb.models.gpt2`."""
    return [*module.split("."), ""][1]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(source: str, module: str) -> Iterator[str]:
    """The modules that a source names in its imports, wherever they stand in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: write imports in full"
            base = node.module or ""
            yield from ([f"llm_nb.{a.name}" for a in node.names] if base == "llm_nb" else [base])


def floor_faults(source: str, module: str) -> list[str]:
    here, found = room(module), []
    if here not in FLOORS:
        return [f"{module}: no floor is stated for {here!r}: add it here and to DESIGN's table"]
    for name in imports(source, module):
        top = name.split(".")[0]
        if top == "llm_nb" and (there := room(name)) in FLOORS:
            if there != here and FLOORS[there] >= FLOORS[here]:
                found.append(f"{module} (floor {FLOORS[here]}) imports {name} ({FLOORS[there]})")
        elif here == "text" and top == "torch":
            found.append(f"{module} imports torch: text needs none")
        elif here == "models" and top not in MODELS_MAY_IMPORT | sys.stdlib_module_names:
            found.append(f"{module} imports {name}: models need torch only")
    return found


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module(path: Path) -> None:
    """Floors, size and docstrings of one module of the package."""
    source, module = path.read_text(encoding="utf-8"), module_name(path)
    assert len(source.splitlines()) <= MAX_LINES
    if module != "llm_nb":
        assert floor_faults(source, module) == []
    assert undocumented(source) == []


def undocumented(source: str) -> list[str]:
    """The public classes, functions and methods that have no docstring."""
    found, queue = [], [("", ast.parse(source))]
    while queue:
        prefix, parent = queue.pop()
        if not prefix and isinstance(parent, ast.Module) and not ast.get_docstring(parent):
            found.append("the module")
        for node in getattr(parent, "body", []):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                if node.name.startswith("_"):
                    continue
                if not ast.get_docstring(node):
                    found.append(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    queue.append((f"{prefix}{node.name}.", node))
    return found


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("llm_nb.text.bpe", "import torch"),
        ("llm_nb.text.bpe", "def f():\n    from torch import nn"),
        ("llm_nb.data.corpora", "from llm_nb import models"),
        ("llm_nb.models.gpt2", "import llm_nb.training.trainer"),
        ("llm_nb.models.gpt2", "import transformers"),
        ("llm_nb.generation", "from llm_nb.display.figures import plot"),
        ("llm_nb.runtime", "from llm_nb.text import bpe"),
        ("llm_nb.elsewhere", ""),
    ],
)
def test_the_floors_can_be_broken(module: str, line: str) -> None:
    assert len(floor_faults(line, module)) == 1


def test_what_the_floors_allow() -> None:
    assert floor_faults("import torch\nfrom llm_nb.text.bpe import x", "llm_nb.models.gpt2") == []
    assert floor_faults("from llm_nb.models import gpt2\nimport json", "llm_nb.generation") == []


def test_docstrings_can_be_missed() -> None:
    source = (
        '"""."""\nclass A:\n    """."""\n    def b(self): ...\n    def _c(self): ...\ndef d(): ...'
    )
    assert undocumented(source) == ["d", "A.b"]
    assert undocumented("x = 1") == ["the module"]


def test_other_files_are_short_too() -> None:
    for path in tracked():
        if path.suffix in (".py", ".js", ".css"):
            assert len(text_of(path).splitlines()) <= MAX_LINES, path.name


def test_no_function_is_defined_in_two_notebooks() -> None:
    where: Counter[str] = Counter()
    for path in address.notebook_paths(ROOT):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        where.update(set(re.findall(r"^(?:def|class) (\w+)", code, re.M)))
    assert [name for name, times in where.items() if times > 1] == []


def test_no_registry_and_no_machine_is_named() -> None:
    for text in ("see https://py" "pi.org/x", "cd /root/x", "file:///x"):  # fmt: skip
        assert FORBIDDEN.search(text)
    found = {}
    for path in tracked():
        if path.suffix not in (".ipynb", ".svg"):  # the notebooks' contract has its own look
            for line in text_of(path).splitlines():
                if FORBIDDEN.search(line) and path != Path(__file__):
                    found[path.relative_to(ROOT).as_posix()] = line.strip()[:100]
    assert found == {}


def test_the_address_stands_once() -> None:
    url = address.read_address(ROOT)[0]
    generated = {ROOT / "README.md", *address.notebook_paths(ROOT)}
    others = [p for p in tracked() if p not in generated and ROOT / "tests" not in p.parents]
    found = [path.name for path in others if url in text_of(path)]
    assert found == ["_config.yml"]


def test_readme_links_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert len(links) > 10
    gone = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert gone == []


def test_the_map_has_every_chapter() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| .*\]\((notebooks/\w+\.ipynb)\)", readme, re.M)
    chapters = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(listed) == [path.relative_to(ROOT).as_posix() for path in chapters]
