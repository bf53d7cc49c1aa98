"""The figure of hidden words shows what the model says and what is true."""

from __future__ import annotations

import importlib
import math

import matplotlib
import pytest
import torch
from torch.testing import assert_close

matplotlib.use("Agg")

from llm_nb.data.microworld import story
from llm_nb.data.microworld.cloze import TooManyTellings, candidates
from llm_nb.data.microworld.masking import masked_vocabulary, row_of
from llm_nb.display.live import frame, masked_word
from llm_nb.display.live.masked_word import entry, masked_word_data
from llm_nb.models.bert import BertConfig
from llm_nb.models.bert_heads import BertForMaskedLM
from llm_nb.shipped import microworld_model
from tests.display.node import in_node

WORDS = masked_vocabulary()
TOLD = story(4)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return microworld_model("bert")


@pytest.fixture(scope="module")
def data(model: BertForMaskedLM) -> dict:
    return masked_word_data(model, [TOLD])


def test_entropy_and_surprise_are_torchs() -> None:
    """Of whole distributions, from some of the outcomes and the entropy of all others."""
    torch.manual_seed(0)
    cases, expected = [], []
    for n, listed in ((5, 5), (5, 2), (187, 8), (187, 1)):
        probs = torch.distributions.Dirichlet(torch.full((n,), 0.3, dtype=torch.float64)).sample()
        others = probs[listed:] / probs[listed:].sum()
        spread = torch.special.entr(others).sum() / math.log(2) if len(others) else 0.0
        cases.append({"probs": probs[:listed].tolist(), "spread": float(spread)})
        expected.append((float(probs[listed:].sum()), probs, torch.special.entr(probs).sum()))
    found = in_node(
        "masked_word",
        "[m.rest(x.probs), m.groupedEntropy(x.probs, x.spread), x.probs.map(m.surprise)]",
        *cases,
    )
    for (rest, bits, costs), case, (left, probs, nats) in zip(found, cases, expected, strict=True):
        assert rest == pytest.approx(left, abs=1e-5)
        assert bits == pytest.approx(float(nats) / math.log(2), abs=1e-5)
        exact = -probs[: len(case["probs"])].log2()
        assert_close(torch.tensor(costs, dtype=torch.float64), exact, atol=1e-5, rtol=0)


def test_an_entry_keeps_both_distributions() -> None:
    torch.manual_seed(1)
    probs = torch.randn(len(WORDS), dtype=torch.float64).softmax(-1)
    truth = {"Rome": 0.5, "Paris": 0.25, **dict.fromkeys(["Cairo", "Delhi"], 0.1), "Oslo": 0.05}
    made = entry(probs, truth, "Oslo", WORDS)
    names = WORDS.decode(made[0])
    assert {"Rome", "Paris", "Oslo"} <= set(names)
    assert [*made[1]] == sorted(made[1], reverse=True)
    assert_close(torch.tensor(made[1], dtype=torch.float64), probs[made[0]], rtol=1e-3, atol=1e-5)
    assert made[2] == [truth.get(name, 0.0) for name in names]
    # The page works out the entropies of all words from those that are listed.
    [both] = in_node("masked_word", "[1, 2].map((s) => m.groupedEntropy(x[s], x[3][s - 1]))", made)
    exact = [torch.special.entr(p).sum() / math.log(2) for p in (probs, torch.tensor([*truth.values()]))]  # fmt: skip
    assert both == pytest.approx([float(bits) for bits in exact], abs=5e-3)


def test_every_place_has_the_models_word_and_the_true_one(
    data: dict, model: BertForMaskedLM
) -> None:
    words, [told] = TOLD.words(), data["stories"]
    assert [data["words"][i] for i in told["tokens"]] == words
    assert len(told["one"]) == len(words) == len(told["next"]) + 1
    row = row_of(words, WORDS)
    for place in range(0, len(words) - 1, 7):
        for hidden, entries in (
            ([place], [told["one"][place]]),
            ([place, place + 1], told["next"][place]),
        ):
            ids = torch.tensor([row])
            ids[0, [p + 1 for p in hidden]] = WORDS.ids["[MASK]"]
            with torch.no_grad():
                probs = model(ids)[0].softmax(-1)
            truth = candidates(words, hidden)
            for p, (listed, said, true, _) in zip(hidden, entries, strict=True):
                assert_close(torch.tensor(said), probs[p + 1, listed], rtol=2e-3, atol=1e-5)
                known = [truth[p].get(data["words"][i], 0.0) for i in listed]
                assert true == pytest.approx(known, rel=1e-3)
                assert told["tokens"][p] in listed


def test_a_word_that_could_be_too_much_leaves_the_others_where_they_are(
    data: dict, model: BertForMaskedLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(words: list[str], places: list[int], **options: int) -> dict:
        if 3 in places:
            raise TooManyTellings("too many")
        return candidates(words, places, **options)

    module = importlib.import_module("llm_nb.display.live.masked_word")
    monkeypatch.setattr(module, "candidates", give_up)
    [found], [told] = masked_word_data(model, [TOLD])["stories"], data["stories"]
    assert found["one"] == [*told["one"][:3], None, *told["one"][4:]]
    assert found["next"] == [*told["next"][:2], None, None, *told["next"][4:]]
    monkeypatch.setattr(module, "candidates", lambda *_, **__: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):  # any other error is not swallowed
        masked_word_data(model, [TOLD])


def test_what_is_hidden(data: dict) -> None:
    words, [told] = TOLD.words(), data["stories"]
    name = words[0]
    mentions = [i for i, word in enumerate(words) if word == name]
    once = next(i for i, word in enumerate(words) if words.count(word) == 1)
    cases = [[0, "one"], [0, "next"], [len(words) - 1, "next"], [mentions[1], "every"], [once, "every"]]  # fmt: skip
    found = in_node(
        "masked_word", "m.hide(x[2], x[0], x[1]).map(({ place }) => place)", *([*c, told] for c in cases)
    )  # fmt: skip
    assert found == [[0], [0, 1], [len(words) - 2, len(words) - 1], mentions, [once]]
    # Where Python left a word out, nothing is made up.
    left_out = {**told, "every": [], "one": [None] * len(words), "next": [None] * (len(words) - 1)}
    for way in ("one", "next", "every"):
        [none] = in_node("masked_word", f"m.hide(x, 0, '{way}')", left_out)
        assert none is None
    stop = WORDS.ids["."]
    [lines] = in_node("masked_word", f"m.sentences(x, {stop})", told["tokens"])
    assert [place for line in lines for place in line] == list(range(len(words)))
    assert all(words[line[-1]] == "." for line in lines)
    assert len(lines) == words.count(".")


def test_it_is_shown_with_a_picture(
    model: BertForMaskedLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught: list = []
    monkeypatch.setattr(frame, "display", lambda data, metadata, raw: caught.append(data))
    masked_word(model, [TOLD])
    [shown] = caught
    assert "is hidden. BERT's best guess is" in shown["text/plain"]
    assert len(shown["text/html"]) < 250_000


def test_what_it_cannot_show() -> None:
    small = BertForMaskedLM(BertConfig(20, 64, 2, 8, 1, 2, 16))
    with pytest.raises(ValueError, match=r"the model has 20 words, the microworld \d+"):
        masked_word_data(small, [TOLD])
    with pytest.raises(ValueError, match="no stories to hide words of"):
        masked_word_data(small, [])
