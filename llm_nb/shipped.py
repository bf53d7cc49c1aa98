"""Where the weights lie that come with the package."""

from pathlib import Path

# Trained by the command in its training.json, about an hour of CPU time.
SHIPPED = Path(__file__).parent / "weights" / "gpt2-standard-library"
