"""Skip-gram with negative sampling against gensim, on Python source, at measured held-out loss."""

from __future__ import annotations

import math
import random
import re
from collections import Counter

import torch
from gensim.models import Word2Vec
from run import Comparison

from llm_nb.data.corpora import standard_library
from llm_nb.models.windows import read
from llm_nb.models.word2vec import SkipGram, Word2VecConfig, train

DIM, WINDOW, NEGATIVES, MIN_COUNT, LR, MIN_LR = 100, 5, 5, 5, 0.025, 1e-4
MARGIN = 0.01  # nats a pair; ours varied by 0.003 over four seeds of five epochs
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def word_ids() -> tuple[list[list[int]], list[list[int]], int]:
    """Documents of the training and the validation part as ids, and the number of words."""
    corpus = standard_library()
    parts = [
        [re.findall(r"[^\W\d_]+", text.lower()) for text in texts]
        for texts in (corpus.train, corpus.validation)
    ]
    counts = Counter(word for document in parts[0] for word in document)
    ids = {w: i for i, (w, n) in enumerate(counts.most_common()) if n >= MIN_COUNT}
    train, held_out = (
        [[ids[word] for word in document if word in ids] for document in part] for part in parts
    )
    return train, held_out, len(ids)


def held_out_pairs(train: list[list[int]], held_out: list[list[int]], size: int) -> Batch:
    """Pairs of the validation text, each with its own noise words, the same for everyone."""
    pairs = [w.pairs()[:2] for _, w in read(held_out, size, window=WINDOW, subsample=0, seed=1)]
    centres, contexts = (torch.cat(ids) for ids in zip(*pairs, strict=True))
    counts = torch.bincount(torch.tensor([i for d in train for i in d]), minlength=size)
    generator = torch.Generator().manual_seed(2)
    noise = torch.multinomial(
        counts.double() ** 0.75, NEGATIVES * len(centres), replacement=True, generator=generator
    )
    return centres, contexts, noise.view(-1, NEGATIVES)


@torch.no_grad()
def loss(model: SkipGram, pairs: Batch) -> float:
    """Mean of the paper's objective over all pairs, in nats."""
    total = sum(
        model.loss((a, b, c)).item() * len(a)
        for a, b, c in zip(*(ids.split(10_000) for ids in pairs), strict=True)
    )
    return total / len(pairs[0])


def compare(documents: list[list[int]], pairs: Batch, size: int, subsample: float) -> Comparison:
    """The same words, sizes, rates and epochs for both: one epoch timed, and losses of five too."""
    config, words = (
        Word2VecConfig(size, DIM, WINDOW, NEGATIVES, subsample),
        sum(map(len, documents)),
    )

    def ours(epochs: int = 1) -> SkipGram:
        torch.manual_seed(0)
        model = SkipGram(config)
        train(model, documents, epochs=epochs, lr=LR, min_lr=MIN_LR)
        return model

    # gensim wants strings, and cuts a document off after 10,000 words: it gets the pieces that we
    # read too, in random order as we read them, and its vocabulary before the clock runs.
    sentences = [
        [str(i) for i in document[at : at + 10_000]]
        for document in documents
        for at in range(0, len(document), 10_000)
    ]
    random.Random(0).shuffle(sentences)
    gensim = Word2Vec(
        sg=1,
        hs=0,
        negative=NEGATIVES,
        window=WINDOW,
        vector_size=DIM,
        sample=subsample,
        alpha=LR,
        min_alpha=MIN_LR,
        min_count=1,
        workers=1,
        seed=1,
    )
    gensim.build_vocab(sentences)
    assert gensim.corpus_total_words == words, "gensim reads other words: not the same work"
    order = [gensim.wv.key_to_index[str(i)] for i in range(size)]

    def theirs(epochs: int = 1) -> None:
        gensim.init_weights()
        gensim.train(sentences, total_examples=len(sentences), epochs=epochs)

    losses = []
    for epochs in (1, 5):
        theirs(epochs)
        copy = SkipGram(config)
        copy.v.data = torch.from_numpy(gensim.wv.vectors[order])
        copy.u.data = torch.from_numpy(gensim.syn1neg[order])
        mine, reference = loss(ours(epochs), pairs), loss(copy, pairs)
        assert mine <= reference + MARGIN, f"not as well trained: {mine} against {reference}"
        losses.append(f"after {epochs} llm-nb {mine:.4f}, gensim {reference:.4f}")
    return Comparison(
        f"Skip-gram with negative sampling, {words / 1e6:.2f} M words of Python source, "
        f"{f'subsampling {subsample:g}' if subsample else 'no subsampling'}",
        words / 1e3,
        "thousand words",
        {"llm-nb": ours, "gensim": theirs},
        ("llm-nb", "torch", "gensim"),
        f"{size} words, {DIM} dimensions, window {WINDOW}, {NEGATIVES} negatives, rate {LR} falling "
        f"to {MIN_LR}. Timed: one epoch. Held-out loss (equation 4 of Mikolov et al. 2013b, nats a "
        f"pair, {len(pairs[0])} pairs of other files, the same noise words for both; "
        f"{(1 + NEGATIVES) * math.log(2):.4f} untrained), epochs: {'; '.join(losses)}. "
        f"The run stops where ours is over gensim's by more than {MARGIN}.",
    )


def comparisons() -> list[Comparison]:
    """Without and with the subsampling of frequent words."""
    documents, held_out, size = word_ids()
    pairs = held_out_pairs(documents, held_out, size)
    return [compare(documents, pairs, size, subsample) for subsample in (0.0, 1e-3)]
