"""Figures: one style, readable in both themes, each with a text alternative."""

from llm_nb.display.failing import attempt
from llm_nb.display.style import show

__all__ = ["attempt", "show"]
