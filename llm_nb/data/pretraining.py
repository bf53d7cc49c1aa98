"""BERT's two tasks as sources for ``Feed`` (Devlin et al. 2019, section 3.1 and appendix A.2)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from llm_nb.data.feeds import fingerprint
from llm_nb.data.masking import batch_generator, mask_tokens
from llm_nb.data.order import Order
from llm_nb.data.padding import TextBatch, pad
from llm_nb.text.wordpiece import WordPiece
from llm_nb.text.wordpiece_encoding import Encoding, padded

IS_NEXT, NOT_NEXT = 0, 1  # the classes of the released weights


class PairBatch(NamedTuple):
    """What ``BertForPreTraining.loss`` takes."""

    ids: Tensor  # (B, T), some of them masked
    labels: Tensor  # (B, T), the masked tokens, −100 elsewhere
    next_labels: Tensor  # (B,), 0 where the second follows the first, else 1
    attention_mask: Tensor  # (B, T), 1 at real tokens
    segments: Tensor  # (B, T)


class MaskedTexts:
    """Batches of encoded texts with tokens hidden anew in every epoch.

    Args:
        encodings: of each row, as ``tokenizer`` gave them.
        whole_words: hide all pieces of a word or none.
        pool: batches sorted by length at a time (see ``Order``).

    Raises:
        ValueError: as ``Order`` and ``mask_tokens``.
    """

    def __init__(
        self,
        encodings: Sequence[Encoding],
        tokenizer: WordPiece,
        batch_size: int,
        seed: int = 0,
        *,
        rate: float = 0.15,
        whole_words: bool = False,
        pool: int = 1,
    ) -> None:
        self.encodings, self.tokenizer = encodings, tokenizer
        self.seed, self.rate, self.whole_words = seed, rate, whole_words
        self.order = Order([len(e.ids) for e in encodings], batch_size, seed, pool)
        settings = ("masked", tokenizer.vocab_size, batch_size, seed, rate, whole_words, pool)
        whole = np.concatenate([np.append(e.ids, -1) for e in encodings]).astype(np.int32)
        self.fingerprint = fingerprint(whole, *settings)

    def __getitem__(self, n: int) -> TextBatch:
        chosen = [self.encodings[row] for row in self.order[n]]
        batch = padded(chosen, self.tokenizer.pad_id)
        ids, mask, segments = (torch.from_numpy(part) for part in batch)
        words = None
        if self.whole_words:
            words = pad([[-1 if w is None else w for w in e.word_ids] for e in chosen], -1)
        generator = batch_generator(self.seed, n)
        ids, labels = _mask(ids, self.tokenizer, generator, self.rate, words)
        return TextBatch(ids, labels, mask, segments)


class SentencePairs:
    """Batches of two passages: half the time the second follows the first in its document.

    As in the released code, a passage is a run of sentences, cut off at a random sentence; the
    false second passage comes from another document, from a random sentence on. It is drawn
    again where it happens to begin like the true one. Where a pair is too long, the first loses
    tokens at its beginning and the second at its end, so that a true pair stays adjacent.

    Args:
        documents: each a list of its sentences, in order.
        max_length: T, with [CLS] and both [SEP].
        short: the chance that a pair aims at a random shorter length, so that positions are
            learnt in short texts too.
        whole_words: as in ``MaskedTexts``.

    Raises:
        ValueError: there are not two documents, of which one has two sentences that yield tokens;
            or ``max_length`` is below 5.
    """

    def __init__(
        self,
        documents: Sequence[Sequence[str]],
        tokenizer: WordPiece,
        batch_size: int,
        max_length: int = 128,
        seed: int = 0,
        *,
        rate: float = 0.15,
        short: float = 0.1,
        whole_words: bool = False,
    ) -> None:
        if max_length < 5 or batch_size < 1:
            raise ValueError(
                f"max_length {max_length} must be at least 5, [CLS] a [SEP] b [SEP], and "
                f"batch_size {batch_size} at least 1"
            )
        encoded = [[_Pieces.of(tokenizer, text) for text in document] for document in documents]
        kept = [[pieces for pieces in document if pieces.ids] for document in encoded]
        self.documents = [document for document in kept if document]
        # Pairs begin at a sentence that another follows; each is as likely as any other.
        self._ends = list(accumulate(len(document) - 1 for document in self.documents))
        if len(self.documents) < 2 or not self._ends[-1]:
            raise ValueError(
                "pairs need two documents or more, and one of at least two sentences: split your "
                "text into documents, and these into sentences"
            )
        self.tokenizer, self.batch_size, self.room = tokenizer, batch_size, max_length - 3
        self.seed, self.rate, self.short, self.whole_words = seed, rate, short, whole_words
        whole = np.concatenate(
            [np.append(s.ids, -1) for d in self.documents for s in [*d, _Pieces([], [])]]
        ).astype(np.int32)
        self.fingerprint = fingerprint(
            whole,
            "pairs",
            tokenizer.vocab_size,
            batch_size,
            max_length,
            seed,
            rate,
            short,
            whole_words,
        )

    def __getitem__(self, n: int) -> PairBatch:
        draw = np.random.default_rng((self.seed, n))
        pairs = [self._pair(draw) for _ in range(self.batch_size)]
        t = self.tokenizer
        rows = [[t.cls_id, *a.ids, t.sep_id, *b.ids, t.sep_id] for a, b, _ in pairs]
        words = [[-1, *a.words, -1, *b.words, -1] for a, b, _ in pairs]
        ids = pad(rows, t.pad_id)
        mask = pad([[1] * len(row) for row in rows], 0)
        segments = pad([[0] * (len(a.ids) + 2) + [1] * (len(b.ids) + 1) for a, b, _ in pairs], 0)
        masked, labels = _mask(
            ids,
            t,
            batch_generator(self.seed, n),
            self.rate,
            pad(words, -1) if self.whole_words else None,
        )
        next_labels = torch.tensor([label for _, _, label in pairs])
        return PairBatch(masked, labels, next_labels, mask, segments)

    def _pair(self, draw: np.random.Generator) -> tuple[_Pieces, _Pieces, int]:
        at = int(draw.integers(self._ends[-1]))
        number = bisect_right(self._ends, at)
        document = self.documents[number]
        start = at - (self._ends[number - 1] if number else 0)
        target = self.room
        if draw.random() < self.short:
            target = int(draw.integers(2, self.room + 1))
        # As many sentences as fit, two at least, cut into both passages at a random one.
        stop, total = start + 2, len(document[start].ids) + len(document[start + 1].ids)
        while stop < len(document) and total < target:
            total += len(document[stop].ids)
            stop += 1
        cut = int(draw.integers(start + 1, stop))
        first, following = _Pieces.joined(document[start:cut]), document[cut:stop]
        second, label = _Pieces.joined(following), IS_NEXT
        if draw.random() < 0.5:
            other = self._elsewhere(draw, number, following[0], target - len(first.ids))
            if other is not None:
                second, label = other, NOT_NEXT
        return *_fitted(first, second, target), label

    def _elsewhere(
        self, draw: np.random.Generator, number: int, true_next: _Pieces, length: int
    ) -> _Pieces | None:
        """About ``length`` tokens of another document, or None where all others begin alike."""
        for _ in range(20):
            other = int(draw.integers(len(self.documents) - 1))
            document = self.documents[other + (other >= number)]
            start = stop = int(draw.integers(len(document)))
            if document[start].ids == true_next.ids:
                continue
            total = 0
            while stop < len(document) and (stop == start or total < length):
                total += len(document[stop].ids)
                stop += 1
            return _Pieces.joined(document[start:stop])
        return None


class _Pieces(NamedTuple):
    """Ids of a passage without special tokens, and the word of each."""

    ids: list[int]
    words: list[int]

    @classmethod
    def of(cls, tokenizer: WordPiece, text: str) -> _Pieces:
        encoding = tokenizer.encoding(text)
        pieces = zip(encoding.ids, encoding.word_ids, strict=True)
        kept = [(token, word) for token, word in pieces if word is not None]
        return cls([token for token, _ in kept], [word for _, word in kept])

    @classmethod
    def joined(cls, sentences: Sequence[_Pieces]) -> _Pieces:
        ids: list[int] = []
        words: list[int] = []
        for sentence in sentences:
            base = words[-1] + 1 if words else 0
            ids += sentence.ids
            words += [base + word for word in sentence.words]
        return cls(ids, words)


def _fitted(first: _Pieces, second: _Pieces, room: int) -> tuple[_Pieces, _Pieces]:
    """Both within ``room``: the longer is cut first, then both, where they do not touch."""
    a, b = len(first.ids), len(second.ids)
    if a + b > room:
        short = min(a, b, max(1, room // 2))
        a, b = (short, max(1, room - short)) if a <= b else (max(1, room - short), short)
    return (
        _Pieces(first.ids[-a:], first.words[-a:]),
        _Pieces(second.ids[:b], second.words[:b]),
    )


def _mask(
    ids: Tensor, t: WordPiece, generator: torch.Generator, rate: float, words: Tensor | None
) -> tuple[Tensor, Tensor]:
    specials = list(t.special_tokens.values())
    return mask_tokens(ids, specials, t.mask_id, t.vocab_size, generator, rate, words)
