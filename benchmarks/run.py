#!/usr/bin/env python3
"""Measure this package and its peers in turns: ``python benchmarks/run.py [name …]``."""

from __future__ import annotations

import os

# One thread for everyone; read when the libraries load, hence before any import of them.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Each of the other files here defines comparisons() -> Iterable[Comparison].
MODULES = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "run")
RESULTS = HERE / "RESULTS.md"


@dataclass(frozen=True)
class Comparison:
    """Contenders that do the same work; the first is this package, `work` is in `unit`."""

    title: str
    work: float
    unit: str
    contenders: dict[str, Callable[[], object]]
    packages: tuple[str, ...]
    note: str = ""  # what must be known to read the figures, measured in the same run
    # More columns, asked for after the last round: by title, a value of each contender in order.
    columns: Callable[[], dict[str, list[str]]] | None = None


def measure(comparison: Comparison, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender, round by round in turns, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in comparison.contenders}
    for round_ in range(rounds + 1):
        for name, run in comparison.contenders.items():
            start = time.perf_counter()
            run()
            if round_:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def table(comparison: Comparison, seconds: dict[str, list[float]]) -> str:
    """The comparison in markdown."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours = next(iter(medians.values()))
    columns = comparison.columns() if comparison.columns is not None else {}
    head = f"| | {comparison.unit}/s | seconds | slowest / fastest round | speed of the first row to it |"
    head += "".join(f" {title} |" for title in columns)
    lines = [f"## {comparison.title}\n", head, "|---" * (5 + len(columns)) + "|"]
    for i, (name, median) in enumerate(medians.items()):
        spread = max(seconds[name]) / min(seconds[name])
        lines.append(
            f"| {name} | {comparison.work / median:.3g} | {median:.3g} | {spread:.2f} "
            f"| {median / ours:.2f} |" + "".join(f" {values[i]} |" for values in columns.values())
        )
    versions = ", ".join(f"{name} {version(name)}" for name in comparison.packages)
    note = f"\n{comparison.note}\n" if comparison.note else ""
    return "\n".join([*lines, f"\n{versions}; {len(seconds[name])} rounds.\n{note}"])


def machine() -> str:
    """One line on where this ran; no names of hosts or folders."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":")[1].strip() if models else cpu
    cores = f"{os.cpu_count()} cores, one thread used"
    return f"{cpu}, {cores}; {platform.system()}, Python {platform.python_version()}"


def results(head: str, parts: list[str], old: str) -> str:
    """RESULTS.md with these sections; of the old one those with other titles, same machine only."""
    found = old.removeprefix(head).split("\n## ")[1:] if old.startswith(head) else []
    sections = {f"## {text}".splitlines()[0]: f"## {text.rstrip()}\n" for text in found}
    sections |= {part.splitlines()[0]: part.rstrip() + "\n" for part in parts}
    return "\n".join([head, *sections.values()])


def main() -> None:
    """Run the comparisons that were named, or all, and write what came out into RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*MODULES, []], help=", ".join(MODULES))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sys.modules.setdefault("run", sys.modules[__name__])  # so that `from run import` is this
    head = f"# Results\n\nWritten by `make bench` on: {machine()}.\n"
    for module in arguments.name or MODULES:
        for comparison in import_module(module).comparisons():
            part = table(comparison, measure(comparison, arguments.rounds))
            print(part, flush=True)
            old = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
            RESULTS.write_text(results(head, [part], old), encoding="utf-8")


if __name__ == "__main__":
    main()
