"""The live figures: each a function here, a script beside it, and no kernel once it is shown."""

from llm_nb.display.live.attention import attention

__all__ = ["attention"]
