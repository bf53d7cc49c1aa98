"""The live figures: each a function here, a script beside it, and no kernel once it is shown."""

from llm_nb.display.live.attention import attention
from llm_nb.display.live.decoding import decoding
from llm_nb.display.live.descent import descent
from llm_nb.display.live.gates import gates
from llm_nb.display.live.masked_word import masked_word
from llm_nb.display.live.merges import merges
from llm_nb.display.live.ngrams import ngrams
from llm_nb.display.live.positions import positions
from llm_nb.display.live.writer import writer

__all__ = [
    "attention",
    "decoding",
    "descent",
    "gates",
    "masked_word",
    "merges",
    "ngrams",
    "positions",
    "writer",
]
