"""The API page lists every public module of ``llm_nb``, found on disk.

The line ``% api-modules`` (a MyST comment) in ``book/api.md`` becomes one section a module, so
a new module appears by itself. What a module only passes on is described where it is defined.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

MARKER = "% api-modules"
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


def expand(app: Sphinx, docname: str, source: list[str]) -> None:
    if MARKER in source[0]:
        modules = public_modules(Path(app.srcdir) / "llm_nb")
        sections = "\n".join(SECTION.format(name=name) for name in modules)
        source[0] = source[0].replace(MARKER, sections)


def setup(app: Sphinx) -> None:
    app.connect("source-read", expand)
