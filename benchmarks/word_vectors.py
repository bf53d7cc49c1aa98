"""Skip-gram with negative sampling against gensim, on Python source, at measured held-out loss."""

from __future__ import annotations

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


def compare(
    documents: list[list[int]], pairs: Batch, size: int, subsample: float, epochs: int
) -> Comparison:
    """The same words, sizes, rates and epochs for both."""
    config = Word2VecConfig(size, DIM, WINDOW, NEGATIVES, subsample)
    words, losses = sum(map(len, documents)), {"llm-nb": float("inf"), "gensim": float("inf")}

    def ours() -> SkipGram:
        torch.manual_seed(0)
        model = SkipGram(config)
        train(model, documents, epochs=epochs, lr=LR, min_lr=MIN_LR)
        return model

    # gensim wants strings; it may build its vocabulary and cut sentences before the clock runs.
    # It would cut a document off after 10,000 words: hand it the pieces that we read too.
    sentences = [
        [str(i) for i in document[at : at + 10_000]]
        for document in documents
        for at in range(0, len(document), 10_000)
    ]
    random.Random(0).shuffle(sentences)  # we shuffle too, and the order has an effect on the loss
    prepared = Word2Vec(
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
    prepared.build_vocab(sentences)
    assert prepared.corpus_total_words == words, "gensim reads other words: not the same work"

    def reference() -> Word2Vec:
        prepared.init_weights()
        prepared.train(sentences, total_examples=len(sentences), epochs=epochs)
        return prepared

    losses["llm-nb"] = loss(ours(), pairs)
    gensim = reference()
    order = [gensim.wv.key_to_index[str(i)] for i in range(size)]
    theirs = SkipGram(config)
    theirs.v.data = torch.from_numpy(gensim.wv.vectors[order])
    theirs.u.data = torch.from_numpy(gensim.syn1neg[order])
    losses["gensim"] = loss(theirs, pairs)
    assert losses["llm-nb"] <= losses["gensim"] + 0.01, f"not as well trained: {losses}"
    return Comparison(
        f"Skip-gram with negative sampling, {words / 1e6:.2f} M words of Python source, "
        f"{'no subsampling' if not subsample else f'subsampling {subsample:g}'}",
        words * epochs / 1e3,
        "thousand words",
        {"llm-nb": ours, "gensim": reference},
        ("llm-nb", "torch", "gensim"),
        f"{size} words, {DIM} dimensions, window {WINDOW}, {NEGATIVES} negatives, epochs: {epochs}, "
        f"rate {LR} to {MIN_LR}. Held-out loss (equation 4 of Mikolov et al. 2013b, nats a pair, "
        f"{len(pairs[0])} pairs of other files, the same noise for both): llm-nb "
        f"{losses['llm-nb']:.3f}, gensim {losses['gensim']:.3f}; {6 * 0.693147:.3f} untrained.",
    )


def comparisons() -> list[Comparison]:
    """Without and with the subsampling of frequent words."""
    documents, held_out, size = word_ids()
    pairs = held_out_pairs(documents, held_out, size)
    return [
        compare(documents, pairs, size, subsample=0.0, epochs=1),
        compare(documents, pairs, size, subsample=1e-3, epochs=1),
    ]
