"""Pairs of sentences in two languages with one byte-level BPE for both, for a Transformer whose
vectors are shared (Vaswani et al. 2017, sections 3.4 and 5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from llm_nb.data.examples import Translated
from llm_nb.text.bpe import ByteLevelBPE
from llm_nb.text.vocabulary import BEGIN, END, PAD


def shared_tokenizer(pairs: Sequence[Translated], vocab_size: int) -> ByteLevelBPE:
    """Learned from both sides of the pairs; it has ``<pad>``, ``<s>`` and ``</s>``.

    Raises:
        ValueError: as ``ByteLevelBPE.train``.
    """
    texts = [text for pair in pairs for text in (pair.source, pair.target)]
    return ByteLevelBPE.train(texts, vocab_size, [PAD, BEGIN, END])


def encoded_pairs(
    pairs: Sequence[Translated], tokenizer: ByteLevelBPE, longest: int = 64
) -> tuple[list[list[int]], list[list[int]]]:
    """Ids for ``SequencePairs``: source and ``</s>``; ``<s>``, target, ``</s>``. Pairs of which
    one side has over ``longest`` ids, marks included, are left out.

    Raises:
        ValueError: no pair is left.
    """
    begin, end = (tokenizer.special_tokens[mark] for mark in (BEGIN, END))
    sources, targets = [], []
    for pair in pairs:
        source = [*tokenizer.encode(pair.source), end]
        target = [begin, *tokenizer.encode(pair.target), end]
        if max(len(source), len(target)) <= longest:
            sources.append(source)
            targets.append(target)
    if not sources:
        raise ValueError(
            f"none of {len(pairs)} pairs has at most {longest} ids a side: give a larger longest"
        )
    return sources, targets
