#!/usr/bin/env python3
"""Build the book: ``python book/build.py [--language zh_CN] [--edition course]``.

The one way in which the book is built, by make, by continuous integration and by hand, with
the Python of the environment that holds the ``book`` extra. Any warning fails the build. The
last line printed is the address to open. English goes to ``_build/html``, another language to
``_build/html-LANGUAGE``.

The course edition has no solutions of exercises, and goes to a folder whose name ends in
``-course``; ``--variant 2027`` gives its exercises the numbers of that class.

``--update-catalogues`` refreshes the translators' catalogues under ``book/locales`` instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
LOCALES = ROOT / "book" / "locales"
STRICT = ["-W", "--keep-going", "-n"]


def run(*arguments: str) -> None:
    """Run this Python from the repository's root; leave with its status if that fails."""
    paths = [str(ROOT / "book" / "_ext"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    status = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env).returncode
    if status:
        sys.exit(status)


def configure() -> None:
    """Write conf.py (git-ignored) from _config.yml and _toc.yml."""
    run("-c", "from jupyter_book.cli.main import main; main()", "config", "sphinx", ".")


def output_name(language: str, edition: str) -> str:
    return "-".join(["html"] + [language] * (language != "en") + [edition] * (edition != "reader"))


def build(language: str, edition: str = "reader", variant: int | None = None) -> Path:
    if language != "en" and not (LOCALES / language).is_dir():
        sys.exit(f"No catalogues for the language {language!r}: book/locales/{language}.")
    configure()
    folder = BUILD / output_name(language, edition)
    doctrees = BUILD / f"doctrees-{folder.name}"
    for stale in (folder, doctrees, BUILD / "jupyter_execute"):
        shutil.rmtree(stale, ignore_errors=True)
    if language != "en":
        run("-m", "sphinx_intl", "--config", "conf.py", "build", "-l", language)
    settings = {"language": language, "exercise_edition": edition}
    settings |= {} if variant is None else {"exercise_variant": str(variant)}
    options = [*STRICT, "-b", "html", "-d", str(doctrees)]
    options += [part for key, value in settings.items() for part in ("-D", f"{key}={value}")]
    run("-m", "sphinx", *options, ".", str(folder))
    return folder / "index.html"


def check_links() -> None:
    """Ask every address outside the book; leave with a status that is not 0 if one is broken."""
    configure()
    folder, doctrees = BUILD / "linkcheck", BUILD / "doctrees-linkcheck"
    run("-m", "sphinx", "-b", "linkcheck", "-q", "-d", str(doctrees), ".", str(folder))


def update_catalogues(languages: list[str]) -> None:
    configure()
    shutil.rmtree(BUILD / "gettext", ignore_errors=True)
    doctrees = BUILD / "doctrees-gettext"
    shutil.rmtree(doctrees, ignore_errors=True)
    run("-m", "sphinx", *STRICT, "-b", "gettext", "-d", str(doctrees), ".", str(BUILD / "gettext"))
    # The package's pages are made of docstrings; they stay in English and out of the catalogues.
    (BUILD / "gettext" / "book" / "api.pot").unlink()
    shutil.rmtree(BUILD / "gettext" / "book" / "api")
    flags = [flag for language in languages for flag in ("-l", language)]
    run("-m", "sphinx_intl", "--config", "conf.py", "update", "-p", str(BUILD / "gettext"), *flags)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build LLM Notebooks.")
    parser.add_argument("--language", default="en", help="en or a folder of book/locales")
    parser.add_argument("--edition", default="reader", choices=("reader", "course"))
    parser.add_argument("--variant", type=int, help="whose numbers the exercises have")
    parser.add_argument("--update-catalogues", action="store_true")
    arguments = parser.parse_args()
    if arguments.update_catalogues:
        update_catalogues(sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir()))
    else:
        print(build(arguments.language, arguments.edition, arguments.variant).as_uri())


if __name__ == "__main__":
    main()
