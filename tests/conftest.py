"""What several tests share."""

import os
from pathlib import Path

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test that passed has to show: its property "shown"."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "shown":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that want it are skipped where it is not set."""
    folder = os.environ.get("LLM_NB_DATA")
    if not folder:
        pytest.skip("LLM_NB_DATA is not set: no real data here")
    return Path(folder)
