"""The live figures: each a function here, a script beside it, and no kernel once it is shown."""

from llm_nb.display.live.attention import attention
from llm_nb.display.live.masked_word import masked_word

__all__ = ["attention", "masked_word"]
