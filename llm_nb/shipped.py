"""Where the weights lie that come with the package, and what made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parent / "weights" / "gpt2-standard-library"
SHIPPED_PRESET = "gpt2-standard-library"  # of `llm-nb train`; over an hour of one core


def shipped_record() -> dict[str, Any]:
    """The figures of the run that made them."""
    return json.loads((SHIPPED / "training.json").read_text("utf-8"))
