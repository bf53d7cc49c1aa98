"""The live optimisers take the steps of torch.optim, on the surfaces that Python draws."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from llm_nb.display.live.descent import STEPS, SURFACES, descent_data, torch_path, turns
from tests.display.node import in_node

OPTIMISERS = ("sgd", "momentum", "adam", "adamw")
PATH = """(() => {
  const noises = x.level ? m.noise(x.seed, x.level, x.steps) : Array.from({ length: x.steps }, () => [0, 0]);
  const points = m.descend(x.name, m.SURFACES[x.surface], x.start, x.settings, noises);
  return { at: points.map((p) => p.at), losses: points.map((p) => p.loss), noises, turns: m.turns(points) };
})()"""


def settings(rate: float, momentum: float, beta1: float, beta2: float, decay: float) -> dict:
    return {"rate": rate, "momentum": momentum, "beta1": beta1, "beta2": beta2, "decay": decay}


def doubles(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def in_torch(case: dict[str, Any], noise: Tensor) -> tuple[Tensor, Tensor]:
    s = case["settings"]
    return torch_path(
        case["name"], SURFACES[case["surface"]], case["start"], s["rate"], case["steps"],
        s["momentum"], (s["beta1"], s["beta2"]), s["decay"], noise,
    )  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
def test_two_hundred_steps_as_torch_takes_them(name: str) -> None:
    """Every surface, random starts, settings and noise: points and losses to 1e-7."""
    torch.manual_seed(OPTIMISERS.index(name))
    cases: list[dict[str, Any]] = []
    for surface, size in SURFACES.items():
        for level in (0.0, 1.5):
            u = torch.rand(7, dtype=torch.float64).tolist()
            start = [a + v - 0.5 for v, a in zip(u, size.start, strict=False)]
            rate = 10 ** size.rates[OPTIMISERS.index(name)] * (0.3 + 0.6 * u[2])
            cases.append(
                {
                    "name": name, "surface": surface, "start": start, "steps": 200,
                    "level": level, "seed": len(cases) + 1,
                    "settings": settings(rate, 0.5 + 0.4 * u[3], 0.8 + 0.15 * u[4], 0.98 + 0.019 * u[5], u[6]),
                }
            )  # fmt: skip
    for case, found in zip(cases, in_node("optimisers", PATH, *cases), strict=True):
        points, losses = in_torch(case, doubles(found["noises"]))
        assert points.shape == (201, 2)
        assert_close(doubles(found["at"]), points, rtol=1e-7, atol=1e-7)
        assert_close(doubles(found["losses"]), losses, rtol=1e-7, atol=1e-7)
        assert found["turns"] == turns(points)


def test_a_path_that_diverges_is_followed_as_far_as_numbers_go() -> None:
    case = {
        "name": "sgd", "surface": "valley", "start": [-4.5, 1.2], "steps": 200, "level": 0,
        "settings": settings(0.05, 0, 0, 0, 0),
    }  # fmt: skip
    [found] = in_node("optimisers", PATH, case)
    points, _ = in_torch(case, torch.zeros(200, 2))
    assert points[-1, 1].abs() > 1e80
    assert_close(doubles(found["at"]), points, rtol=1e-9, atol=1e-12)
    case |= {"surface": "rosenbrock", "start": [-1.4, 2.1], "settings": settings(0.1, 0, 0, 0, 0)}
    [found] = in_node("optimisers", PATH, case)
    assert 2 < len(found["at"]) < 20, "the loss is infinite after a few steps"
    assert all(map(torch.isfinite, doubles(found["losses"])))


def test_the_same_gradients_as_autograd() -> None:
    torch.manual_seed(0)
    points = torch.randn(20, 2, dtype=torch.float64) * 2
    for name, surface in SURFACES.items():
        [found] = in_node(
            "optimisers", f"x.map((p) => m.SURFACES.{name}.gradient(...p))", points.tolist()
        )
        expected = [torch.func.grad(surface.loss)(p) for p in points]
        assert_close(doubles(found), torch.stack(expected), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_what_the_maps_say_is_so(surface: Any) -> None:
    """The minima are minima, and no place of the map is lower."""
    for place in surface.minima:
        at = doubles(place)
        assert float(surface.loss(at)) == pytest.approx(surface.lowest, abs=1e-12)
        assert torch.func.grad(surface.loss)(at).norm() < 1e-12
    x, y = torch.linspace(*surface.x, 200), torch.linspace(*surface.y, 200)
    assert surface.loss(torch.stack(torch.meshgrid(x, y, indexing="xy"))).min() >= surface.lowest


def test_the_first_state_has_the_best_learning_rates() -> None:
    """In the valley; and there SGD zigzags where momentum and Adam do not."""
    [rates] = in_node("descent", "m.RATES", None)
    best = """x.names.map((name) => Math.log10(m.bestRate(name, m.SURFACES.valley, [-4.5, 1.2],
      { momentum: 0.9, beta1: 0.9, beta2: 0.999, decay: 0.1 }, m.noise(1, 0, 60), x.rates)))"""
    [found] = in_node("optimisers", best, {"names": OPTIMISERS, "rates": rates})
    valley = SURFACES["valley"]
    assert STEPS == 60
    assert descent_data()["surface"] == "valley"
    assert found == pytest.approx(valley.rates)
    ends = {}
    for name, rate in zip(OPTIMISERS, valley.rates, strict=True):
        points, losses = torch_path(name, valley, valley.start, 10**rate, STEPS)
        ends[name] = (turns(points), float(losses[-1]))
    assert ends["sgd"][0] > STEPS / 2 > 10 * max(ends["momentum"][0], ends["adam"][0])
    assert ends["sgd"][1] > 50 * max(ends["momentum"][1], ends["adam"][1])


def test_what_the_hints_say() -> None:
    """SGD waits at the saddle while Adam leaves; only momentum gets past the first hollow."""
    after: dict[tuple[str, str, int], float] = {}
    for surface in ("saddle", "bumpy"):
        size = SURFACES[surface]
        for name, rate in zip(OPTIMISERS, size.rates, strict=True):
            _, losses = torch_path(name, size, size.start, 10**rate, STEPS)
            after |= {(surface, name, t): float(losses[t]) - size.lowest for t in (25, STEPS)}
    assert after["saddle", "adam", 25] < 0.05 < 0.2 < after["saddle", "sgd", 25]
    assert after["bumpy", "momentum", STEPS] < 0.01
    assert after["bumpy", "sgd", STEPS] == pytest.approx(after["bumpy", "adam", STEPS], abs=0.01)
    assert after["bumpy", "sgd", STEPS] > 0.5


def test_the_outlines_enclose_what_is_lower() -> None:
    """The area inside each outline is that of the ellipse, and of the map cut off by its border."""
    area = """m.outlines((a, b) => a * a + 4 * b * b, [-3, 3], [-2, 2], x, 120, 80).map((rings) =>
      rings.reduce((sum, ring) => sum + ring.reduce((s, [a, b], k) => {
        const [c, d] = ring[(k + 1) % ring.length];
        return s + (a * d - b * c) / 2; }, 0), 0))"""
    [areas] = in_node("optimisers", area, [-1, 1, 4, 1000])
    assert [abs(a) for a in areas] == pytest.approx([0, torch.pi / 2, 2 * torch.pi, 24], rel=2e-3)
    [rings] = in_node("optimisers", "m.outlines((a, b) => -a * a, [-3, 3], [-2, 2], x)", [-1])
    assert len(rings[0]) == 2, "low on both sides: two outlines"


def test_powers_of_ten_are_readable() -> None:
    found = in_node("powers", "m.scientific(x)", 0.0, 0.0447, 3.14e-7, -2.5e9, 64.125, float("inf"))
    assert found == ["0", "0.045", "3.1×10⁻⁷", "−2.5×10⁹", "64", "∞"]
    assert in_node("powers", "m.exponents(...x)", [-3, 2], [-40, 0]) == [
        [-3, -2, -1, 0, 1, 2],
        [-40, -30, -20, -10, 0],
    ]
    assert in_node("powers", "m.powerOfTen(x)", -12) == ["10⁻¹²"]


def test_what_became_of_an_optimiser() -> None:
    """In words: on the map, off and back, off, climbing, and broken off."""
    expression = """m.fate("SGD", x.map(([at, loss]) => ({ at: [at, 0], loss })), 2,
      { x: [-1, 1], y: [-1, 1], lowest: 0 })"""
    paths = [
        [[0, 3], [0.5, 2], [0.6, 1]],
        [[0, 3], [2, 2], [0.6, 1]],
        [[0, 3], [2, 2], [3, 1]],
        [[0, 3], [2, 4], [3, 5]],
        [[0, 3], [2, 4]],
    ]
    stays, back, off, climbs, broke = in_node("descent", expression, *paths)
    assert stays == "SGD 1, never turning back"
    assert back == "SGD 1, turning back 1 time, having left the map at step 1 and come back"
    assert off == "SGD 1, never turning back, off the map since step 1"
    assert climbs == "SGD leaves the map at step 1 and climbs to 5: it diverges"
    assert broke == "SGD leaves the map at step 1 and grows beyond all numbers: it diverges"
