"""Translation word by word, with a dictionary learned from pairs of sentences: the baseline that
knows no grammar.

Which word renders which is not marked in the pairs. Model 1 of Brown et al. (1993, section 4.2)
finds out by expectation–maximisation: from t(f|e), evenly spread at first, how probable each link
of a target word f to a source word e of its sentence is; from these links, summed, a better t.
The paper's empty word, which may render anything, is left out: it takes the full stops, which are
in every sentence, and with them from every translation.

N pairs · S, T source and target positions · V_e, V_f vocabularies
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from llm_nb.models.checks import check_ids

Ids = Sequence[Sequence[int]]
_ROWS = 4096  # pairs at a time
_TIE = 1e-4  # links that differ by less are alike: then the place decides, which Model 1 ignores


class WordByWord:
    """A dictionary and nothing else: each source word gives one target word, or none.

    Args:
        source_vocab_size, target_vocab_size: V_e and V_f.
        pad: the id of padding in both.

    >>> pairs = [[5, 6], [5, 7], [8, 6]], [[3, 4], [3, 2], [9, 4]]
    >>> WordByWord(9, 10).fit(*pairs).translate([8, 7])
    [9, 2]
    """

    def __init__(self, source_vocab_size: int, target_vocab_size: int, pad: int = 0) -> None:
        if not 0 <= pad < min(source_vocab_size, target_vocab_size):
            raise ValueError(f"pad is {pad}: it must be an id of both vocabularies")
        self.sizes, self.pad = (source_vocab_size, target_vocab_size), pad
        self.t = torch.full(self.sizes, 1 / target_vocab_size)  # (V_e, V_f) t(f|e)
        self.dictionary: dict[int, int | None] = {}

    def fit(self, sources: Ids, targets: Ids, steps: int = 10) -> WordByWord:
        """Learn t(f|e) in ``steps`` of expectation–maximisation, and from its links the dictionary.

        Args:
            sources, targets: ids of each pair, without marks of begin and end.

        Raises:
            ValueError: the numbers differ, a row is empty or holds padding, an id is outside its
                vocabulary, or there are no steps.
        """
        if steps < 1:
            raise ValueError(f"steps is {steps}: it must be at least 1")
        if len(sources) != len(targets) or not sources:
            raise ValueError(f"there are {len(sources)} sources and {len(targets)} targets")
        batches = [
            (self._padded(sources[i : i + _ROWS], 0), self._padded(targets[i : i + _ROWS], 1))
            for i in range(0, len(sources), _ROWS)
        ]
        for _ in range(steps):
            counts = torch.zeros(self.sizes)
            for e, f in batches:
                links = self.links(e, f)  # (N, S, T)
                cells = e[:, :, None] * self.sizes[1] + f[:, None, :]  # of the table, flat
                counts.view(-1).index_add_(0, cells.flatten(), links.flatten())
            self.t = counts / counts.sum(1, keepdim=True).clamp(min=1e-30)
        self.dictionary = self._most_often(batches)
        return self

    def links(self, e: Tensor, f: Tensor) -> Tensor:
        """P(f_j is linked to e_i) for source e (N, S) and target f (N, T): (N, S, T), summing to 1
        over the source; 0 at padding (Brown et al. 1993, equation 17)."""
        t = self.t[e[:, :, None], f[:, None, :]]  # (N, S, T)
        t = t * ((e != self.pad)[:, :, None] & (f != self.pad)[:, None, :])
        return t / t.sum(1, keepdim=True).clamp(min=1e-30)

    def translate(self, source: Sequence[int]) -> list[int]:
        """Each word's entry in the dictionary, in the order of the source (any length); words that
        it lacks or that mostly render nothing are left out."""
        found = (self.dictionary.get(int(word)) for word in source)
        return [word for word in found if word is not None]

    def _most_often(self, batches: list[tuple[Tensor, Tensor]]) -> dict[int, int | None]:
        """For each source word what stands for it most often: each target word is given to the
        source word that it is most probably linked to, of words alike to the nearest; None where
        that is nothing."""
        rendered: defaultdict[int, Counter[int | None]] = defaultdict(Counter)
        for e, f in batches:
            links = self.links(e, f)
            best = (links - _TIE * _distances(*links.shape[1:])).argmax(1)  # (N, T)
            for words, others, places in zip(e.tolist(), f.tolist(), best.tolist(), strict=True):
                linked = Counter[int]()
                for other, place in zip(others, places, strict=True):
                    if other != self.pad:
                        rendered[words[place]][other] += 1
                        linked[place] += 1
                for i, word in enumerate(words):
                    if word != self.pad and not linked[i]:
                        rendered[word][None] += 1
        return {word: counts.most_common(1)[0][0] for word, counts in rendered.items()}

    def _padded(self, rows: Ids, side: int) -> Tensor:
        name = ("source", "target")[side]
        if not all(len(row) and self.pad not in row for row in rows):
            raise ValueError(
                f"a {name} is empty or holds {self.pad}, the id of padding: leave the pair out"
            )
        ids = torch.full((len(rows), max(map(len, rows))), self.pad)
        for b, row in enumerate(rows):
            ids[b, : len(row)] = torch.as_tensor(row)
        check_ids(ids, self.sizes[side])
        return ids


def _distances(S: int, T: int) -> Tensor:
    """How far target place j is from source place i, (S, T), from 0 to 1."""
    return (torch.arange(S)[:, None] - torch.arange(T)).abs() / max(S, T)
