"""Text from a language model: greedy, sampled, or by beam search, over a key–value cache.

A model here is anything that maps ids to next-token logits and keeps a cache (``Decoder``): the
book's GPT-2, or its Transformer once ``given`` a source sentence.
"""

from llm_nb.generation.beams import Beams, beam_search
from llm_nb.generation.decoder import Cache, Decoder, left_pad
from llm_nb.generation.repetition import block_repeated_ngrams, penalise_repetition
from llm_nb.generation.sampling import generate, next_token_probs
from llm_nb.generation.streaming import TextStreamer

__all__ = [
    "Beams",
    "Cache",
    "Decoder",
    "TextStreamer",
    "beam_search",
    "block_repeated_ngrams",
    "generate",
    "left_pad",
    "next_token_probs",
    "penalise_repetition",
]
