"""What one submission may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of the process that runs one student's code.

    Args:
        cell_seconds: one cell, by the clock.
        call_seconds: one call of an answer by a test (``check`` has a shorter bound of its own).
        total_seconds: all cells and calls of one submission, by the clock.
        memory_mb: above what Python and torch take at the start, the address space of each
            process and what all hold together, in MiB.
        disk_mb: the private folder that it may write to, in MiB; it lies in memory.
        processes: processes and threads at one time.
        restarts: how often a process that died is started again, without the cell that ended it.
    """

    cell_seconds: float = 30.0
    call_seconds: float = 10.0
    total_seconds: float = 180.0
    memory_mb: int = 2048
    disk_mb: int = 64
    processes: int = 32
    restarts: int = 4

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < (0 if name == "restarts" else 1):
                raise ValueError(f"{name} is {value}: give at least 1")
