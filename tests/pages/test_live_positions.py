"""The live figure of positions, driven: sliders, clicks, and numbers against Python's own."""

from __future__ import annotations

import math

from playwright.sync_api import FrameLocator, expect

from llm_nb.display import live
from llm_nb.display.live.positions import POSITIONS, cosine_table
from llm_nb.models.gpt2 import GPT2
from llm_nb.models.positions import sinusoids
from tests.pages.driving import fits


def said(number: float, digits: int = 2) -> str:
    return f"{number:.{digits}f}".replace("-", "−")


def move(figure: FrameLocator, label: str, value: int) -> None:
    figure.get_by_label(label, exact=True).fill(str(value))


def test_the_table(open_live, model: GPT2) -> None:
    page, figure = open_live(lambda: live.positions(model, "GPT-2"))
    status = figure.get_by_role("status")
    table = sinusoids(POSITIONS, 32)
    expect(status).to_contain_text(f"Position 12 has {said(table[12, 8])} in dimension 8")
    move(figure, "Position t", 30)
    move(figure, "Dimension", 5)
    expect(status).to_contain_text(f"Position 30 has {said(table[30, 5])} in dimension 5")
    # Down to the last row and the last column with the mouse held: both sliders follow.
    field = figure.locator(".mosaic .field").first
    box = field.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    expect(figure.get_by_label("Position t", exact=True)).to_have_value("32")
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] * 0.8)
    page.mouse.up()
    expect(figure.get_by_label("Position t", exact=True)).to_have_value("51")
    expect(figure.get_by_label("Dimension", exact=True)).to_have_value("31")
    figure.get_by_label("Base").select_option("10")
    rate = 10 ** (-30 / 32)
    expect(status).to_contain_text(
        f"Position 51 has {said(math.cos(51 * rate))} in dimension 31, "
        f"a wave that returns every {2 * math.pi / rate:.1f} positions"
    )
    move(figure, "Width d_model", 8)
    expect(figure.get_by_label("Dimension", exact=True)).to_have_value("7")
    assert figure.locator("canvas").first.evaluate("c => [c.width, c.height]") == [8, POSITIONS]


def test_the_hands(open_live, model: GPT2) -> None:
    page, figure = open_live(lambda: live.positions(model, "GPT-2"))
    figure.get_by_role("button", name="As clock hands").click()
    cells = figure.locator(".product td")
    table = sinusoids(POSITIONS, 32)

    def shows(pair: int, t: int, k: int) -> None:
        angle = k * 10000 ** (-2 * pair / 32)
        c, s = math.cos(angle), math.sin(angle)
        vectors = table[[t, t + k], 2 * pair : 2 * pair + 2].flatten().tolist()
        expect(cells).to_have_text([said(x, 3) for x in (c, s, -s, c, *vectors)])

    shows(4, 12, 3)
    move(figure, "Position t", 40)
    shows(4, 40, 3)
    move(figure, "Distance k", -10)
    shows(4, 40, -10)
    fast = figure.get_by_role("button", name="dimensions 0, 1")
    hand = fast.locator(".first")
    before = hand.get_attribute("d")
    fast.focus()
    page.keyboard.press("Enter")
    shows(0, 40, -10)
    expect(fast).to_have_attribute("aria-pressed", "true")
    move(figure, "Position t", 41)
    expect(hand).not_to_have_attribute("d", before or "")
    move(figure, "Distance k", 60)  # both positions must be inside the table
    expect(figure.get_by_label("Position t", exact=True)).to_have_value("3")
    figure.get_by_role("button", name="Walk").click()
    expect(hand).not_to_have_attribute("d", hand.get_attribute("d") or "")
    figure.get_by_role("button", name="Stop").click()


def test_three_ways_compared(open_live, model: GPT2) -> None:
    page, figure = open_live(lambda: live.positions(model, "GPT-2"))
    figure.get_by_role("button", name="How alike").click()
    cells = figure.locator(".spread td")
    tables = [
        cosine_table(sinusoids(POSITIONS, 32)),
        cosine_table(model.wpe.weight.detach()[:POSITIONS]),
    ]

    def shows(t: int, k: int) -> None:
        numbers = [x for c in tables for x in (c[t, t + k], *c.diagonal(k).aminmax())]
        for i, number in enumerate(numbers):
            text = cells.nth(i).inner_text()
            # What packing costs is far under the last digit shown.
            assert abs(float(text.replace("−", "-")) - float(number)) < 0.0051, (i, text)
        one, low, high = cells.all_inner_texts()[6:]
        assert one == low == high  # RoPE: the distance alone

    shows(12, 3)
    product = sinusoids(POSITIONS, 32)[12] @ sinusoids(POSITIONS, 32)[15]
    expect(figure.get_by_role("status")).to_contain_text(f"(dot product {said(product)})")
    learned = figure.locator(".mosaics .field").nth(1)
    box = learned.bounding_box()
    assert box
    page.mouse.click(
        box["x"] + box["width"] * (20.5 / POSITIONS), box["y"] + box["height"] * (50.5 / POSITIONS)
    )
    expect(figure.locator(".spread caption")).to_have_text("Pairs at distance −30")
    shows(50, -30)
    band = figure.locator(".band")
    flat = band.evaluate("b => b.getBBox().height")
    figure.get_by_label("Curve of").select_option("1")
    expect(figure.locator(".plot .dot").last).to_be_visible()
    page.wait_for_timeout(100)
    assert band.evaluate("b => b.getBBox().height") != flat
    turned = cells.nth(6).inner_text()
    figure.get_by_role("button", name="Another query").click()
    expect(cells.nth(6)).not_to_have_text(turned)


def test_on_a_phone_with_little_motion(open_live, model: GPT2) -> None:
    page, figure = open_live(
        lambda: live.positions(model, "GPT-2"), "dark", 390, reduced_motion="reduce"
    )
    expect(figure.get_by_role("button", name="Walk")).to_have_count(0)
    for name in ("The table", "As clock hands", "How alike"):
        figure.get_by_role("button", name=name).click()
        page.wait_for_timeout(100)
        fits(page)
