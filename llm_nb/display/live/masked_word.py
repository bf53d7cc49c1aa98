"""The live figure of BERT's first task: hide a word of a story and see what could have stood there,
for the model and in truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from llm_nb.data.microworld.cloze import MOST, TooManyTellings, candidates
from llm_nb.data.microworld.masking import hidden_batch, masked_vocabulary
from llm_nb.data.microworld.stories import Story
from llm_nb.display import figures
from llm_nb.display.live.frame import show_live
from llm_nb.models.bert_heads import BertForMaskedLM
from llm_nb.text.vocabulary import Vocabulary

SHOWN = 8  # the model's candidates that are listed, and half as many of the truth's
LEAST = 1e-3  # less likely candidates of the model are not listed
TELLINGS = 2000  # the truth is not looked for where more stories might fit: a second or two
ROWS = 50  # stories that the model reads at once


def guesses(
    model: BertForMaskedLM,
    rows: Sequence[tuple[Sequence[str], Sequence[int]]],
    vocabulary: Vocabulary,
) -> list[Tensor]:
    """P(word) at each hidden place of each row, (number of places, V); rows as ``hidden_batch``."""
    found = []
    for i in range(0, len(rows), ROWS):
        batch = hidden_batch(rows[i : i + ROWS], vocabulary)
        with torch.inference_mode():
            probs = model(batch.ids, batch.attention_mask).double().softmax(-1)  # (B, T, V)
        for row, (_, places) in zip(probs, rows[i : i + ROWS], strict=True):
            found.append(row[[place + 1 for place in places]])  # [CLS] stands before word 0
    return found


def entry(
    probs: Tensor, truth: Mapping[str, float], word: str, vocabulary: Vocabulary
) -> list[Any]:
    """What is shown of one hidden place: ids of the candidates listed, the model's probabilities of
    them and the true ones; and for both, the entropy in bits of all others among themselves.

    Args:
        probs: (V,) the model's.
        truth: the words that can stand there, the most likely first.
        word: that which stood there.
    """
    best = [i for i in probs.argsort(descending=True).tolist()[:SHOWN] if probs[i] >= LEAST]
    true = [vocabulary.ids[other] for other in [*truth][: SHOWN // 2]]
    listed = sorted({*best, *true, vocabulary.ids[word]}, key=lambda i: -float(probs[i]))
    exact = [truth.get(vocabulary.tokens[i], 0.0) for i in range(len(vocabulary))]
    sides = [[rows[i] for i in listed] for rows in (probs.tolist(), exact)]
    spreads = [
        _spread([p for i, p in enumerate(rows) if i not in listed])
        for rows in (probs.tolist(), exact)
    ]
    return [listed, *([float(f"{p:.4g}") for p in side] for side in (*sides, spreads))]


def masked_word_data(model: BertForMaskedLM, told: Sequence[Story]) -> dict[str, Any]:
    """What masked_word.js needs: for each story every word hidden alone, with the next, and with
    all its other mentions (where the truth of that is soon found).

    Raises:
        ValueError: there is no story, or the model has another vocabulary than the English stories.
    """
    vocabulary = masked_vocabulary()
    if not told:
        raise ValueError("there are no stories to hide words of: give at least one")
    if model.config.vocab_size != len(vocabulary):
        raise ValueError(
            f"the model has {model.config.vocab_size} words, the microworld {len(vocabulary)}: "
            'give one that was trained on its stories, as microworld_model("bert")'
        )
    return {
        "words": vocabulary.tokens,
        "stories": [_story(model, story.words(), vocabulary) for story in told],
    }


def masked_word(model: BertForMaskedLM, told: Sequence[Story]) -> None:
    """Show BERT guessing live: which word of which story is hidden is the reader's choice.

    Args:
        model: trained on stories of the microworld, in English.
        told: stories to choose from; two or three, for each adds about 40 kB.

    Raises:
        ValueError: as ``masked_word_data``.
    """
    data = masked_word_data(model, told)
    words, first = told[0].words(), data["stories"][0]
    place = first["start"]
    ids, probs, truth, _ = first["one"][place]
    names = [data["words"][i] for i in ids]
    alt = (
        f"Word {place + 1} of a story, “{words[place]}”, is hidden. BERT's best guess is "
        f"“{names[0]}” with {probs[0]:.2f}; with all other words known, “{words[place]}” has "
        f"{truth[names.index(words[place])]:.2f} in truth."
    )
    show_live(
        "masked_word",
        data,
        title="Live figure: hide a word, see the candidates",
        picture=figures.dots(
            names,
            {"BERT": probs, "the language": truth},
            xlabel=f"probability of standing where “{words[place]}” is hidden",
        ),
        alt=alt,
    )


def _story(model: BertForMaskedLM, words: list[str], vocabulary: Vocabulary) -> dict[str, Any]:
    def entries(hidden: list[list[int]], most: int = MOST) -> list[list[list[Any]] | None]:
        """Of each set of places an entry for each, or None where too many stories might fit."""
        found: list[list[list[Any]] | None] = []
        said = guesses(model, [(words, places) for places in hidden], vocabulary)
        for places, rows in zip(hidden, said, strict=True):
            try:
                truth = candidates(words, places, most=most)
            except TooManyTellings:
                found.append(None)
                continue
            pairs = zip(places, rows, strict=True)
            found.append([entry(p, truth[i], words[i], vocabulary) for i, p in pairs])
        return found

    n = len(words)
    one = [made and made[0] for made in entries([[i] for i in range(n)])]
    mentions = [[i for i in range(n) if words[i] == word] for word in dict.fromkeys(words)]
    several = [places for places in mentions if len(places) > 1]
    every = zip(several, entries(several, TELLINGS), strict=True)
    return {
        "tokens": vocabulary.encode(words),
        "start": _start(one),
        "one": one,
        "next": entries([[i, i + 1] for i in range(n - 1)]),
        "every": [{"places": places, "entries": made} for places, made in every if made],
    }


def _start(entries: Sequence[list[Any] | None]) -> int:
    """The place to begin with: the truth leaves a choice of a few words, and of all such places the
    model gives them the most here."""
    found = {}
    for place, made in enumerate(entries):
        if made is None:
            continue
        _, said, true, _ = made
        if 2 <= sum(p > 0 for p in true) <= SHOWN // 2:
            found[place] = math.fsum(p for p, q in zip(said, true, strict=True) if q > 0)
    return max(found, key=lambda place: found[place], default=0)


def _spread(probs: list[float]) -> float:
    """The entropy in bits of what is left of a distribution, made to sum to 1."""
    total = math.fsum(probs)
    if total <= 0:
        return 0.0
    return -math.fsum(p / total * math.log2(p / total) for p in probs if p > 0)
