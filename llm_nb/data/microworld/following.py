"""A story of the microworld followed word by word: what can come next, and how likely each is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.lexicon import Symbol
from llm_nb.data.microworld.narrator import Narrator
from llm_nb.data.microworld.rendering import check_language
from llm_nb.data.microworld.telling import Choice, Grammar


class Follower:
    """Reads a story and tells it at the same time, so that reading a word takes the same short time
    wherever it stands.

    ``narrator`` has the world as it is now. ``bits`` is −log2 P of what was read.

    Raises:
        ValueError: another language than "en" or "zh".
    """

    def __init__(self, language: str, grammar: Grammar) -> None:
        check_language(language)
        self.forms = w.FORMS[language]
        self.narrator = Narrator(grammar)
        self.words = 0  # that were read
        self.bits = 0.0
        self.seen = 0  # symbols that were read or are silent
        self._telling = self.narrator.tell()
        self._choice: Choice | None = next(self._telling)
        self._skip()

    @property
    def ended(self) -> bool:
        """Whether the story is told."""
        return self._choice is None and self.seen == len(self.narrator.said)

    def due(self) -> tuple[Sequence[Symbol], Sequence[int]]:
        """The symbols that can stand next, and the weight of each; none where the story has ended."""
        if self.seen < len(self.narrator.said):
            return self.narrator.said[self.seen : self.seen + 1], [1]
        if self._choice is None:
            return [], []
        options, weights = self._choice
        return options, [1] * len(options) if weights is None else weights

    def shares(self) -> dict[str, float]:
        """The words that can stand next, each with its probability."""
        options, weights = self.due()
        total = sum(weights)
        return {self.forms[o]: weight / total for o, weight in zip(options, weights, strict=True)}

    def read(self, word: str) -> bool:
        """Go on by one word if it can stand here; else nothing changes."""
        options, weights = self.due()
        which = next((i for i, o in enumerate(options) if self.forms[o] == word), None)
        if which is None:
            return False
        if self.seen == len(self.narrator.said):  # it was for the text to say which
            self.bits += math.log2(sum(weights) / weights[which])
            try:
                self._choice = self._telling.send(options[which])
            except StopIteration:
                self._choice = None
        self.seen += 1
        self.words += 1
        self._skip()
        return True

    def _skip(self) -> None:
        """Pass over symbols that are silent in this language."""
        said = self.narrator.said
        while self.seen < len(said) and not self.forms[said[self.seen]]:
            self.seen += 1
