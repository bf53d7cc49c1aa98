"""The microworld's summaries: what single words give of them, and a network that reads in order.

All of a summary but a few words is a pattern, such as "NAME had a COLOUR THING and still had it in
the end.", and its gaps are filled with words of the story.

B stories · T words of the longest · K patterns · G gaps · d width
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from llm_nb.data.examples import Summarised
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.cutting import cut
from llm_nb.text.vocabulary import Vocabulary
from llm_nb.training import TrainConfig, Trainer
from tests.data.microworld.bags import STOPS, regression
from tests.data.microworld.networks import padded, shuffled


class Gap(NamedTuple):
    """Where a word of the story goes, and what tells this gap from others: its neighbours."""

    at: int
    sort: str  # "NAME", "COLOUR" or "THING"
    key: str


class Language:
    """Cuts texts and takes summaries apart."""

    def __init__(self, language: str) -> None:
        self.language, forms = language, w.FORMS[language]
        sorts = {"NAME": (*w.NAMES, *w.PLACES), "COLOUR": w.COLOURS, "THING": w.THINGS}
        self.sort = {forms[symbol]: sort for sort, group in sorts.items() for symbol in group}
        self.colours = {forms[symbol] for symbol in w.COLOURS}

    def words(self, text: str) -> list[str]:
        """Of a story or a summary."""
        return [piece.word for piece in cut(text, self.language)]

    def sentences(self, text: str) -> list[list[str]]:
        """The words of each, without the stop."""
        found: list[list[str]] = [[]]
        for word in self.words(text):
            if word in STOPS:
                found.append([])
            else:
                found[-1].append(word)
        return found[:-1]

    def pattern(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words, but for names, colours and things what they are."""
        return tuple(self.sort.get(word, word) for word in words)

    def gaps(self, pattern: Sequence[str]) -> list[Gap]:
        """In their order."""
        around = ["", *pattern, ""]
        return [
            Gap(i, word, " ".join(around[i : i + 3]))
            for i, word in enumerate(pattern)
            if word in ("NAME", "COLOUR", "THING")
        ]


def lead(example: Summarised, language: str) -> list[str]:
    """The first sentence that has a colour: it says what there was, and often whose."""
    known = Language(language)
    sentences = known.sentences(example.text)
    stop = known.words(example.summary)[-1]
    return [*next(s for s in sentences if known.colours & set(s)), stop]


class Filler:
    """Chooses a pattern by the words of the story, then a word for each of its gaps.

    Both by logistic regression without order. Features of a word for a gap: which it is, in how
    many sentences it stands, and how often which words stand beside it there.
    """

    def __init__(self, train: Sequence[Summarised], language: str) -> None:
        self.known = Language(language)
        patterns, rows, labels = [], [], []
        for example in train:
            summary = self.known.words(example.summary)
            pattern = self.known.pattern(summary)
            patterns.append(" ".join(pattern))
            possible = self._possible(example)
            for gap in self.known.gaps(pattern):
                for word, row in self._features(possible, patterns[-1], gap):
                    rows.append(row)
                    labels.append(word == summary[gap.at])
        self.plots = regression().fit([self._counts(example) for example in train], patterns)
        self.model = regression().fit(rows, labels)

    def __call__(self, example: Summarised) -> list[str]:
        """The words of its summary."""
        pattern = str(self.plots.predict([self._counts(example)])[0])
        found = pattern.split()
        possible = self._possible(example)
        for gap in self.known.gaps(found):
            features = dict(self._features(possible, pattern, gap))
            if features:
                scores = self.model.decision_function(list(features.values()))
                found[gap.at] = list(features)[int(scores.argmax())]
        return found

    def _counts(self, example: Summarised) -> dict[str, int]:
        return dict(Counter(self.known.pattern(self.known.words(example.text))))

    def _possible(self, example: Summarised) -> dict[str, Counter[str]]:
        """What stands beside each name, colour and thing, and under "" in how many sentences."""
        found: dict[str, Counter[str]] = {}
        for sentence in self.known.sentences(example.text):
            for word in dict.fromkeys(sentence):
                if word in self.known.sort:
                    beside = {self.known.sort.get(o, o) for o in sentence if o != word}
                    found.setdefault(word, Counter()).update([*sorted(beside), ""])
        return found

    def _features(
        self, possible: dict[str, Counter[str]], pattern: str, gap: Gap
    ) -> Iterator[tuple[str, dict[str, float]]]:
        key = f"{pattern} {gap.at}"
        for word, beside in possible.items():
            if self.known.sort[word] == gap.sort:
                found = {f"{key}: {word}": 1.0, f"{key}: {min(beside[''], 6)} times": 1.0}
                yield word, found | {f"{key}: beside {o}": float(n) for o, n in beside.items()}


class Plotter(nn.Module):
    """ids → bidirectional LSTM → the pattern, by the largest value of each unit, and for each gap
    the word of the story that fills it."""

    def __init__(self, vocab_size: int, n_patterns: int, n_gaps: int, d: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d, padding_idx=0)
        self.lstm = nn.LSTM(d, d, num_layers=2, batch_first=True, bidirectional=True)
        self.pattern = nn.Linear(2 * d, n_patterns)
        self.gaps = nn.Linear(2 * d, n_gaps)

    def forward(self, story: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, K) of the patterns and (B, G, T) of the words for each gap."""
        pad = story == 0  # (B, T)
        states = self.lstm(self.embedding(story))[0]  # (B, T, 2d)
        largest = states.masked_fill(pad[:, :, None], -torch.inf).amax(1)  # (B, 2d)
        places = self.gaps(states).transpose(1, 2).masked_fill(pad[:, None], -torch.inf)
        return self.pattern(largest).log_softmax(-1), places.log_softmax(-1)

    def loss(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """−log of the probability of the pattern, and of all right places for the gaps it has."""
        story, pattern, right = batch  # (B, T), (B,), (B, G, T)
        plots, places = self(story)
        found = places.masked_fill(~right, -torch.inf).logsumexp(-1)  # (B, G)
        filled = torch.where(right.any(-1), found, 0.0).sum(1)
        return -(plots.gather(1, pattern[:, None])[:, 0] + filled).mean()


class Summariser:
    """Learns from summaries, writes summaries."""

    def __init__(self, train: Sequence[Summarised], language: str, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.known, self.seed = Language(language), seed
        self.stories = [self.known.words(example.text) for example in train]
        self.summaries = [self.known.words(example.summary) for example in train]
        self.vocabulary = Vocabulary.build(word for story in self.stories for word in story)
        self.ids = [self.vocabulary.encode(story) for story in self.stories]
        self.patterns = sorted({self.known.pattern(summary) for summary in self.summaries})
        gaps = {gap.key for pattern in self.patterns for gap in self.known.gaps(pattern)}
        self.gaps = {key: n for n, key in enumerate(sorted(gaps))}
        self.model = Plotter(len(self.vocabulary), len(self.patterns), len(self.gaps))

    def fit(self, steps: int, lr: float = 6e-3, B: int = 32) -> Summariser:
        """Train."""
        batches = (self._batch(rows) for rows in shuffled(len(self.ids), B, self.seed))
        Trainer(self.model, batches, TrainConfig(steps, lr, warmup=50, weight_decay=0.01)).fit()
        return self

    @torch.inference_mode()
    def __call__(self, examples: Sequence[Summarised]) -> list[list[str]]:
        """The words of their summaries."""
        found = []
        for example in examples:
            story = self.known.words(example.text)
            plots, places = self.model(torch.tensor([self.vocabulary.encode(story)]))
            summary = list(self.patterns[int(plots.argmax())])
            for gap in self.known.gaps(summary):
                right_sort = torch.tensor([self.known.sort.get(x) == gap.sort for x in story])
                scores = places[0, self.gaps[gap.key]].masked_fill(~right_sort, -torch.inf)
                summary[gap.at] = story[int(scores.argmax())]
            found.append(summary)
        return found

    def _batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        story = padded([self.ids[i] for i in rows], 0)
        right = torch.zeros(len(rows), len(self.gaps), story.size(1), dtype=torch.bool)
        numbers = []
        for n, i in enumerate(rows):
            pattern = self.known.pattern(self.summaries[i])
            numbers.append(self.patterns.index(pattern))
            for gap in self.known.gaps(pattern):
                at = [t for t, x in enumerate(self.stories[i]) if x == self.summaries[i][gap.at]]
                right[n, self.gaps[gap.key], at] = True
        return story, torch.tensor(numbers), right
