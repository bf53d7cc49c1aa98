"""How well hidden words of held-out stories of the microworld are guessed, beside the floor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_nb.data.batches import IGNORE
from llm_nb.data.microworld.cloze import candidates
from llm_nb.data.microworld.masking import hidden_batch, masked_batch, one_hidden
from llm_nb.data.microworld.stories import Story
from llm_nb.data.padding import TextBatch
from llm_nb.models.modes import evaluating
from llm_nb.models.neighbours import Neighbours
from llm_nb.text.vocabulary import Vocabulary

Guesser = Callable[[TextBatch], Tensor]  # logits, or ln P, (B, T, V)


class MaskJudge:
    """Judges models that guess hidden words, on the same words of the same stories.

    Two ways: one word hidden at a time, all others to be seen (Salazar et al. 2020), for which the
    true distribution is known, ``floor`` bits a word; and as BERT is trained, 15 % at once.

    Args:
        told: the stories, such as ``held_out`` gives.
        vocabulary: the model's.
        each: how many words of a story are hidden in turn.
        rows: stories that are read at once.
    """

    def __init__(
        self,
        told: Sequence[Story],
        vocabulary: Vocabulary,
        language: str = "en",
        each: int = 4,
        rows: int = 50,
    ) -> None:
        if not told:
            raise ValueError("there are no stories to judge by: give at least one")
        self.vocabulary = vocabulary
        drawn = [(s.words(language), place) for s, place in one_hidden(told, each, language)]
        known = [
            (candidates(words, [place], language)[place], words[place]) for words, place in drawn
        ]
        self.floor = -math.fsum(math.log2(row[word]) for row, word in known) / len(known)
        # Where several words are as likely, whoever knows the language is right by luck alone.
        self.best_accuracy = math.fsum(max(row.values()) for row, _ in known) / len(known)
        hidden = [(words, [place]) for words, place in drawn]
        self.one = [
            hidden_batch(hidden[i : i + rows], vocabulary) for i in range(0, len(hidden), rows)
        ]
        self.many = [
            masked_batch(told[i : i + rows], vocabulary, torch.Generator().manual_seed(i), language)
            for i in range(0, len(told), rows)
        ]

    def bits(self, model: nn.Module) -> list[Tensor]:
        """−log2 P of the words hidden one at a time, of a BERT; in batches."""
        return [bits for bits, _ in judged(self.one, reading(model))]

    def per_word(self, bits: Sequence[Tensor]) -> float:
        """The mean over all words."""
        return float(torch.cat(list(bits)).double().mean())

    def scores(self, guess: Guesser) -> dict[str, float]:
        """Bits a word and the share of best guesses that are right, both ways."""
        one, many = (judged(batches, guess) for batches in (self.one, self.many))
        return {
            "bits_per_word": self.per_word([bits for bits, _ in one]),
            "accuracy": self.per_word([right for _, right in one]),
            "masked_bits": self.per_word([bits for bits, _ in many]),
            "masked_accuracy": self.per_word([right for _, right in many]),
        }


def judged(batches: Sequence[TextBatch], guess: Guesser) -> list[tuple[Tensor, Tensor]]:
    """Of each batch −log2 P of the words that are asked for, (M,), and which were guessed, (M,)."""
    found = []
    for batch in batches:
        asked = batch.labels != IGNORE
        with torch.inference_mode():
            logits = guess(batch)[asked].float()  # (M, V)
        words = batch.labels[asked]
        bits = F.cross_entropy(logits, words, reduction="none") / math.log(2)
        found.append((bits, logits.argmax(-1) == words))
    return found


def reading(model: nn.Module) -> Guesser:
    """What a BERT that guesses words says, in evaluation mode."""

    def guess(batch: TextBatch) -> Tensor:
        with evaluating(model):
            return model(batch.ids, batch.attention_mask)

    return guess


def counting(model: Neighbours) -> Guesser:
    """What counts of neighbours say. A neighbour that is hidden too was never counted."""

    def guess(batch: TextBatch) -> Tensor:
        ids = F.pad(batch.ids, (1, 1))
        left, right = ids[:, :-2].flatten(), ids[:, 2:].flatten()
        return model.log_probs(left, right).unflatten(0, batch.ids.shape)

    return guess


def usual(model: Neighbours) -> Guesser:
    """How often each word is met anywhere: the guess of whoever looks at nothing."""
    return lambda batch: model.word.log().expand(*batch.ids.shape, -1)
