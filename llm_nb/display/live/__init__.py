"""The live figures: each a function here, a script beside it, and no kernel once it is shown."""

from llm_nb.display.live.attention import attention
from llm_nb.display.live.descent import descent
from llm_nb.display.live.gates import gates

__all__ = ["attention", "descent", "gates"]
