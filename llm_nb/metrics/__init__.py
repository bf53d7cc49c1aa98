"""How good a model is: of language, labels, spans, entities, words, translations, transcripts,
and texts of its own.

What is right comes first everywhere, what a model says second: ``accuracy(gold, predicted)``.
Scores are fractions from 0 to 1, but BLEU, chrF and SQuAD's two are in percent, as published.
The libraries of the field count where they can be had; each loads when it is first used.
"""

from llm_nb.metrics.labels import Score, accuracy, label_scores, matthews, pearson, spearman
from llm_nb.metrics.language import (
    bits_per_byte,
    compressed_bits_per_byte,
    model_bits_per_byte,
    perplexity,
    total_bits,
)
from llm_nb.metrics.spans import (
    EntityScores,
    SpanScores,
    chinese_tokens,
    entities,
    entity_scores,
    segmentation_scores,
    span_scores,
    squad_tokens,
)
from llm_nb.metrics.text import (
    bleu,
    character_error_rate,
    characters,
    chrf,
    rouge,
    word_error_rate,
)
from llm_nb.metrics.variety import distinct, loop, repeated, self_bleu

__all__ = [
    "EntityScores",
    "Score",
    "SpanScores",
    "accuracy",
    "bits_per_byte",
    "bleu",
    "character_error_rate",
    "characters",
    "chinese_tokens",
    "chrf",
    "compressed_bits_per_byte",
    "distinct",
    "entities",
    "entity_scores",
    "label_scores",
    "loop",
    "matthews",
    "model_bits_per_byte",
    "pearson",
    "perplexity",
    "repeated",
    "rouge",
    "segmentation_scores",
    "self_bleu",
    "span_scores",
    "spearman",
    "squad_tokens",
    "total_bits",
    "word_error_rate",
]
