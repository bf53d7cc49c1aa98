"""Byte-level BPE with GPT-2's released vocabulary: ids of tiktoken and of Hugging Face."""

import json
import random
import string
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llm_nb.text import bpe_training
from llm_nb.text.bpe import GPT2_PATTERN, ByteLevelBPE

tiktoken_load = pytest.importorskip("tiktoken.load")
tiktoken = pytest.importorskip("tiktoken")
tokenizers = pytest.importorskip("tokenizers")


@dataclass(frozen=True)
class Readers:
    """Three tokenizers of the same two files, each read by its own library."""

    ours: ByteLevelBPE
    tiktoken: Callable[[list[str]], list[list[int]]]
    hugging_face: Callable[[list[str]], list[list[int]]]

    def check(self, texts: list[str]) -> None:
        """Our ids are both references' ids, and give the text back."""
        ids = [self.ours.encode(text) for text in texts]
        assert ids == self.tiktoken(texts)
        assert ids == self.hugging_face(texts)
        assert list(map(self.ours.decode, ids)) == texts


@pytest.fixture(scope="module")
def readers(real_data) -> Iterator[Readers]:
    encoder_json, vocab_bpe = (
        str(real_data / "gpt2-vocab" / name) for name in ("encoder.json", "vocab.bpe")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", "")  # the files are here: no copies of them
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        ranks = tiktoken_load.data_gym_to_mergeable_bpe_ranks(vocab_bpe, encoder_json)
        tik = tiktoken.Encoding(
            "gpt2", pat_str=GPT2_PATTERN, mergeable_ranks=ranks, special_tokens={}
        )
        rust = tokenizers.Tokenizer(tokenizers.models.BPE.from_file(encoder_json, vocab_bpe))
        rust.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        yield Readers(
            ByteLevelBPE.from_gpt2_files(encoder_json, vocab_bpe),
            lambda texts: [tik.encode_ordinary(text) for text in texts],
            lambda texts: [e.ids for e in rust.encode_batch_fast(texts, add_special_tokens=False)],
        )


def test_what_was_published(readers):
    assert readers.ours.vocab_size == 50257
    assert readers.ours.encode("Hello world") == [15496, 995]


def strings_in(value) -> Iterator[str]:
    """Every string of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings_in(inner)


def test_every_line_of_the_shared_data(readers, real_data):
    files = sorted(path for path in real_data.rglob("*") if path.is_file())
    read, checked = [], set()  # a line that recurs is checked once
    for path in files:
        if path.suffix != ".wav":
            text = path.read_text("utf-8")
            lines = text.split("\n")
            if path.parent.name == "xquad":  # escaped in the file: its paragraphs, questions, …
                lines += strings_in(json.loads(text))
            new = list(set(lines) - checked)
            readers.check(new)
            checked.update(new)
            read.append(path.parent.name)
    assert {"wikitext-2", "sst2", "wnut17", "xquad", "tatoeba-cmn-eng"} <= set(read)
    assert len(checked) > 100_000


# Code points that no Unicode version had assigned when this Python was built may be letters
# to a newer table (regex's) and not to an older one (tiktoken's): there the pattern itself means
# different things. Those that will never be assigned are in.
NONCHARACTERS = [chr(c) for c in range(0xFDD0, 0xFDF0)] + [
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
]
ASSIGNED = st.characters(exclude_categories=["Cs", "Cn"])
PIECES = st.one_of(
    st.text(ASSIGNED, max_size=6),
    st.text(st.characters(max_codepoint=0x7F), max_size=8),
    st.text(" \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u2003\u2028\u3000\u180e\u200b\ufeff", max_size=6),
    st.text(st.characters(categories=["Cc", "Cf"]), max_size=3),
    st.text(st.characters(categories=["M"]), max_size=3),
    st.text(st.characters(categories=["N"]), max_size=5),
    st.text(st.characters(min_codepoint=0x10000, exclude_categories=["Cn"]), max_size=3),
    st.text(st.characters(categories=["Co"]), max_size=2),
    st.sampled_from(NONCHARACTERS),
    st.text("aeé北京なсяغك한देไ", max_size=5),
    st.text("a", max_size=80),
    st.sampled_from("'s 't 're 've 'm 'll 'd 'S 'LL ’s ' '' n't".split(" ")),
    st.sampled_from("👩‍👩‍👧 🏳️‍🌈 👍🏽 🇨🇳 1️⃣ e\u0301 ﷺ".split(" ")),
    st.sampled_from(["<|endoftext|>", "The cat", " isn't", "    def f(x):\n", "https://a.b/c?d=1"]),
)


def test_noncharacters_are_what_unicode_says():
    assert len(NONCHARACTERS) == 66
    assert {unicodedata.category(c) for c in NONCHARACTERS} == {"Cn"}


@settings(
    max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(st.lists(PIECES, max_size=6).map("".join))
@example("")
@example("\x00\u200b 'S's  \n\n")
def test_ten_thousand_random_strings(readers, text):
    readers.check([text])


@settings(max_examples=1000, deadline=None)
@given(st.text())
def test_round_trip_of_unassigned_code_points_too(readers, text):
    assert readers.ours.decode(readers.ours.encode(text)) == text


@pytest.mark.parametrize("letters", ["a", "ab", string.ascii_letters])
def test_a_word_of_100_kb_costs_no_more_than_its_length(readers, letters, monkeypatch):
    """The work is the places looked at; going over the word once a merge would be its square."""
    seen, merge = [], bpe_training.TokenChain.merge

    def counting(chain, places, pair, new):
        seen.append(len(places))
        return merge(chain, places, pair, new)

    monkeypatch.setattr(bpe_training.TokenChain, "merge", counting)
    word = "".join(random.Random(0).choices(letters, k=100_000))
    readers.check([word])
    assert 0 < sum(seen) < 2 * len(word)
