"""The live figure of byte-pair encoding learns and encodes what the package's tokenizer does."""

from __future__ import annotations

import inspect
import random
from collections import Counter

import pytest
from numpy.testing import assert_allclose

from llm_nb.display import live
from llm_nb.display.live import frame
from llm_nb.display.live.merges import LIMIT, LONGEST, TEXTS, bytes_per_token, merges_data
from llm_nb.text import bpe_training
from llm_nb.text.bpe import ByteLevelBPE
from tests.display.node import in_node

LEARN = "m.learn(m.cut(x.text), x.limit)"


def random_texts(n: int) -> list[str]:
    """Of few letters, so that counts are often equal and pairs overlap; some of many bytes each."""
    rng = random.Random(0)
    alphabets = ("ab ", "aab \n", "四是十 ", "👍👍🏽‍ ", "it's 12,3\t", "aé四😀 '")
    return ["".join(rng.choices(rng.choice(alphabets), k=rng.randint(1, 90))) for _ in range(n)]


def real_texts() -> list[str]:
    return [text for pair in TEXTS.values() for text in pair] + [
        inspect.getsource(bpe_training)[:LONGEST],
        (bpe_training.__doc__ or "") * 2,
    ]


def trained(text: str, limit: int = LIMIT) -> ByteLevelBPE:
    return ByteLevelBPE.train([text], 256 + limit)


def test_the_same_merges() -> None:
    texts = random_texts(150) + real_texts()
    found = in_node("merges", LEARN, *({"text": text, "limit": LIMIT} for text in texts))
    for text, merges in zip(texts, found, strict=True):
        assert [tuple(pair) for pair in merges] == trained(text).merges, text
    assert sum(len(merges) for merges in found) > 2000
    assert max(len(merges) for merges in found) == LIMIT


def test_what_ties_do() -> None:
    """Equal counts go to the smaller pair of ids, in whatever order the words come."""
    first, second = in_node(
        "merges", LEARN, {"text": "cd ab", "limit": 9}, {"text": "ab cd", "limit": 9}
    )
    assert tuple(first[0]) == trained("cd ab").merges[0] == (64, 65)  # "a", "b"
    assert tuple(second[0]) == trained("ab cd").merges[0] == (64, 65)


def test_the_same_ids_after_every_merge() -> None:
    """Also of a second text, which was not learned from."""
    texts = real_texts()
    pairs = list(zip(texts, texts[1:] + texts[:1], strict=True))
    pairs += [(text, text + "xy") for text in random_texts(20)]
    merges = [trained(own, 40).merges for own, _ in pairs]
    expression = """((c) => m.grow(c.words, x.merges).map((words) =>
      [m.size(words, c.counts), c.order.flatMap((w) => words[w])]))(m.cut(x.text))"""
    cases = [
        {"text": other, "merges": learned}
        for (_, other), learned in zip(pairs, merges, strict=True)
    ]
    for case, steps in zip(cases, in_node("merges", expression, *cases), strict=True):
        text, learned = case["text"], case["merges"]
        assert len(steps) == len(learned) + 1
        for n, (size, ids) in enumerate(steps):
            assert ids == ByteLevelBPE(learned[:n]).encode(text)
            assert size == len(ids)


def test_pair_counts_in_order() -> None:
    def expected(words: list[list[int]], counts: list[int]) -> list[dict[str, int]]:
        found: Counter[tuple[int, int]] = Counter()
        for ids, n in zip(words, counts, strict=True):
            for pair in zip(ids, ids[1:], strict=False):
                found[pair] += n
        order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return [{"left": a, "right": b, "count": n} for (a, b), n in order]

    texts = random_texts(30) + real_texts()
    expression = "((c) => [c.words, c.counts, m.ranked(c.words, c.counts)])(m.cut(x))"
    for words, counts, pairs in in_node("merges", expression, *texts):
        assert pairs == expected(words, counts)
    assert in_node("bpe", "m.mergePair(x, 1, 1, 9)", [1, 1, 1, 2]) == [[9, 1, 2]]


def test_bytes_per_token() -> None:
    own, other = TEXTS["Chinese"]
    tokenizer = trained(own)
    expression = """((c) => m.grow(c.words, x.merges).map((words) => m.size(words, c.counts)))(
      m.cut(x.text))"""
    [sizes] = in_node("merges", expression, {"text": other, "merges": tokenizer.merges})
    rates = bytes_per_token(tokenizer, other)
    assert_allclose([len(other.encode()) / n for n in sizes], rates)
    assert rates[0] == 1
    assert rates[-1] > 2


def test_texts_that_cannot_be_shown() -> None:
    with pytest.raises(ValueError, match="no text to learn from"):
        merges_data({}, 0)
    for text in ("", "a" * (LONGEST + 1)):
        with pytest.raises(ValueError, match=f"'Mine' has {len(text)} characters"):
            live.merges({"Mine": ("fine", text)})


def test_the_picture_says_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(frame, "display", lambda data, **_: shown.append(data["text/plain"]))
    live.merges({"Mine": ("low low lower", "slow")})
    assert "The first tokens made are “lo”, “low”, “ low”, " in shown[0]
    assert "from 1 to 4.33, for another text to 2.00" in shown[0]
    live.merges({"Mine": ("a", "b")})
    assert shown[1].endswith("No pair of neighbours is there to merge.")
