"""A small world whose stories have a known entropy: see ``stories.py``."""

from llm_nb.data.microworld.stories import (
    Story,
    every_story,
    log2_prob,
    next_words,
    parse,
    sample,
    stories,
    story,
)
from llm_nb.data.microworld.telling import Grammar

__all__ = [
    "Grammar",
    "Story",
    "every_story",
    "log2_prob",
    "next_words",
    "parse",
    "sample",
    "stories",
    "story",
]
