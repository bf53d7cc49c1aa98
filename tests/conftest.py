"""What several tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that want it are skipped where it is not set."""
    folder = os.environ.get("LLM_NB_DATA")
    if not folder:
        pytest.skip("LLM_NB_DATA is not set: no real data here")
    return Path(folder)
