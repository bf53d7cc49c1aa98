"""The figures on the page about data are those that the code yields."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from llm_nb.data.corpora import (
    PSF,
    language_reference,
    reference_topics,
    split_as_it_is,
    standard_library,
)
from llm_nb.data.microworld import lexicon as w
from llm_nb.data.microworld.measure import true_entropy
from llm_nb.data.order import Order
from llm_nb.data.reading import read_text
from llm_nb.data.sets import SETS, WIKITEXT_LICENCE, WIKITEXTS
from llm_nb.data.tasks import load_task
from llm_nb.metrics.leaks import leak_bits_per_byte
from llm_nb.models.ngram import KneserNey
from llm_nb.text.wordpiece import WordPiece

PAGE = (Path(__file__).parents[2] / "book" / "data.md").read_text("utf-8")


def rows(first):
    """The cells of the table rows whose first cell is code that matches."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if re.fullmatch(rf"`{first}`", cells[0]):
            yield [cells[0].strip("`"), *cells[1:]]


def near(text, value):
    """A figure with its decimals is what ``value`` rounds to, give or take one at the end."""
    figure = float(text.replace(",", ""))
    return figure == pytest.approx(value, abs=1.01 * 10 ** -len(text.partition(".")[2]))


def test_the_sets_are_those_of_the_code_with_their_tasks_and_licences():
    listed = {name: cells for name, *cells in rows(r"[\w-]+") if name in SETS}
    assert list(listed) == list(SETS)
    for name, known in SETS.items():
        task, local, hub, licence = listed[name]
        assert (task, licence) == (known.task, known.licence)
        assert (local == "–") == (known.from_files is None)
        repository = known.hub.repository if known.hub else None
        assert hub == (
            f"[{repository}](https://huggingface.co/datasets/{repository})" if repository else "–"
        )
    assert WIKITEXTS["wikitext-2"].repository in PAGE
    assert WIKITEXT_LICENCE in PAGE
    assert PSF == "Python Software Foundation License"


UNITS = {
    "story": lambda s: 1,
    "English word or mark": lambda s: len(s.words()),
    "English character": lambda s: len(s.text()),
    "Chinese word or mark": lambda s: len(s.words("zh")),
    "Chinese character": lambda s: len(s.text("zh")),
}


@pytest.mark.parametrize("unit", UNITS)
def test_the_entropies_of_the_microworld(unit):
    [line] = [line for line in PAGE.splitlines() if line.startswith(f"| {unit} |")]
    units, entropy = (cell.strip() for cell in line.strip("| ").split(" | ")[1:])
    found = true_entropy(UNITS[unit])
    rate, error = entropy.split(" ± ")
    assert near(units, found.units_per_story)
    assert near(rate, found.per_unit[0])
    assert near(error, found.per_unit[1])


def test_the_words_of_the_microworld():
    numbers = [len(x) for x in (w.NAMES, w.PLACES, w.THINGS, w.COLOURS)]
    assert "There are {} people, {} towns and {} things in {} colours".format(*numbers) in PAGE
    both = {w.ENGLISH[x] for x in w.NAMES} & {w.ENGLISH[x] for x in w.PLACES}
    assert len(both) == len({w.CHINESE[x] for x in w.NAMES} & {w.CHINESE[x] for x in w.PLACES})
    assert len(both) == 12


@pytest.mark.parametrize("name", [name for name, known in SETS.items() if known.from_files])
def test_local_sizes(real_data, name):
    [(_, _, sizes, *_)] = rows(name)
    data = load_task(name, folder=real_data)
    parts = (data.train, data.validation, data.test)
    assert sizes == " · ".join(f"{len(part):,}" for part in parts)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page's figures are Python 3.11's")
@pytest.mark.parametrize("load", [standard_library, language_reference])
def test_the_corpora_of_python(load):
    [(_, *cells)] = rows(rf"{load.__wrapped__.__name__}\(\)")
    corpus = load()
    for cell, part in zip(cells, ("train", "validation"), strict=False):
        documents, megabytes = re.findall(r"[\d.]+", cell)
        # Releases of 3.11 differ in a line here and there.
        assert int(documents) == pytest.approx(len(getattr(corpus, part)), rel=0.02)
        assert near(megabytes, corpus.n_bytes(part) / 1e6)
    assert int(cells[2].replace(",", "")) == pytest.approx(corpus.n_exact, rel=0.02)
    assert int(cells[3]) == pytest.approx(corpus.n_near, abs=2)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page's figures are Python 3.11's")
def test_the_leak():
    raw, mended = split_as_it_is("raw", reference_topics(), PSF), language_reference()
    leak, honest = (leak_bits_per_byte(c.train, c.validation) for c in (raw, mended))
    xz = re.search(r"needs ([\d.]+) bits .* needs ([\d.]+) bits", PAGE)
    counting = re.search(r"8-grams of bytes goes from ([\d.]+) to ([\d.]+)\.", PAGE)
    assert near(xz[1], leak.xz)
    assert near(xz[2], honest.xz)
    assert near(counting[1], leak.counting)
    assert near(counting[2], honest.counting)


def test_padding(real_data):
    tokenizer = WordPiece.from_vocab(real_data / "bert-base-uncased-vocab" / "vocab.txt")
    sentences = load_task("sst2", folder=real_data).validation
    lengths = [len(tokenizer.encode(example.text)) for example in sentences]
    plain, pooled = (100 * Order(lengths, 32, 0, pool).padding_share() for pool in (1, 50))
    figures = re.search(r"part, (\d+) % of all places .* and (\d+) % remain", PAGE)
    assert near(figures[1], plain)
    assert near(figures[2], pooled)


def test_wikitext_by_counting(real_data):
    known, new = (
        np.frombuffer(read_text(real_data / "wikitext-2" / f"{name}.txt").encode(), np.uint8)
        for name in ("valid", "test")
    )
    assert (len(known), len(new)) == (1_121_681, 1_256_449)
    bits = -KneserNey(6, 256).fit(known).log2_probs(new).mean()
    assert near(re.search(r"needs ([\d.]+) bits for each byte of the test file", PAGE)[1], bits)
