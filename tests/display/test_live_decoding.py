"""The live decoding figure samples and searches as the package does."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch.testing import assert_close

from llm_nb.data.microworld.batches import held_out, word_vocabulary
from llm_nb.data.microworld.stories import next_words
from llm_nb.display import live
from llm_nb.display.live.decoding import (
    LONGEST,
    WIDEST,
    decoding_data,
    next_logits,
    prompt_ids,
    search_tree,
)
from llm_nb.generation import beam_search, next_token_probs
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import from_pretrained
from llm_nb.shipped import SHIPPED, microworld_model
from llm_nb.text.bpe import ByteLevelBPE
from tests.display.node import in_node

SEARCH = "m.search(x.tree, x.options).finished.map(({ path, score }) => [path, score])"


def prompts() -> list[str]:
    """Beginnings of stories after which greedy search is not the best."""
    tales = held_out(18)
    return [" ".join(tales[n].words()[:i]) for n, i in ((17, 44), (3, 37), (0, 54))]


@pytest.fixture(scope="module")
def words_model() -> GPT2:
    return microworld_model("gpt2")  # type: ignore[return-value]


def test_the_dials_of_random_logits() -> None:
    """Probabilities, how many are left, the mass that was cut, and both entropies."""
    torch.manual_seed(0)
    cases, expected = [], []
    for temperature, top_k, top_p, V in (
        (1.0, None, 1.0, 9), (0.4, None, 0.9, 50), (1.7, 5, 1.0, 50), (0.8, 20, 0.7, 300),
        (2.0, None, 0.05, 300), (1.0, 400, 0.95, 300), (0.0, 3, 0.5, 40), (1.3, 1, 0.9, 40),
    ):  # fmt: skip
        logits = 3 * torch.randn(V)
        dials = {"temperature": temperature, "topK": top_k, "topP": top_p}
        cases.append({"logits": logits.tolist(), "dials": dials})
        model, warm, probs = (
            next_token_probs(logits[None], *arguments)[0].double()
            for arguments in ((1.0,), (temperature,), (temperature, top_k, top_p))
        )
        entropies = [float(torch.special.entr(p).sum()) / math.log(2) for p in (model, probs)]
        cut = float(warm[probs == 0].sum())
        expected.append((model, warm, probs, int((probs > 0).sum()), cut, entropies))
    found = in_node("decoding", "m.dialled(x.logits, x.dials)", *cases)
    for got, (model, warm, probs, kept, cut, entropies) in zip(found, expected, strict=True):
        for key, wanted in (("model", model), ("warm", warm), ("probs", probs)):
            assert_close(torch.tensor(got[key]).double(), wanted, atol=1e-6, rtol=0)
        assert got["kept"] == kept
        assert got["cut"] == pytest.approx(cut, abs=1e-5)
        assert [got["before"], got["after"]] == pytest.approx(entropies, abs=1e-5)


def test_of_equal_logits_exactly_k_stay() -> None:
    [got] = in_node("decoding", "m.dialled(x, { temperature: 1, topK: 2, topP: 1 })", [1, 1, 1, 0])
    assert got["probs"] == pytest.approx([0.5, 0.5, 0, 0])
    assert int((next_token_probs(torch.tensor([[1.0, 1, 1, 0]]), top_k=2) > 0).sum()) == got["kept"]


def test_draws_follow_the_probabilities_and_the_seed() -> None:
    probs = [0.5, 0.0, 0.3, 0.15, 0.05]
    [[counts, fewer, last, again]] = in_node(
        "decoding",
        "[m.drawn(x, 7, 4000), m.drawn(x, 7, 3999), m.drawNumber(x, 7, 4000), m.drawn(x, 7, 4000)]",
        probs,
    )
    assert counts == again
    counted = dict(counts)
    for i, p in enumerate(probs):  # within four standard errors
        assert abs(counted.get(i, 0) - 4000 * p) <= 4 * math.sqrt(4000 * p * (1 - p))
    difference = {i: n - dict(fewer).get(i, 0) for i, n in counts}
    assert {i for i, n in difference.items() if n} == {last}


def small_model(seed: int, vocabulary: int = 30) -> GPT2:
    torch.manual_seed(seed)
    model = GPT2(GPT2Config(vocabulary, 16, 16, 2, 2)).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model


def compare(model: GPT2, ids: list[int], stop: int | None, got: list, options: dict) -> None:
    """``got``, what beams.js found, with what beam_search finds."""
    beams = beam_search(
        model, torch.tensor([ids]), options["length"], n_beams=options["beams"],
        length_penalty=options["penalty"], stop=stop,
    )  # fmt: skip
    for (path, score), row, wanted in zip(got, beams.ids[0], beams.scores[0], strict=True):
        padded = row[len(ids) :].tolist()
        assert padded[: len(path)] == path
        assert set(padded[len(path) :]) <= {stop}
        assert score == pytest.approx(float(wanted), abs=1e-5)


def every_search(tree: dict, stop: int | None) -> list[dict]:
    rows = {" ".join(map(str, path)): list(map(list, next_)) for path, next_ in tree.items()}
    return [
        {"tree": rows, "options": {"beams": K, "length": n, "stop": stop, "penalty": penalty}}
        for K in range(1, WIDEST + 1)
        for n in range(1, LONGEST + 1)
        for penalty in (0.0, 0.7, 2.0)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_beam_search_of_random_models(seed: int) -> None:
    """Every width, length and penalty: the ids and scores of ``beam_search``."""
    model, ids = small_model(seed), [1, 2 + seed, 3]
    stop = None
    if seed % 3:  # the token that ends most: that of the best search's second step
        stop = int(beam_search(model, torch.tensor([ids]), 3, n_beams=4).ids[0, 0, 4])
    cases = every_search(search_tree(model, ids, stop), stop)
    for case, got in zip(cases, in_node("beams", SEARCH, *cases), strict=True):
        compare(model, ids, stop, got, case["options"])


def test_of_random_models_some_searches_end_early() -> None:
    """So that the test above has seen them."""
    expression = f"m.search(x.tree, x.options).steps.length - {LONGEST}"
    short = 0
    for seed in (1, 2, 4, 5):
        model, ids = small_model(seed), [1, 2 + seed, 3]
        stop = int(beam_search(model, torch.tensor([ids]), 3, n_beams=4).ids[0, 0, 4])
        cases = every_search(search_tree(model, ids, stop), stop)
        full = [case for case in cases if case["options"]["length"] == LONGEST]
        short += sum(left < 0 for left in in_node("beams", expression, *full))
    assert short > 5


def test_every_step_keeps_its_own_finished_continuations() -> None:
    """So that going back in the figure shows what had ended by then, and no more."""
    model, ids = small_model(1), [1, 3, 3]
    stop = int(beam_search(model, torch.tensor([ids]), 3, n_beams=4).ids[0, 0, 4])
    cases = every_search(search_tree(model, ids, stop), stop)
    expression = """(({ steps, finished }) => [finished.map((f) => f.path.length),
      steps.map((s) => s.finished.map((f) => f.path.length))])(m.search(x.tree, x.options))"""
    early = 0
    for final, by_step in in_node("beams", expression, *cases):
        assert by_step[-1] == final
        for n, lengths in enumerate(by_step, start=1):
            assert all(length <= n for length in lengths)
            early += n < len(by_step) and len(lengths)
    assert early


def test_the_data_of_a_trained_model(words_model: GPT2) -> None:
    """Through JSON: sequences and scores of ``beam_search``, probabilities to what packing costs."""
    vocabulary = word_vocabulary()
    data = decoding_data(words_model, vocabulary, prompts(), stop=".", truth=next_words)
    assert len(json.dumps(data, separators=(",", ":"))) < 20_000
    stop = data["stop"]
    for prompt in data["prompts"]:
        ids = prompt_ids(vocabulary, prompt["text"])
        assert vocabulary.decode(ids[1:]) == prompt["text"].split()
        options = [case["options"] for case in every_search({}, stop)]
        cases = [{"tree": prompt["tree"], "options": one} for one in options]
        found = in_node("beams", SEARCH, *cases)
        for one, got in zip(options, found, strict=True):
            compare(words_model, ids, stop, got, one)
        # What the figure is for: greedy's first word is not that of the best continuation.
        greedy, wide = (
            next(
                got
                for one, got in zip(options, found, strict=True)
                if (one["beams"], one["length"], one["penalty"]) == (K, LONGEST, 0.0)
            )
            for K in (1, 3)
        )
        assert greedy[0][0][0] != wide[0][0][0]
        assert wide[0][1] > greedy[0][1] + 0.5
        [logits] = in_node("numbers", "m.unpack(x)", prompt["logits"])
        exact = next_logits(words_model, ids).softmax(-1)
        assert_close(torch.tensor(logits).softmax(-1), exact, atol=1e-4, rtol=0)
        known = dict(prompt["truth"])
        assert sum(known.values()) == pytest.approx(1, abs=1e-6)
        assert {data["names"][i] for i in known} == set(next_words(prompt["text"].split()))


def test_what_the_language_gives_a_continuation(words_model: GPT2) -> None:
    """The table's last column: the product of the exact next-word probabilities, or never."""
    data = decoding_data(words_model, word_vocabulary(), prompts()[:1], stop=".", truth=next_words)
    case = {"tree": data["prompts"][0]["tree"], "stop": data["stop"]}
    expression = """m.search(x.tree, { beams: 3, length: 5, stop: x.stop, penalty: 0 })
      .finished.map(({ path, truth }) => [path, truth])"""
    [found] = in_node("beams", expression, case)
    texts = [" ".join(data["names"][i] for i in path) for path, _ in found]
    assert texts == ["stayed in Oslo .", "was homesick because he missed", "went to Oslo ."]
    said = prompts()[0].split()
    for text, (_, truth) in zip(texts[:2], found, strict=False):
        words, exact = [*said, *text.split()], 0.0
        for i in range(len(said), len(words)):
            exact += math.log(next_words(words[:i])[words[i]])
        assert truth == pytest.approx(exact, abs=1e-5)
    assert found[2][1] == -math.inf  # he is there already


def test_bytes_as_names_and_the_size_of_the_data() -> None:
    model, tokenizer = from_pretrained(GPT2, SHIPPED), ByteLevelBPE.load(SHIPPED / "tokenizer.json")
    data = decoding_data(model, tokenizer, ["    if x is", "    return self"])
    size = len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())
    assert size < 62_000
    assert len(data["names"]) == 4096
    assert data["names"][tokenizer.encode("é")[0]] in ("é", "\\xc3")
    assert "truth" not in data["prompts"][0]


def test_probabilities_in_few_signs() -> None:
    values = [0.25, 0.0004, 0.0]
    assert in_node("kit", "m.share(x)", *values) == ["0.250", "<0.001", "0"]
    logs = [math.log(p) for p in (0.17, 0.031, 0.0042, 0.000996, 9.99e-6)]
    assert in_node("beampanel", "m.chance(x)", *logs) == [
        "0.17", "0.031", "0.0042", "1.0×10⁻³", "1.0×10⁻⁵",
    ]  # fmt: skip
    assert in_node("decoding", "m.ending(x, 20)", "short", "one two . three four five") == [
        "short", "… three four five",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": []}, "there is no prompt: give at least one"),
        ({"prompts": [" "]}, "a prompt is empty"),
        ({"prompts": ["the elephant"]}, "does not know 'elephant'"),
        ({"stop": "!"}, "stop is '!', which is no token"),
        ({"prompts": ["Anna " * 252]}, "253 tokens and 5 more are over the context of 256"),
    ],
)
def test_bad_input_is_one_clear_sentence(
    words_model: GPT2, changes: dict[str, object], message: str
) -> None:
    arguments = {"prompts": prompts(), **changes}
    with pytest.raises(ValueError, match=message):
        live.decoding(words_model, word_vocabulary(), **arguments)  # type: ignore[arg-type]
