"""The live decoding figure, driven: the dials, draws, beams and steps, with the package's values."""

from __future__ import annotations

import math

import pytest
import torch
from playwright.sync_api import expect

from llm_nb.data.microworld.batches import word_vocabulary
from llm_nb.data.microworld.stories import next_words
from llm_nb.display import live
from llm_nb.display.live.decoding import next_logits, prompt_ids
from llm_nb.generation import beam_search, next_token_probs
from llm_nb.models.gpt2 import GPT2
from tests.display.test_live_decoding import prompts
from tests.pages.driving import fits

SHOWN = 14


def show(model: GPT2, view: str = "sampling"):
    return lambda: live.decoding(
        model, word_vocabulary(), prompts(), stop=".", truth=next_words, view=view
    )


def set_to(page, slider, value: float) -> None:
    """As a hand would that moves it: the page hears of it."""
    slider.evaluate(
        "(x, to) => { x.value = to; x.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def expected(model: GPT2, prompt: str, **dials) -> list[float]:
    """The probabilities of the shown tokens, 0 for those that are cut."""
    logits = next_logits(model, prompt_ids(word_vocabulary(), prompt))
    probs = next_token_probs(logits[None], **dials)[0]
    return probs[logits.topk(SHOWN).indices].tolist()


def number(text: str) -> float:
    return {"cut": 0.0, "<0.001": 0.00025}[text] if text in ("cut", "<0.001") else float(text)


def test_temperature_top_k_and_top_p(open_live, model: GPT2) -> None:
    page, figure = open_live(show(model))
    now = figure.locator(".tokens tbody td:nth-child(4)")

    def shows(rows: list[float]) -> None:
        """To the three digits that are written, and what packing the logits costs."""
        page.evaluate("new Promise(requestAnimationFrame)")
        texts = now.all_inner_texts()[:SHOWN]
        assert [number(text) for text in texts] == pytest.approx(rows, abs=7e-4)
        assert [text == "cut" for text in texts] == [p == 0 for p in rows]

    first, second, _ = prompts()
    shows(expected(model, first, top_p=0.9))
    assert "cut" in now.all_inner_texts()
    expect(figure.get_by_role("status").first).to_contain_text("8 of 185 tokens can be drawn")
    set_to(page, figure.get_by_label("Temperature"), 1.6)
    shows(expected(model, first, temperature=1.6, top_p=0.9))
    figure.get_by_label("Top-p").focus()
    page.keyboard.press("End")
    figure.get_by_label("Top-k").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    shows(expected(model, first, temperature=1.6, top_k=3))
    figure.get_by_label("Prompt").select_option("1")
    shows(expected(model, second, temperature=1.6, top_k=3))
    figure.get_by_label("Temperature").focus()
    page.keyboard.press("Home")  # greedy
    expect(now.first).to_have_text("1.000")
    expect(figure.get_by_role("status").first).to_contain_text("1 of 185 tokens")


def test_entropies_and_what_the_language_never_has(open_live, model: GPT2) -> None:
    _, figure = open_live(show(model))
    probs = next_logits(model, prompt_ids(word_vocabulary(), prompts()[0])).softmax(-1)
    kept = next_token_probs(probs.log()[None], top_p=0.9)[0]
    before, after = (float(torch.special.entr(p).sum()) / math.log(2) for p in (probs, kept))
    status = figure.get_by_role("status").first
    expect(status).to_contain_text(f"{before:.2f} bits in the model, {after:.2f} now")
    known = set(word_vocabulary().encode(next_words(prompts()[0].split())))
    never = sum(p for i, p in enumerate(probs.tolist()) if i not in known)
    expect(status).to_contain_text(f"{never:.3f} of the model’s mass")
    crossed = figure.locator(".tokens tbody th", has_text="✗").all_inner_texts()
    ids = probs.topk(SHOWN).indices.tolist()
    tokens = word_vocabulary().tokens
    assert crossed == [f"{tokens[i]} ✗" for i in ids if i not in known]


def test_draws_are_counted_and_come_again(open_live, model: GPT2) -> None:
    page, figure = open_live(show(model))
    counts = figure.locator(".tokens tbody td:nth-child(5)")

    def numbers() -> list[int]:
        return [int(text or 0) for text in counts.all_inner_texts()]

    result = figure.locator(".drawn")
    expect(result).to_contain_text("Nothing drawn yet")
    figure.get_by_role("button", name="Draw one").click()
    expect(result).to_contain_text("Draw 1 of seed 0: “")
    assert sum(numbers()) == 1
    figure.get_by_role("button", name="Draw 100").press("Enter")
    expect(result).to_contain_text("Draw 101 of seed 0")
    once = numbers()
    assert sum(once) == 101
    cut = [text == "cut" for text in figure.locator(".tokens td:nth-child(4)").all_inner_texts()]
    assert not any(n for n, gone in zip(once, cut, strict=True) if gone)
    figure.get_by_label("Seed").fill("5")
    expect(result).to_contain_text("Nothing drawn yet")
    figure.get_by_role("button", name="Draw 100").click()
    expect(result).to_contain_text("Draw 100 of seed 5")
    other = numbers()
    figure.get_by_role("button", name="Clear").click()
    expect(result).to_contain_text("Nothing drawn yet")
    figure.get_by_role("button", name="Draw 100").click()
    expect(result).to_contain_text("Draw 100 of seed 5")
    assert numbers() == other != once
    set_to(page, figure.get_by_label("Temperature"), 2)
    set_to(page, figure.get_by_label("Top-p"), 1)
    figure.get_by_role("button", name="Draw 100").click()
    expect(figure.locator(".pieces .piece").first).to_be_visible()  # one of the others


def ranking(model: GPT2, prompt: str, width: int, penalty: float) -> list[list[str]]:
    """Continuation, log P and score of each beam, as the table has them."""
    vocabulary = word_vocabulary()
    ids, [stop] = prompt_ids(vocabulary, prompt), vocabulary.encode(["."])
    beams = beam_search(
        model, torch.tensor([ids]), 5, n_beams=width, length_penalty=penalty, stop=stop
    )
    rows = []
    for row, score in zip(beams.ids[0], beams.scores[0].tolist(), strict=True):
        new = row[len(ids) :].tolist()
        new = new[: new.index(stop) + 1] if stop in new else new
        total = score * len(new) ** penalty
        text = " ".join(vocabulary.decode(new))
        rows.append([text, f"−{-total:.2f}", f"−{-score:.3f}"])
    return rows


def test_beams_against_greedy(open_live, model: GPT2) -> None:
    page, figure = open_live(show(model, "beams"))
    first = prompts()[0]
    table = figure.locator(".ranking tbody tr")

    def shows(width: int, penalty: float) -> None:
        wanted = ranking(model, first, width, penalty)
        expect(table.first).to_contain_text(wanted[0][2])
        found = [row.locator("th, td").all_inner_texts() for row in table.all()]
        assert [[row[1], row[3], row[5]] for row in found if row[0] != "greedy"] == wanted

    shows(3, 0.0)
    status = figure.get_by_role("status").last
    expect(status).to_contain_text("“stayed in Oslo .”")
    expect(status).to_contain_text("though its first token, “went”, is the more probable one")
    set_to(page, figure.get_by_label("Length penalty"), 1)
    shows(3, 1.0)
    expect(status).to_contain_text("“was homesick because he missed”")
    for width in (4, 2, 1):
        set_to(page, figure.get_by_label("Beam width"), width)
        shows(width, 1.0)
    expect(status).to_contain_text("Greedy search takes the most probable token 4 times")


def test_steps_and_candidates(open_live, model: GPT2) -> None:
    page, figure = open_live(show(model, "beams"))
    boxes = figure.locator(".tree .candidate")
    expect(boxes).to_have_count(30)
    expect(figure.get_by_role("button", name="Forward")).to_be_disabled()
    for _ in range(4):
        figure.get_by_role("button", name="Back").click()
    expect(boxes).to_have_count(6)
    expect(figure.get_by_role("button", name="Back")).to_be_disabled()
    expect(figure.locator(".tree .candidate.kept")).to_have_count(3)
    expect(figure.locator(".ranking tbody tr td:first-child")).to_have_text(["goes on"] * 3)
    boxes.nth(4).click()  # the fifth best: dropped
    arithmetic = figure.locator(".steps")
    expect(arithmetic).to_contain_text("“kept”")
    expect(arithmetic).to_contain_text("not among the best of this step")
    select = figure.get_by_label("Candidate", exact=True)
    assert select.evaluate("x => x.selectedOptions[0].text") == "step 1: kept"
    figure.get_by_role("button", name="Forward").press("Enter")
    expect(boxes).to_have_count(12)
    select.select_option(label="step 2: stayed in")  # what a click does, from the keyboard
    probs = next_logits(model, prompt_ids(word_vocabulary(), prompts()[0])).log_softmax(-1)
    first = float(probs[word_vocabulary().encode(["stayed"])[0]])
    expect(arithmetic).to_contain_text(f"“stayed in”: (−{-first:.2f}) + (")
    expect(figure.locator(".tree .chosen .token")).to_have_text("in")
    set_to(page, figure.get_by_label("Tokens at most"), 2)
    expect(figure.locator(".slider .said").last).to_have_text("2 of 2")


@pytest.mark.parametrize("view", ["sampling", "beams"])
def test_a_phone_in_the_dark(open_live, model: GPT2, view: str) -> None:
    page, figure = open_live(show(model, view), theme="dark", width=390)
    expect(figure.locator(".panel:visible")).to_have_count(1)
    fits(page)
    other = {"sampling": "beams", "beams": "sampling"}[view]
    figure.get_by_label("Choose").select_option(other)
    expect(figure.locator(".ranking")).to_be_visible(visible=other == "beams")
