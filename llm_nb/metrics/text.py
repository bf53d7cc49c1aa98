"""How good a translation, a summary or a transcript is: BLEU, chrF, ROUGE, word and character errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

from llm_nb.extras import library
from llm_nb.metrics.labels import Score, paired

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def bleu(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str], tokenize: str = "13a"
) -> Any:
    """Corpus BLEU (Papineni et al. 2002), by sacrebleu (Post 2018).

    Args:
        references: one or more translations of each sentence.
        hypotheses: the system's, untokenised.
        tokenize: sacrebleu's name: "13a" for English and most languages, "zh" for Chinese,
            "char", "intl", "none" for text that is tokenised already.

    Returns:
        sacrebleu's score: ``.score`` in percent; ``.precisions`` in percent, ``.counts`` and
        ``.totals`` of 1- to 4-grams; ``.bp`` the brevity penalty. Printed, it shows them all.

    Raises:
        ValueError: lengths differ, a sentence has no reference, or the tokeniser is unknown.
    """
    BLEU = library("sacrebleu.metrics.bleu", "tasks").BLEU

    if tokenize not in BLEU.TOKENIZERS:
        raise ValueError(f"tokenize is {tokenize!r}: use one of {', '.join(BLEU.TOKENIZERS)}")
    return BLEU(tokenize=tokenize).corpus_score(list(hypotheses), _streams(references, hypotheses))


def chrf(
    references: Sequence[Sequence[str]], hypotheses: Sequence[str], word_order: int = 0
) -> Any:
    """Corpus chrF2 (Popović 2015): F-score of character 1- to 6-grams, by sacrebleu.

    ``word_order=2`` is chrF++. The result's ``.score`` is in percent; errors as ``bleu``.
    """
    CHRF = library("sacrebleu.metrics.chrf", "tasks").CHRF

    streams = _streams(references, hypotheses)
    return CHRF(word_order=word_order).corpus_score(list(hypotheses), streams)


def characters(text: str) -> list[str]:
    """Every character but white space: tokens for Chinese."""
    return [c for c in text if not c.isspace()]


def rouge(
    references: Sequence[str],
    hypotheses: Sequence[str],
    tokens: Callable[[str], list[str]] | None = None,
    stem: bool = False,
) -> dict[str, Score]:
    """ROUGE-1, -2, -L and -Lsum (Lin 2004), by rouge-score, each the mean over the pairs.

    Args:
        references: one summary each.
        hypotheses: the system's. For -Lsum, sentences stand on lines of their own.
        tokens: how to cut a text; else words of a–z and 0–9 in lower case, which finds nothing
            in Chinese: pass ``characters`` there.
        stem: compare English words by their stems.
    """
    RougeScorer = library("rouge_score.rouge_scorer", "tasks").RougeScorer

    paired(references, hypotheses)
    if tokens is None and not any(_has_ascii_word(text) for text in references):
        raise ValueError("the references have no word of a–z or 0–9: pass tokens=characters")
    tokenizer = SimpleNamespace(tokenize=tokens) if tokens else None
    scorer = RougeScorer(ROUGE_TYPES, use_stemmer=stem, tokenizer=tokenizer)
    pairs = [scorer.score(r, h) for r, h in zip(references, hypotheses, strict=True)]
    return {name: _mean([pair[name] for pair in pairs]) for name in ROUGE_TYPES}


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """(Substitutions + deletions + insertions) / words of the references, over all; can pass 1.

    Case and punctuation count; normalise both sides first if they should not. By jiwer.
    """
    jiwer = library("jiwer", "tasks")

    _spoken(references, hypotheses)
    return float(jiwer.wer(list(references), list(hypotheses)))


def character_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """As ``word_error_rate``, by characters, spaces left out: the measure for Chinese."""
    jiwer = library("jiwer", "tasks")

    _spoken(references, hypotheses)
    spaced = [[" ".join(characters(text)) for text in side] for side in (references, hypotheses)]
    return float(jiwer.wer(spaced[0], spaced[1]))  # a character is a word now


def _streams(references: Sequence[Sequence[str]], hypotheses: Sequence[str]) -> list[list[Any]]:
    """The n-th references of all sentences together, as sacrebleu wants them; None where missing."""
    paired(references, hypotheses)
    for several in references:
        if isinstance(several, str) or not several:
            raise ValueError(
                f"the references of a sentence are {several!r}: give a list of one or more"
            )
    return [list(stream) for stream in zip_longest(*references)]


def _has_ascii_word(text: str) -> bool:
    return any(c.isascii() and c.isalnum() for c in text)


def _mean(scores: Sequence[Any]) -> Score:
    columns = zip(*scores, strict=True)  # rouge-score's own (precision, recall, fmeasure)
    return Score(*(sum(column) / len(scores) for column in columns))


def _spoken(references: Sequence[str], hypotheses: Sequence[str]) -> None:
    paired(references, hypotheses)
    for i, text in enumerate(references):
        if not text.strip():
            raise ValueError(
                f"reference {i} is empty, so there is nothing to divide errors by: leave that pair out"
            )
