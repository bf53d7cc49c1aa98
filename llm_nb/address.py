"""The repository's address: it stands once, in `_config.yml`, and everything else follows from it.

`llm-nb address` shows it, `--set URL` writes it there and rewrites the first cell and the "Open in
Colab" link of every notebook and of the README, `--check` names the files that differ from it.
Until the owner publishes, it is a placeholder under `.invalid`, a top-level domain that RFC 2606
reserves: nobody can register it, so no installer can ever be led to a stranger's package.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BOOTSTRAP, COLAB = "bootstrap", "open-in-colab"  # the ids of the two cells that are generated
README_BLOCK = re.compile(r"(?<=<!-- address -->\n).*?(?=<!-- /address -->)", re.S)
# `repository:` at the margin, then its indented lines (or blanks) up to `url:` or `branch:`.
_FIELD = r"(?m)^(repository:[^\n]*\n(?:[ \t#][^\n]*\n|\n)*?[ \t]+{name}[ \t]*:[ \t]*)([^\s#]+)"


def is_placeholder(url: str) -> bool:
    """Whether `url` is the placeholder that stands there until the owner publishes."""
    return (urlsplit(url).hostname or "").endswith(".invalid")


def checked(url: str) -> str:
    """`url` without a closing slash or `.git`; ValueError where pip could not install from it."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "file") or not parts.path.strip("/"):
        raise ValueError(f"{url!r} is not an address: write https://host/owner/name.")
    if not re.fullmatch(r"[\w.:/~+-]+", url):  # a shell and a markdown link must take it as it is
        raise ValueError(
            f"{url!r} may hold letters, digits and . : / ~ + - _ alone: leave out more."
        )
    return url.rstrip("/").removesuffix(".git")


def find_root(start: Path | None = None) -> Path:
    """The checkout's folder: the nearest one at or above `start` that has a `_config.yml`."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "_config.yml").is_file():
            return folder
    raise ValueError(f"No _config.yml in {start} or above it: run this inside the book's checkout.")


def _field(config: str, name: str) -> re.Match[str]:
    if match := re.search(_FIELD.format(name=name), config):
        return match
    raise ValueError(f"_config.yml has no {name!r} under 'repository:': add it.")


def read_address(root: Path) -> tuple[str, str]:
    """The address and the branch that `_config.yml` states."""
    config = (root / "_config.yml").read_text(encoding="utf-8")
    url, branch = (_field(config, name)[2].strip("'\"") for name in ("url", "branch"))
    return url, branch


def bootstrap_source(url: str) -> str:
    """The first cell of every notebook: on Colab it installs the package, elsewhere nothing.

    Without `-U`: the package's ranges admit what Colab has preloaded, so pip leaves it alone.
    """
    head = "# On Colab this cell installs the book's package; elsewhere it does nothing.\n"
    test = 'if "google.colab" in sys.modules and importlib.util.find_spec("llm_nb") is None:\n'
    if is_placeholder(url):
        body = (
            "    raise RuntimeError(\n"
            '        "This copy of the book has no public address to install from: "\n'
            '        "upload its folder to Colab, run `%pip install` on it, "\n'
            '        "then run this cell again."\n'
            "    )"
        )
    else:
        body = f"    %pip install --quiet git+{url}"
    return f"{head}import importlib.util\nimport sys\n\n{test}{body}"


def colab_link(url: str, branch: str, notebook: str) -> str:
    """A markdown link that opens `notebook` (its path in the repository) in Colab; "" if none can.

    Colab opens notebooks by address from github.com alone.
    """
    parts = urlsplit(url)
    if parts.hostname != "github.com":
        return ""
    target = f"https://colab.research.google.com/github{parts.path}/blob/{branch}/{notebook}"
    return f"[Open in Colab]({target})"


def readme_block(url: str, branch: str, notebooks: list[str]) -> str:
    """What README says between its two `address` comments."""
    if is_placeholder(url):
        return (
            "The book has no public address yet. Its owner gives it one with "
            "`llm-nb address --set https://github.com/owner/name`.\n"
        )
    lines = [f"```\ngit clone {url}\n```\n"]
    for path in notebooks:
        if link := colab_link(url, branch, path):
            lines.append(f"- {Path(path).stem.replace('_', ' ')}: {link}\n")
    return "".join(lines)


def rewritten_notebook(text: str, url: str, branch: str, path: str) -> str:
    """The notebook's JSON `text` with its generated cells as `url` wants them; ids are kept."""
    notebook = json.loads(text)
    old = {cell.get("id"): cell for cell in notebook["cells"]}
    first: dict[str, Any] = old.get(BOOTSTRAP, {"cell_type": "code", "execution_count": None})
    first |= {"id": BOOTSTRAP, "metadata": {"tags": ["remove-cell"]}, "outputs": []}
    cells = [first | {"source": bootstrap_source(url).splitlines(keepends=True)}]
    if link := colab_link(url, branch, path):
        tags = {"tags": ["remove-cell"]}  # the built page has its own launch button
        cells.append({"cell_type": "markdown", "id": COLAB, "metadata": tags, "source": [link]})
    cells += [c for c in notebook["cells"] if c.get("id") not in (BOOTSTRAP, COLAB)]
    # As nbformat writes it, so that a notebook saved by Jupyter or nbconvert is already equal.
    return json.dumps(notebook | {"cells": cells}, ensure_ascii=False, indent=1) + "\n"


def notebook_paths(root: Path) -> list[Path]:
    """Every notebook of the book, exercises included, in order."""
    found = (root / "notebooks").rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def differing(root: Path) -> dict[Path, str]:
    """The files that do not follow from the address in `_config.yml`, and what they should hold."""
    url, branch = read_address(root)
    wanted: dict[Path, str] = {}
    paths = {path: path.relative_to(root).as_posix() for path in notebook_paths(root)}
    for path, name in paths.items():
        wanted[path] = rewritten_notebook(path.read_text(encoding="utf-8"), url, branch, name)
    readme = root / "README.md"
    chapters = [name for name in paths.values() if name.count("/") == 1]
    block = readme_block(url, branch, chapters)
    wanted[readme] = README_BLOCK.sub(lambda _: block, readme.read_text(encoding="utf-8"))
    return {p: text for p, text in wanted.items() if p.read_text(encoding="utf-8") != text}


def set_address(root: Path, url: str) -> list[Path]:
    """Write `url` into `_config.yml`, then into everything that follows from it; what changed."""
    config = root / "_config.yml"
    old = config.read_text(encoding="utf-8")
    start, end = _field(old, "url").span(2)
    new = old[:start] + checked(url) + old[end:]
    config.write_text(new, encoding="utf-8")
    changed = differing(root)
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return [config] * (new != old) + list(changed)


def run(args: argparse.Namespace) -> int:
    """The sub-command: 0, or 1 where `--check` finds a file that differs."""
    root = find_root(args.root)
    if args.set is not None:
        for path in set_address(root, args.set):
            print(f"rewritten: {path.relative_to(root).as_posix()}")
    print(read_address(root)[0])
    wrong = differing(root) if args.check else {}
    for path in wrong:
        print(f"differs from _config.yml: {path.relative_to(root).as_posix()}")
    return 1 if wrong else 0


def add_parser(subparsers: Any) -> None:
    """Register `llm-nb address`."""
    parser = subparsers.add_parser("address", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--set", metavar="URL", help="write this address everywhere")
    parser.add_argument("--check", action="store_true", help="exit 1 and name files that differ")
    parser.add_argument("--root", type=Path, help="the checkout (default: this folder or above)")
    parser.set_defaults(run=run)
