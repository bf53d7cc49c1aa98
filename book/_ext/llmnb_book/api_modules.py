"""The API pages list every public module of ``llm_nb``, found on disk.

The line ``% api-modules llm_nb.text`` (a MyST comment) in ``book/api/text.md`` becomes one
section for each module of that package, so a new module appears by itself. ``% api-modules``
alone, in ``book/api.md``, stands for all modules that have no such page. What a module only
passes on is described where it is defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

MARKER = re.compile(r"^% api-modules *(\S*)$", re.MULTILINE)
PAGES = Path("book", "api")
SECTION = """## `{name}`

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :ignore-module-all:
   :show-inheritance:
```
"""


def public_modules(package: Path) -> Iterator[str]:
    """Dotted names, in alphabetical order; a package comes before what it holds."""
    paths = [path.relative_to(package.parent) for path in package.rglob("*.py")]
    names = {
        path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts
        for path in paths
    }
    for parts in sorted(names):
        empty = (package.parent / Path(*parts) / "__init__.py").is_file() and not (
            package.parent / Path(*parts) / "__init__.py"
        ).read_text(encoding="utf-8").strip()
        if not empty and not any(part.startswith("_") for part in parts):
            yield ".".join(parts)


def modules_of(prefix: str, root: Path) -> list[str]:
    """The modules of one package, or (no prefix) those of packages without a page of their own."""
    names = list(public_modules(root / "llm_nb"))
    if prefix:
        return [name for name in names if f"{name}.".startswith(f"{prefix}.")]
    own = {path.stem for path in (root / PAGES).glob("*.md")}
    return [name for name in names if name.split(".")[1:2] == [] or name.split(".")[1] not in own]


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    def sections(match: re.Match[str]) -> str:
        modules = modules_of(match[1], Path(app.srcdir))
        return "\n".join(SECTION.format(name=name) for name in modules)

    source[0] = MARKER.sub(sections, source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", expand)
