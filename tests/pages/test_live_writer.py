"""The GPT-2 that writes in the page, driven: loaded, typed into, written with, and compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, FrameLocator, Page, expect

from llm_nb.display import live
from llm_nb.generation import generate
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.pretrained import from_pretrained
from llm_nb.models.web import rounded, write_web_script
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

PROMPT = "for i in range("
TOKENIZER = ByteLevelBPE.load(SHIPPED / "tokenizer.json")
END = TOKENIZER.special_tokens[END_OF_TEXT]
Open = Callable[..., tuple[Page, FrameLocator]]


@pytest.fixture(scope="module")
def model() -> GPT2:
    return from_pretrained(GPT2, SHIPPED)


@pytest.fixture
def started(open_live: Open, model: GPT2) -> Callable[..., tuple[Page, FrameLocator]]:
    """The figure as a reader's own notebook has it, weights inside, its button pressed."""

    def start(prompt: str = PROMPT, **options: Any) -> tuple[Page, FrameLocator]:
        page, figure = open_live(lambda: live.writer(model, TOKENIZER, prompt), **options)
        figure.get_by_role("button", name="Start the model").click()
        expect(figure.get_by_label("Your text")).to_have_value(prompt)
        return page, figure

    return start


def dial(page: Page, figure: FrameLocator, name: str, key: str) -> None:
    figure.get_by_label(name).focus()
    page.keyboard.press(key)


def numbers(figure: FrameLocator) -> list[float]:
    return [float(text) for text in figure.locator(".bars .number").all_inner_texts()]


def after(model: GPT2, prompt: str) -> torch.Tensor:
    ids = torch.tensor([[END, *TOKENIZER.encode(prompt)]])
    with torch.no_grad():
        return rounded(model)(ids)[0, -1].softmax(-1)


def test_tokens_bars_and_a_click(started, model: GPT2) -> None:
    page, figure = started()
    figure.get_by_label("Your text").fill("def héllo(中")
    ids = TOKENIZER.encode("def héllo(中")
    chips = figure.locator(".pieces .piece")
    expect(chips).to_have_count(1 + len(ids))
    assert chips.nth(1).inner_text() == "def"
    assert re.fullmatch("⟨E4.*⟩", chips.nth(len(ids) - 2).inner_text())  # part of a character
    figure.get_by_label("Your text").fill(PROMPT)
    dial(page, figure, "Top-p", "End")  # all
    dial(page, figure, "Temperature", "Home")
    for _ in range(20):
        page.keyboard.press("ArrowRight")  # 1
    top = after(model, PROMPT).topk(10)
    expect(figure.locator(".bars .number").first).to_have_text(f"{top.values[0]:.3f}")
    shown = numbers(figure)
    assert len(shown) == 11
    assert shown[:10] == pytest.approx(top.values.tolist(), abs=6e-4)
    assert sum(shown) == pytest.approx(1, abs=6e-3)
    second = TOKENIZER.decode([int(top.indices[1])])
    figure.locator(".bars button").nth(1).click()
    expect(figure.get_by_label("Your text")).to_have_value(PROMPT + second)
    expect(chips).to_have_count(2 + len(TOKENIZER.encode(PROMPT)))


def test_greedy_is_torchs(started, model: GPT2) -> None:
    """Forty tokens at temperature 0, one by one and at a run, with the same 8-bit weights."""
    page, figure = started()
    dial(page, figure, "Temperature", "Home")
    text, chips = figure.get_by_label("Your text"), figure.locator(".pieces .piece")
    ids = torch.tensor([[END, *TOKENIZER.encode(PROMPT)]])
    written = generate(rounded(model), ids, 40, temperature=0)[0].tolist()
    for n in range(1, 4):
        figure.get_by_role("button", name="One token").click()
        expect(text).to_have_value(TOKENIZER.decode(written[1 : ids.size(1) + n]))
    figure.get_by_label("Pace").select_option("")
    figure.get_by_role("button", name="Write").click()
    expect(chips).to_have_count(256, timeout=60_000)  # a busy machine
    whole = text.input_value()
    assert whole.startswith(TOKENIZER.decode(written[1:]))
    expect(figure.locator(".message")).to_contain_text("256 positions")
    expect(figure.get_by_role("button", name="Write")).to_be_disabled()
    assert int(re.findall(r"\d+", figure.locator(".speed").inner_text())[0]) > 0
    figure.get_by_role("button", name="Forget the first half").click()
    expect(chips).to_have_count(129)
    assert whole.endswith(text.input_value())
    expect(figure.locator(".message")).to_be_hidden()


def test_stop_and_the_seed(started) -> None:
    _, figure = started()
    text, chips = figure.get_by_label("Your text"), figure.locator(".pieces .piece")
    figure.get_by_label("Pace").select_option("20")

    def write(n: int) -> str:
        text.fill(PROMPT)
        figure.get_by_role("button", name="Write").click()
        start = 1 + len(TOKENIZER.encode(PROMPT))
        expect(chips.nth(start + n)).to_be_visible()
        figure.get_by_role("button", name="Stop").click()
        expect(figure.get_by_role("button", name="Stop")).to_be_disabled()
        expect(figure.locator(".message")).to_have_text("Stopped.")
        value = text.input_value()
        text.page.wait_for_timeout(300)
        assert text.input_value() == value
        return value

    one, other = write(8), write(12)
    assert len(other) > len(PROMPT)
    assert one.startswith(other) or other.startswith(one)
    figure.get_by_label("Seed").fill("5")
    third = write(12)
    assert not third.startswith(one)


def test_heads(started, model: GPT2) -> None:
    """The weights under the tokens are the model's, for the chosen layer, head and token."""
    page, figure = started("a = b + c")
    ids = torch.tensor([[END, *TOKENIZER.encode("a = b + c")]])
    maps = rounded(model).attention_maps(ids)[:, 0]
    shares = """(list) => list.map((node) => Number(node.style.getPropertyValue("--weight")))"""
    figure.get_by_label("Layer").select_option("3")
    figure.get_by_label("Head", exact=True).select_option("2")
    title = figure.locator(".row-title").first
    expect(title).to_contain_text("Layer 4, head 3: token 6")
    chips = figure.locator(".pieces .piece")
    assert chips.evaluate_all(shares) == pytest.approx(maps[3, 2, -1].tolist(), abs=6e-4)
    chips.nth(2).click()
    expect(title).to_contain_text("token 3")
    assert chips.evaluate_all(shares)[:3] == pytest.approx(maps[3, 2, 2, :3].tolist(), abs=6e-4)
    dial(page, figure, "Who looks", "ArrowRight")
    expect(title).to_contain_text("token 4")
    pixel = """(map) => { const at = map.getContext("2d").getImageData(0, 0, map.width, 1).data;
      return [map.width, map.height, at[3], at[7]]; }"""
    assert figure.locator("canvas").evaluate(pixel) == [
        6,
        6,
        255,
        0,
    ]  # causal: the first sees itself
    figure.get_by_label("Your text").fill("")
    expect(chips).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_and_less_motion(started, theme: str) -> None:
    page, figure = started(theme=theme, width=390, reduced_motion="reduce")
    expect(figure.get_by_label("Pace")).to_have_value("")
    figure.get_by_role("button", name="One token").click()
    expect(figure.locator(".pieces .piece")).to_have_count(2 + len(TOKENIZER.encode(PROMPT)))
    for node in (figure.locator("main"), page.locator("html")):
        assert node.evaluate("(n) => n.scrollWidth <= n.clientWidth")
    assert page.evaluate("document.activeElement.tagName") == "IFRAME"


def published(folder: Path, model: GPT2, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page as the book has it, under ``folder``, without its weights."""
    from llm_nb.display.live import frame

    shown: list[str] = []
    monkeypatch.setenv("LLM_NB_STORED", "1")
    monkeypatch.setattr(frame, "display", lambda data, **_: shown.append(data["text/html"]))
    live.writer(model, TOKENIZER, PROMPT, published="small")
    page = folder / "notebooks" / "page.html"
    page.parent.mkdir()
    page.write_text(f'<!doctype html><meta charset="utf-8"><title>x</title>{shown[0]}', "utf-8")
    return page


def test_from_disk_and_only_when_asked(
    browser: Browser, tmp_path: Path, model: GPT2, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened as file://, nothing is requested before the button; then one file beside the pages."""
    file = published(tmp_path, model, monkeypatch)
    assert file.stat().st_size < 200_000
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    figure = page.frame_locator("iframe")
    load = figure.get_by_role("button", name="Load the model (4.8 MB)")
    expect(load).to_be_visible()
    expect(figure.locator(".bars .number").first).to_have_text(f"{after(model, PROMPT).max():.3f}")
    assert [url for url in asked if not url.startswith("about:")] == [file.as_uri()]
    load.click()
    expect(figure.get_by_role("alert")).to_contain_text("not beside this page")
    expect(load).to_be_enabled()
    weights = tmp_path / "models" / "small.js"
    weights.parent.mkdir()
    weights.write_text('globalThis.llmNbModel = {"digest": "another"};')
    load.click()
    expect(figure.get_by_role("alert")).to_contain_text("of another model")
    write_web_script(model, TOKENIZER, weights)
    load.click()
    expect(figure.get_by_label("Your text")).to_have_value(PROMPT)
    assert {url for url in asked if url.startswith("file:")} == {file.as_uri(), weights.as_uri()}
    page.close()


def test_the_book_has_the_weights_that_the_chapter_asks_for(
    browser: Browser, site: str, book: Path
) -> None:
    """In the built chapter, over http: the button brings the model."""
    page = browser.new_page()
    page.goto(f"{site}/notebooks/11_gpt2.html")
    frame = page.locator('iframe[title*="writes"]')
    frame.scroll_into_view_if_needed()
    figure = page.frame_locator('iframe[title*="writes"]')
    figure.get_by_role("button", name="Load the model").click()
    expect(figure.locator(".pieces .marked")).to_be_visible()
    assert (book / "models" / f"{SHIPPED.name}.js").stat().st_size < 5_000_000
    page.close()
