"""The live descent, driven: rates, start, noise, steps, and compared with torch.optim."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FrameLocator, expect

from llm_nb.display import live
from llm_nb.display.live.descent import STEPS, SURFACES, torch_path
from tests.pages.driving import fits, settle

VALLEY = SURFACES["valley"]
WORD = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam", "adamw": "AdamW"}


def told(figure: FrameLocator, name: str) -> str:
    """What the summary says of one optimiser."""
    text = figure.get_by_role("status").inner_text()
    part = re.search(rf"(?:: |; ){WORD[name]} ([^;]*?)(?:;|\.$)", text)
    assert part, text
    return part[1]


def put(figure: FrameLocator, label: str, value: float) -> None:
    figure.get_by_label(label, exact=True).fill(f"{value:g}")


def height(name: str, rate: float, start: tuple[float, float] = VALLEY.start) -> float:
    return float(torch_path(name, VALLEY, start, rate, STEPS)[1][-1])


def test_first_state_rates_and_divergence(open_live) -> None:
    page, figure = open_live(live.descent)
    for name, exponent in zip(("sgd", "momentum", "adam"), VALLEY.rates, strict=False):
        shown = told(figure, name).split(",")[0].replace("×10⁻³", "e-3")
        assert float(shown) == pytest.approx(height(name, 10**exponent), rel=0.06)
    assert "turning back 31 times" in told(figure, "sgd")
    assert told(figure, "adam").endswith("never turning back")
    slider = figure.get_by_label("Learning rate of SGD", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.028")
    settle(page)
    points, losses = torch_path("sgd", VALLEY, VALLEY.start, 10**-1.55, STEPS)
    assert losses[-1] > 1e5
    outside = int((points[:, 1].abs() > VALLEY.y[1]).nonzero()[0])
    said = told(figure, "sgd")
    assert said.startswith(f"leaves the map at step {outside} and climbs to")
    assert said.endswith("it diverges")
    put(figure, "Learning rate of SGD", 0)
    settle(page)
    assert "it diverges" in told(figure, "sgd")
    figure.get_by_role("button", name="Best learning rates").click()
    expect(slider).to_have_attribute("aria-valuetext", "0.025")


def test_the_start_is_dragged_clicked_and_typed(open_live) -> None:
    page, figure = open_live(live.descent)
    start = figure.locator(".start")
    box = start.bounding_box()
    assert box
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 60, at[1] - 20, steps=4)
    page.mouse.up()
    x = float(figure.get_by_label("Start x", exact=True).input_value())
    y = float(figure.get_by_label("Start y", exact=True).input_value())
    assert -4 < x < -2.5
    assert 1.2 < y < 2.2
    settle(page)
    shown = told(figure, "sgd").split(",")[0]
    assert float(shown) == pytest.approx(height("sgd", 10**-1.6, (x, y)), rel=0.06)
    moved = start.bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(box["x"] + 60, abs=2)
    figure.locator(".plot").first.click(position={"x": 300, "y": 60})
    assert float(figure.get_by_label("Start x", exact=True).input_value()) > -1
    put(figure, "Start x", -2)
    put(figure, "Start y", 0)
    settle(page)
    shown = told(figure, "momentum").split(",")[0].replace("×10⁻⁴", "e-4").replace("×10⁻⁵", "e-5")
    assert float(shown) == pytest.approx(height("momentum", 10**-2.35, (-2, 0)), rel=0.06)


def test_ridge_noise_and_who_takes_part(open_live) -> None:
    page, figure = open_live(live.descent)
    figure.get_by_label("Surface", exact=True).select_option("saddle")
    put(figure, "Start y", 0)
    settle(page)
    for name in ("sgd", "momentum", "adam"):
        assert float(told(figure, name).split(",")[0]) == pytest.approx(0.25, abs=0.005)
    draw = figure.get_by_label("Draw of the noise", exact=True)
    expect(draw).to_be_hidden()
    put(figure, "Mini-batch noise σ", 0.5)
    expect(draw).to_be_visible()
    settle(page)
    assert float(told(figure, "adam").split(",")[0]) < 0.2
    first = told(figure, "adam")
    put(figure, "Draw of the noise", 2)
    settle(page)
    assert told(figure, "adam") != first
    figure.get_by_label("AdamW", exact=True).check()
    expect(figure.get_by_label("AdamW’s decay λ")).to_be_visible()
    for other in ("SGD", "momentum", "Adam"):
        figure.get_by_label(other, exact=True).uncheck()
    settle(page)
    assert "SGD" not in figure.get_by_role("status").inner_text()
    figure.get_by_label("AdamW", exact=True).uncheck()
    expect(figure.get_by_role("status")).to_have_text("Tick an optimiser to see its path.")


def test_playing_and_calm(open_live) -> None:
    _page, figure = open_live(live.descent)
    path = figure.locator("path.line.c1").first
    whole = path.get_attribute("d") or ""
    figure.get_by_role("button", name="Play").click()
    expect(figure.get_by_role("button", name="Stop")).to_be_visible()
    assert len(path.get_attribute("d") or "") < len(whole) / 2
    expect(figure.get_by_role("button", name="Play")).to_be_visible(timeout=15_000)
    expect(path).to_have_attribute("d", whole)
    _, calm = open_live(live.descent, reduced_motion="reduce")
    expect(calm.get_by_role("button", name="Play")).to_be_hidden()
    expect(calm.locator("path.line.c1").first).to_have_attribute("d", whole)


def test_a_unit_is_as_long_on_both_axes(open_live) -> None:
    """On every map: the axes as they are drawn, against the ranges."""
    _, figure = open_live(live.descent)
    axes = figure.locator(".plot .axes").first.get_attribute("d") or ""
    drawn = re.fullmatch(r"M([\d.]+) ([\d.]+)V([\d.]+)H([\d.]+)", axes)
    assert drawn, axes
    left, top, bottom, right = map(float, drawn.groups())
    for surface in SURFACES.values():
        (x0, x1), (y0, y1) = surface.x, surface.y
        assert (x1 - x0) / (y1 - y0) == pytest.approx((right - left) / (bottom - top), rel=0.01)


def test_a_phone(open_live) -> None:
    page, figure = open_live(live.descent, width=390, theme="dark")
    for surface in SURFACES:
        figure.get_by_label("Surface", exact=True).select_option(surface)
        settle(page)
        fits(page)
