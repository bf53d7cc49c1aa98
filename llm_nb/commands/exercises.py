"""``llm-nb exercises``: from the master notebooks to a class and back."""

from __future__ import annotations

import argparse
from pathlib import Path

DESCRIPTION = """\
Exercises live in master notebooks, notebooks/exercises/NN_name.ipynb, with their solutions and
hidden tests. Run inside a checkout of the book.
"""

RELEASE = """\
Write the notebooks that students get: stubs in place of solutions, no hidden tests, no outputs.
nbgrader's own converter does it, and the result is searched for everything that is secret.

A variant is a whole number, a year for instance. It gives a class numbers of its own, in the
text and in the checks, which are never the book's; so the book's solutions do not answer them.
"""

GRADE = """\
Grade what a class handed in: a folder or a zip of the learning platform. It leaves grades.csv, a
feedback page for each student, and by_hand.csv, into which you write the points of paper
questions; the same command with --resume puts them into the grades.

Students' code runs in a process without network that sees Python and an empty folder. That takes
Linux; the instructors' page of the book has a container for other systems.
"""

EPILOG = """\
examples:
  llm-nb exercises release --out handout                      every chapter that has exercises
  llm-nb exercises release 11 --variant 2027 --out handout    chapter 11, for the class of 2027
  llm-nb exercises grade submissions.zip --variant 2027 --out grades
  llm-nb exercises grade submissions.zip --variant 2027 --out grades --resume
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``exercises`` and its own sub-commands."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "exercises", description=DESCRIPTION, epilog=EPILOG, formatter_class=plain
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    release = actions.add_parser(
        "release",
        help="write the notebooks that students get",
        description=RELEASE,
        epilog=EPILOG,
        formatter_class=plain,
    )
    release.add_argument(
        "chapters", nargs="*", help="11 or 11_gpt2 (default: all that have exercises)"
    )
    release.add_argument("--out", type=Path, required=True, help="the folder to write into")
    release.add_argument("--variant", type=int, help="whose numbers (default: the book's own)")
    release.add_argument("--root", type=Path, help="the checkout (default: this folder or above)")
    release.set_defaults(run=run_release)
    grade = actions.add_parser(
        "grade",
        help="grade what a class handed in",
        description=GRADE,
        epilog=EPILOG,
        formatter_class=plain,
    )
    grade.add_argument("submissions", type=Path, help="a folder, or a zip, of what was handed in")
    grade.add_argument("--out", type=Path, required=True, help="the folder for the results")
    grade.add_argument(
        "--master", help="11, 11_gpt2 or a notebook's path (default: the only one there is)"
    )
    grade.add_argument("--variant", type=int, help="whose numbers were handed out")
    grade.add_argument("--resume", action="store_true", help="go on; read by_hand.csv")
    grade.add_argument("--workers", type=int, help="submissions at a time (default: processors)")
    grade.add_argument(
        "--unisolated", action="store_true", help="students' code may read what you can read"
    )
    grade.add_argument("--root", type=Path, help="the checkout (default: this folder or above)")
    grade.set_defaults(run=run_grade)


def run_release(args: argparse.Namespace) -> int:
    """Write every notebook that was asked for and say so."""
    from llm_nb.address import find_root
    from llm_nb.exercises.chapters import chapter_module, chapter_modules
    from llm_nb.exercises.masters import FOLDER, master_path
    from llm_nb.exercises.release import release

    root = find_root(args.root)
    if (root / FOLDER) in (out := args.out.resolve(), *out.parents):
        raise ValueError(f"{args.out} is where the masters are: choose another --out")
    chapters = args.chapters or [module.NAME for module in chapter_modules()]
    paths = [
        master_path(root, chapter) for chapter in chapters
    ]  # all are known before one is written
    whose = "the book's own numbers" if args.variant is None else f"variant {args.variant}"
    for chapter, path in zip(chapters, paths, strict=True):
        written = release(path, chapter_module(chapter).NAME, args.out, args.variant)
        print(f"wrote {written}: {whose}")
    return 0


def run_grade(args: argparse.Namespace) -> int:
    """Grade a class and say where the results are."""
    from llm_nb.address import find_root
    from llm_nb.exercises.chapters import chapter_module, chapter_modules
    from llm_nb.exercises.grading.batch import grade
    from llm_nb.exercises.masters import master_path

    if args.master and args.master.endswith(".ipynb"):
        master = Path(args.master)
    else:
        there = [module.NAME for module in chapter_modules()]
        if args.master is None and len(there) > 1:
            raise ValueError(f"which exercises are these? --master: {', '.join(there)}")
        chapter = chapter_module(args.master or there[0]).NAME
        master = master_path(find_root(args.root), chapter)
    grade(
        args.submissions,
        args.out,
        master,
        variant=args.variant,
        isolated=not args.unisolated,
        resume=args.resume,
        workers=args.workers,
    )
    return 0
