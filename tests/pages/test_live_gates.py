"""The live recurrent cell, driven: gates pushed, steps chosen, and compared with autograd."""

from __future__ import annotations

import re

import pytest
import torch
from playwright.sync_api import FrameLocator, expect
from torch import Tensor

from llm_nb.display import live
from llm_nb.display.live.gates import CELLS, STEPS, gradients, layer
from tests.pages.driving import fits, settle

POWER = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def said(figure: FrameLocator) -> dict[str, float]:
    """The gradients that the summary states, by cell."""
    text = figure.get_by_role("status").inner_text()
    found = re.findall(r"([\d.]+)(?:×10(\S+))? in the (RNN|LSTM|GRU)", text)
    return {
        name.lower(): float(front) * 10 ** int((power or "0").translate(POWER))
        for front, power, name in found
    }


def expected(cell: str, x: Tensor, of: str = "memory", **changes: float) -> float:
    weights = {name: list(values) for name, values in CELLS[cell].items()}
    for place, value in changes.items():
        weights[place[0]][int(place[1])] = value
    name = ("c" if cell == "lstm" else "h") if of == "memory" else of
    return float(gradients(cell, layer(**weights), x)[name][0].abs())


def pulse(steps: int = STEPS, first: float = 1.0) -> Tensor:
    x = torch.zeros(steps, 1, dtype=torch.float64)
    x[0] = first
    return x


def push(figure: FrameLocator, label: str, value: float) -> None:
    figure.get_by_label(label, exact=True).fill(f"{value:g}")


def test_gates_are_pushed(open_live) -> None:
    page, figure = open_live(live.gates)
    first = said(figure)
    for cell in CELLS:
        assert first[cell] == pytest.approx(expected(cell, pulse()), rel=0.06)
    forget = figure.get_by_label("Bias of the forget gate f", exact=True)
    forget.focus()
    for _ in range(8):  # from 5 to 1
        page.keyboard.press("ArrowLeft")
    expect(forget).to_have_attribute("aria-valuetext", "1.0, σ(b) = 0.731")
    settle(page)
    now = said(figure)
    assert now["lstm"] == pytest.approx(expected("lstm", pulse(), b1=1), rel=0.06)
    assert (now["rnn"], now["gru"]) == (first["rnn"], first["gru"])
    figure.get_by_label("Cell", exact=True).select_option("gru")
    expect(forget).to_be_hidden()
    push(figure, "Bias of the update gate z", 0)
    settle(page)
    assert said(figure)["gru"] == pytest.approx(expected("gru", pulse(), b1=0), rel=0.06)
    figure.get_by_label("Cell", exact=True).select_option("rnn")
    push(figure, "Recurrent weight u", 1.2)
    push(figure, "Input x at step t", 0)
    settle(page)
    assert said(figure)["rnn"] == pytest.approx(1.2**30, rel=0.06)
    expect(figure.locator(".factor")).to_contain_text("u (1 − h²) = 1.20·(1 − 0.00²) = 1.200")


def test_what_the_gradient_is_taken_of_and_length(open_live) -> None:
    page, figure = open_live(live.gates)
    push(figure, "Steps T", 12)
    for of, part in (("memory", "memory"), ("h", "state h"), ("x", "input x")):
        figure.get_by_label("Gradient of the last state with respect to").select_option(of)
        settle(page)
        assert f"with respect to the {part} of step" in figure.get_by_role("status").inner_text()
        for cell, found in said(figure).items():
            assert found == pytest.approx(expected(cell, pulse(12), of), rel=0.06)


def test_a_step_is_chosen_and_worked_out(open_live) -> None:
    _page, figure = open_live(live.gates)
    figure.locator(".plot").first.click(position={"x": 230, "y": 100})
    t = int(figure.get_by_label("Step t", exact=True).input_value())
    assert 10 < t < 20
    expect(figure.locator(".gate-title")).to_contain_text(f"LSTM at step {t}:")
    push(figure, "Input x at step t", 0.8)
    x = pulse()
    x[t - 1] = 0.8
    w = layer(**CELLS["lstm"])
    with torch.no_grad():
        module = torch.nn.LSTM(1, 1).double()
        for parameter, value in zip(module.parameters(), w, strict=True):
            parameter.copy_(value)
        (h, c) = module(x[:t])[1]
        before = module(x[: t - 1])[1][0]
        i, f, g, o = torch.nn.functional.linear(x[t - 1], w.w_ih, w.b_ih) + w.w_hh[:, 0] * before[0]
    values = figure.locator(".equations .value")
    sums = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), c[0, 0], h[0, 0])
    expect(values).to_have_text([f"= {float(v):.3f}" for v in sums])
    numbers = figure.locator(".bars .number")
    expect(numbers).to_have_text([f"{float(v):.3f}" for v in (sums[0], sums[1], sums[3])])
    figure.get_by_label("Cell", exact=True).select_option("rnn")
    expect(figure.locator(".gate-title")).to_contain_text("it has no gates")
    expect(values).to_have_count(1)
    figure.get_by_label("Inputs", exact=True).select_option("alternating")
    expect(figure.get_by_label("Input x at step t")).to_have_value("1" if t % 2 else "-1")


def test_a_phone(open_live) -> None:
    page, figure = open_live(live.gates, width=390, theme="dark")
    for cell in CELLS:
        figure.get_by_label("Cell", exact=True).select_option(cell)
        expect(figure.locator(".gate-title")).to_contain_text(cell.upper())
        fits(page)
