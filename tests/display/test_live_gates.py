"""The live recurrent cell: states and gradients are those of torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from llm_nb.display.live.gates import CELLS, STEPS, gradients, layer
from llm_nb.models.recurrent_cells import Weights
from tests.display.node import in_node

TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
RUN = """({ states: m.run(x.cell, x.w, x.xs), found: m.jacobians(x.cell, x.w, x.xs),
  sizes: m.lengths(m.jacobians(x.cell, x.w, x.xs).h) })"""


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def random_weights(cell: str, D: int, H: int) -> tuple[nn.Module, Weights]:
    module = TORCH[cell](D, H).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.8)
    return module, Weights(*(p.detach() for p in module.parameters()))


def in_js(w: Weights) -> dict[str, object]:
    return {name: value.tolist() for name, value in w._asdict().items()}


@pytest.mark.parametrize("cell", CELLS)
def test_random_cells_of_several_units(cell: str) -> None:
    """States as nn.RNN, nn.LSTM and nn.GRU have them; every Jacobian as autograd has it."""
    torch.manual_seed(list(CELLS).index(cell))
    cases, expected = [], []
    for T, D, H in ((1, 1, 1), (7, 3, 2), (12, 2, 5)):
        module, w = random_weights(cell, D, H)
        x = torch.randn(T, D, dtype=torch.float64)
        with torch.no_grad():
            outputs, last = module(x)
        jacobians = [gradients(cell, w, x, unit) for unit in range(H)]
        cases.append({"cell": cell, "w": in_js(w), "xs": x.tolist()})
        expected.append((outputs, last, jacobians))
    for done, (outputs, last, jacobians) in zip(
        in_node("recurrent", RUN, *cases), expected, strict=True
    ):
        states, found = done["states"], done["found"]
        assert_close(doubles([s["h"] for s in states[1:]]), outputs, atol=1e-12, rtol=1e-10)
        if cell == "lstm":
            assert_close(doubles(states[-1]["c"]), last[1][0], atol=1e-12, rtol=1e-10)
        for name in jacobians[0]:
            rows = torch.stack([of[name] for of in jacobians], dim=1)  # (steps, H, …)
            assert_close(doubles(found[name]), rows, atol=1e-12, rtol=1e-9)
        sizes = torch.stack([of["h"] for of in jacobians], dim=1).flatten(1).norm(dim=1)
        assert_close(doubles(done["sizes"]), sizes, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_inputs_gradients_are_those_of_torchs_own_module(cell: str) -> None:
    """Independent of our cells: what arrives at x_1 … x_T from the first unit of nn's last h."""
    torch.manual_seed(7)
    module, w = random_weights(cell, 2, 3)
    x = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(module(x)[0][-1, 0], x)
    [done] = in_node(
        "recurrent", "m.jacobians(x.cell, x.w, x.xs).x.map((rows) => rows[0])",
        {"cell": cell, "w": in_js(w), "xs": x.tolist()},
    )  # fmt: skip
    assert_close(doubles(done), expected, atol=1e-12, rtol=1e-9)


def memory(cell: str, x: Tensor, **changes: float) -> Tensor:
    """The gradient of the last state by the memory of every step; changes as u2=1.2, b1=0."""
    weights = {name: list(values) for name, values in CELLS[cell].items()}
    for place, value in changes.items():
        weights[place[0]][int(place[1])] = value
    return gradients(cell, layer(**weights), x)["c" if cell == "lstm" else "h"].abs().squeeze(1)


def test_what_the_figure_shows_first_and_what_its_hints_say() -> None:
    pulse = torch.zeros(STEPS, 1, dtype=torch.float64)
    nothing = pulse.clone()
    pulse[0] = 1
    first = {cell: float(memory(cell, pulse)[0]) for cell in CELLS}
    assert first["rnn"] < 1e-5 < 0.1 < first["gru"] < first["lstm"]
    # RNN: no u keeps the gradient, and the more it is above 1 the less; from nothing it explodes.
    fading = [float(memory("rnn", pulse, u0=u)[0]) for u in (0.7, 1.0, 1.1, 1.3, 2.0)]
    assert max(fading) == fading[1] < 0.01
    assert fading[1:] == sorted(fading[1:], reverse=True)
    assert float(memory("rnn", nothing, u0=1.2)[0]) == pytest.approx(1.2**30)
    # LSTM: a forget gate less open, or an open input gate.
    assert first["lstm"] > 1e3 * float(memory("lstm", pulse, b1=1)[0])
    assert float(memory("lstm", pulse, b1=0)[0]) < 1e-8
    assert float(memory("lstm", pulse, b0=2).max()) < 1e-8
    # GRU: almost an RNN.
    assert float(memory("gru", pulse, b1=-3)[0]) < float(memory("gru", pulse, b1=0)[0]) < 1e-5


def test_the_figures_own_numbers() -> None:
    """One unit from gates.js, its equations, and the product of its forget gates."""
    cases = [{"cell": cell, "weights": weights, "T": 12} for cell, weights in CELLS.items()]
    modules = """({ layer: m.layerOf(x.weights), xs: m.inputsOf("noise", x.T),
      own: m.inputsOf("noise", x.T, { 3: -1.5 })[2] })"""
    for case, done in zip(cases, in_node("gates", modules, *cases), strict=True):
        w = layer(**case["weights"])
        for name, value in w._asdict().items():
            assert_close(doubles(done["layer"][name]), value)
        assert done["xs"][0] == [1]
        assert len(done["xs"]) == 12
        assert done["own"] == [-1.5]
        [states] = in_node(
            "recurrent", "m.run(x.cell, x.w, x.xs)",
            {"cell": case["cell"], "w": done["layer"], "xs": done["xs"]},
        )  # fmt: skip
        [lines] = in_node(
            "gates", "m.equations(x.cell, x.weights, x.xs[4][0], x.states[4], x.states[5])",
            case | {"states": states, "xs": done["xs"]},
        )  # fmt: skip
        assert lines[-1][2] == states[5]["h"][0]
        if case["cell"] == "lstm":
            [kept] = in_node("gates", "m.kept(x, 'f')", states)
            forget = doubles([s["f"][0] for s in states[1:]])
            assert_close(
                doubles(kept), torch.cat([forget.flip(0).cumprod(0).flip(0), doubles([1])])
            )
            assert [line[0] for line in lines][4:] == ["new c = f c + i g", "new h = o tanh(new c)"]


def test_the_inputs() -> None:
    assert in_node("gates", "m.inputsOf(...x)", ["pulse", 3], ["alternating", 4, {2: 0.5}]) == [
        [[1], [0], [0]],
        [[1], [0.5], [1], [-1]],
    ]
    [noise] = in_node("gates", "m.inputsOf('noise', 60)", None)
    assert noise[0] == [1]
    assert 0.2 < doubles(noise[1:]).std() < 0.4
