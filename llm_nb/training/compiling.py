"""``torch.compile`` where it works, and one line where it does not.

It needs Triton on a GPU and a C++ compiler on a CPU, which many laptops lack.
"""

from __future__ import annotations

from typing import Any

import torch


def compiled(function: Any, device: torch.device) -> Any:
    """``function`` compiled, or as it is, after one printed line, where that cannot be done."""
    if reason := why_not(device):
        print(f"torch.compile does not work here ({reason}): training goes on without it")
        return function
    return torch.compile(function)


def why_not(device: torch.device) -> str | None:
    """None where a small function compiles and runs on the device; else the reason in short."""
    try:
        trial = torch.compile(lambda x: (x * 2 + 1).relu())
        trial(torch.ones(8, device=device))
    except Exception as error:  # each missing part raises a kind of its own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[0] if lines else type(error).__name__
    return None
