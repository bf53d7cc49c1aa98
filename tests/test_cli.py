"""The command line as a whole; each sub-command is tested with its module."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from llm_nb import cli


def test_help_names_every_command_and_loads_none() -> None:
    code = "import sys, llm_nb.cli as c\ntry: c.main(['--help'])\nfinally: print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert all(f"\n    {name} " in out for name in cli.COMMANDS)
    loaded = out.splitlines()[-1].split()
    assert "torch" not in loaded
    assert not {module for module, _ in cli.COMMANDS.values()} & set(loaded)


@pytest.mark.parametrize("name", ["train", "tokenize", "export", "generate"])
def test_a_command_explains_itself_with_examples_and_without_torch(name: str) -> None:
    code = f"import sys, llm_nb.cli as c\ntry: c.main(['{name}', '--help'])\nfinally: print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.count(f"  llm-nb {name} ") >= 3
    assert "torch" not in out.splitlines()[-1].split()


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: llm-nb {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "error",
    [
        ValueError("what to do"),
        OSError("what to do"),
        ImportError("what to do"),
        FloatingPointError("what to do"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> int:
        raise error

    module = import_module("llm_nb.address")
    monkeypatch.setattr(module, "run", fail)
    assert cli.main(["address"]) == 2
    assert capsys.readouterr().err == "llm-nb: what to do\n"


def test_ctrl_c_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("llm_nb.address"), "run", stop)
    assert cli.main(["address"]) == 130


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["--nonsense"]])
def test_a_wrong_call_is_status_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
