"""Labels of words and characters brought to the pieces that a tokenizer makes of them.

All of it rests on the tokenizer's word numbers and character offsets (``text.wordpiece``); where
Hugging Face has a convention it is followed, and the tests compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_nb.data.batches import IGNORE
from llm_nb.data.examples import Answer, Question
from llm_nb.text.wordpiece import WordPiece
from llm_nb.text.wordpiece_encoding import Encoding, LocatedPiece

CLS_SPAN = (0, 0)  # start and end at [CLS]: there is no answer here


def align_tags(word_ids: Sequence[int | None], tags: Sequence[int]) -> list[int]:
    """The label of each piece: its word's tag at the word's first piece, −100 at all others.

    A word is judged once, however many pieces it has (Devlin et al. 2019, section 5.3). A word
    that yields no piece, or is cut off, has no label.

    Args:
        word_ids: of an ``Encoding``; None at [CLS] and [SEP].
        tags: the number of each word's tag.

    Raises:
        ValueError: a piece belongs to a word that has no tag.

    >>> align_tags([None, 0, 1, 1, None], [3, 5])
    [-100, 3, 5, -100, -100]
    """
    labels, before = [], None
    for word in word_ids:
        if word is not None and word >= len(tags):
            raise ValueError(
                f"a piece belongs to word {word}, but there are {len(tags)} tags: encode the "
                "sentence by encode_words, from the same words"
            )
        labels.append(IGNORE if word is None or word == before else tags[word])
        before = word
    return labels


def align_answer(
    offsets: Sequence[tuple[int, int]], inside: slice, answer: Answer | None
) -> tuple[int, int]:
    """The first and last piece of an answer, or ``CLS_SPAN`` where it is not wholly there.

    Args:
        offsets: characters [start, end) of every piece, in the context.
        inside: which pieces are the context's.
        answer: None: the question has none.

    An answer that begins or ends within a piece takes the whole of the piece, so it can be read
    back with a character too many, never with one too few.
    """
    pieces = range(len(offsets))[inside]
    if answer is None or not pieces:
        return CLS_SPAN
    end = answer.start + len(answer.text)
    if offsets[pieces[0]][0] > answer.start or offsets[pieces[-1]][1] < end:
        return CLS_SPAN
    covered = [i for i in pieces if offsets[i][1] > answer.start and offsets[i][0] < end]
    return (covered[0], covered[-1]) if covered else CLS_SPAN


@dataclass(frozen=True)
class Window:
    """A question with the part of its context that fits beside it: [CLS] question [SEP] part [SEP].

    ``inside`` are the places of the part; their offsets count in the context. ``answer`` holds the
    first and last place of the first answer, both 0 where the part does not hold all of it.
    ``example`` numbers the question.
    """

    encoding: Encoding
    inside: slice
    answer: tuple[int, int]
    example: int = 0

    def text(self, context: str, start: int, end: int) -> str:
        """What stands in the context from place ``start`` to place ``end``, that included; "" where
        no answer can stand."""
        first, last = self.inside.start, self.inside.stop
        if not first <= start <= end < last:
            return ""
        offsets = self.encoding.offsets
        return context[offsets[start][0] : offsets[end][1]]


def question_windows(
    tokenizer: WordPiece,
    question: Question,
    max_length: int = 384,
    stride: int = 128,
    max_question: int = 64,
    example: int = 0,
) -> list[Window]:
    """A question and its context as windows of at most ``max_length`` tokens that overlap.

    Args:
        stride: tokens of context that a window shares with the one before it. (In the released
            code of BERT ``doc_stride`` is the step from one to the next; here, as in Hugging Face's
            tokenizers, it is the overlap.)
        max_question: a longer question is cut to so many tokens.

    Raises:
        ValueError: the windows have no room to move on.
    """
    asked = _located(tokenizer, question.question)[:max_question]
    context = _located(tokenizer, question.context)
    room = max_length - len(asked) - 3  # [CLS], [SEP], [SEP]
    if not 0 <= stride < room:
        raise ValueError(
            f"max_length {max_length} leaves {room} places for the context beside a question of "
            f"{len(asked)}, and stride {stride} of them overlap: give more length or less stride"
        )
    answer = question.answers[0] if question.answers else None
    windows, start = [], 0
    while True:
        part = context[start : start + room]
        encoding = _joined(tokenizer, asked, part)
        inside = slice(len(asked) + 2, len(asked) + 2 + len(part))
        windows.append(
            Window(encoding, inside, align_answer(encoding.offsets, inside, answer), example)
        )
        if start + room >= len(context):
            return windows
        start += room - stride


def _located(tokenizer: WordPiece, text: str) -> list[LocatedPiece]:
    """The pieces of a text without [CLS] and [SEP]."""
    encoding = tokenizer.encoding(text)
    return [
        (token, span, word)
        for token, span, word in zip(encoding.ids, encoding.offsets, encoding.word_ids, strict=True)
        if word is not None
    ]


def _joined(
    tokenizer: WordPiece, first: list[LocatedPiece], second: list[LocatedPiece]
) -> Encoding:
    ids = [tokenizer.cls_id, *(t for t, _, _ in first), tokenizer.sep_id]
    segments = [0] * len(ids) + [1] * (len(second) + 1)
    ids += [*(t for t, _, _ in second), tokenizer.sep_id]
    nowhere = (0, 0)
    offsets = [nowhere, *(s for _, s, _ in first), nowhere, *(s for _, s, _ in second), nowhere]
    words = [None, *(w for _, _, w in first), None, *(w for _, _, w in second), None]
    return Encoding(ids, segments, offsets, words)
