"""The live attention figure, driven: typed into, clicked, and compared with the model."""

from __future__ import annotations

import torch
from playwright.sync_api import expect

from llm_nb.data.microworld.batches import word_vocabulary
from llm_nb.display import live
from llm_nb.models.attention import attention_weights
from llm_nb.models.gpt2 import GPT2, Block
from tests.pages.driving import fits

SENTENCE = "Lucy had a golden bucket. Kevin found the bucket"


def weights(model: GPT2, sentence: str, head: int, causal: bool = True) -> torch.Tensor:
    """The last row of one head of the first layer, (T,)."""
    words = word_vocabulary().tokens
    ids = torch.tensor([[words.index(w) for w in sentence.replace(".", " .").split()]])
    block = model.blocks[0]
    assert isinstance(block, Block)
    with torch.no_grad():
        x, _ = model.embed(ids, None, 0, None)
        q, k, _ = block.attn.heads(block.ln_1(x))
        return attention_weights(q, k, causal=causal)[0, head, -1]


def test_head_mask_temperature_and_cell(open_live, model: GPT2) -> None:
    page, figure = open_live(lambda: live.attention(model, word_vocabulary().tokens, SENTENCE))
    numbers = figure.locator(".bars .number")

    def shows(row: torch.Tensor) -> None:
        expect(numbers).to_have_text([f"{w:.2f}" for w in row.tolist()])

    # It begins where a head looks far: "the", which a name must follow, looks at "bucket".
    expect(figure.get_by_role("status")).to_contain_text("“the” looks most at “bucket”")
    figure.get_by_label("Who looks").select_option("9")
    figure.get_by_label("Head", exact=True).select_option("0")
    shows(weights(model, SENTENCE, 0))
    figure.get_by_label("Head", exact=True).select_option("2")
    shows(weights(model, SENTENCE, 2))
    figure.get_by_label("Mask").select_option("none")
    figure.get_by_label("Who looks").select_option("0")
    expect(figure.locator(".row-title")).to_have_text("“Lucy” takes from")
    assert "masked" not in numbers.all_inner_texts()
    figure.get_by_label("Mask").select_option("causal")
    expect(numbers.nth(1)).to_have_text("masked")
    expect(numbers.nth(0)).to_have_text("1.00")
    figure.locator(".heat rect.cell").last.click()  # the last word, looking at itself
    expect(figure.locator(".row-title")).to_have_text("“bucket” takes from")
    steps = figure.locator(".steps").inner_text()
    slider = figure.get_by_label("Temperature")
    slider.focus()
    page.keyboard.press("End")
    expect(figure.locator(".slider .said")).to_have_text("4.0")
    expect(figure.locator(".steps")).not_to_have_text(steps)
    shows((weights(model, SENTENCE, 2).log() / 4).softmax(-1))


def test_the_readers_own_words(open_live, model: GPT2) -> None:
    _, figure = open_live(lambda: live.attention(model, word_vocabulary().tokens, SENTENCE))
    field = figure.get_by_label("Your sentence")
    field.fill("Lucy found an elephant 大象")
    expect(figure.locator(".bars .label")).to_have_text(["Lucy", "found", "an", "elephant", "大象"])
    expect(figure.locator(".hint").first).to_contain_text("an, elephant, 大象")
    figure.get_by_label("Who looks").select_option("4")
    expect(figure.get_by_role("status")).to_contain_text("“大象” looks most at")
    for sentence in (
        "语言模型预测下一个词元",
        "an internationalisation Donaudampfschifffahrt ends",
    ):
        field.fill(sentence)  # the names stay inside the picture, and the cells keep their size
        expect(figure.locator(".heat text").first).to_be_visible()
        outside = """(svg) => [...svg.querySelectorAll("text")].filter((name) => {
            const [of, all] = [name.getBoundingClientRect(), svg.getBoundingClientRect()];
            return of.left < all.left || of.right > all.right || of.top < all.top; }).length"""
        assert figure.locator(".heat").evaluate(outside) == 0
        assert figure.locator(".heat rect.cell").first.bounding_box()["width"] > 20
    field.fill("")
    expect(figure.get_by_role("status")).to_have_text("Type a sentence to see its attention.")
    field.fill("Kevin gave Lucy the bucket")
    figure.get_by_label("Head", exact=True).select_option("0")
    figure.get_by_label("Who looks").select_option("4")
    expect(figure.locator(".bars .number").first).to_have_text(
        f"{weights(model, 'Kevin gave Lucy the bucket', 0)[0]:.2f}"
    )


def test_theme_height_and_a_phone(open_live, model: GPT2) -> None:
    """The frame is as high as what it shows, and follows the page into the dark."""
    page, figure = open_live(
        lambda: live.attention(model, word_vocabulary().tokens, SENTENCE), width=390
    )
    root = figure.locator("html")
    fits(page)
    ground = """() => { const inside = document.querySelector("iframe").contentWindow;
        return inside.getComputedStyle(inside.document.body).backgroundColor; }"""
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    expect(root).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != "rgb(255, 255, 255)"
    heights = """() => [document.querySelector("iframe").offsetHeight,
        document.querySelector("iframe").contentDocument.documentElement.scrollHeight]"""
    frame, content = page.evaluate(heights)
    assert frame == content > 300
    figure.get_by_label("Your sentence").fill("Lucy found")
    page.wait_for_function(f"document.querySelector('iframe').offsetHeight < {frame}")
    frame, content = page.evaluate(heights)
    assert frame == content
