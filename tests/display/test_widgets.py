"""Controls are set, and what is shown is compared with what torch says.

tests/install/test_old_widgets.py runs this file once more, with the ipywidgets that Colab has.
"""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Callable
from typing import Any

import matplotlib

matplotlib.use("Agg")

import ipywidgets
import numpy as np
import pytest
import torch
from ipywidgets.widgets import widget as widget_module
from torch import nn

from llm_nb.display import controls, figures, widgets
from llm_nb.display.style import png
from llm_nb.display.widgets import Fitted, Slider, draw_fit, head_browser, retrain
from llm_nb.models.gpt2 import GPT2, GPT2Config
from llm_nb.models.pretrained import from_pretrained
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

TEXT = "def area(width):"
Shown = Callable[..., Any]


class Panel:
    """A displayed panel, as a reader has it: controls by label, the picture, the line of state."""

    def __init__(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        self.data, self.metadata = data, metadata
        known = getattr(widget_module, "_instances", None) or ipywidgets.Widget.widgets  # 8, or 7
        self.box = known[data["application/vnd.jupyter.widget-view+json"]["model_id"]]
        heading, row, self.status, self.picture = self.box.children
        self.heading = heading.value
        self.controls = {control.description: control for control in row.children}

    @property
    def alt(self) -> str:
        [alt] = re.findall(r'alt="(.*?)"', self.picture.value)
        return html.unescape(alt)

    @property
    def image(self) -> bytes:
        [encoded] = re.findall(r'src="data:image/png;base64,(.*?)"', self.picture.value)
        return base64.b64decode(encoded)

    @property
    def said(self) -> str:
        return html.unescape(re.sub(r"<.*?>", "", self.status.value))


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], Panel]:
    """Makes a call, as in a running notebook, and returns the panel that it displays."""
    monkeypatch.delenv("LLM_NB_STORED", raising=False)
    shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(
        controls, "display", lambda data, raw, metadata=None: shown.append((data, metadata))
    )

    def run(call: Callable[[], None]) -> Panel:
        call()
        panel, script = shown[-2:]
        assert list(script[0]) == ["text/html", "text/plain"]
        return Panel(*panel)

    return run


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], tuple[dict, dict]]:
    """Makes a call whose outputs are stored; the one picture that it displays, and no widget."""
    monkeypatch.setenv("LLM_NB_STORED", "1")
    shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(
        "llm_nb.display.style.display", lambda data, metadata, raw: shown.append((data, metadata))
    )
    for name in ("HTML", "SelectionSlider", "Dropdown", "Textarea", "VBox"):
        monkeypatch.setattr(ipywidgets, name, lambda *_, **__: pytest.fail("a widget was made"))

    def run(call: Callable[[], None]) -> tuple[dict, dict]:
        call()
        [one] = shown
        return one

    return run


@pytest.fixture(scope="module")
def model() -> GPT2:
    return from_pretrained(GPT2, SHIPPED)


@pytest.fixture(scope="module")
def tokenizer() -> ByteLevelBPE:
    return ByteLevelBPE.load(SHIPPED / "tokenizer.json")


def by_torch(model: GPT2, tokenizer: ByteLevelBPE, text: str, layer: int, head: int) -> bytes:
    """The picture of a head's weights (counted from 1), from the model itself."""
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(text)]
    with torch.no_grad():
        weights = model.attention_maps(torch.tensor([ids]))[layer - 1, 0, head - 1]
    pieces = [repr(tokenizer.decode([i]))[1:-1] for i in ids]
    title = f"layer {layer}, head {head}"
    picture = figures.attention_heads(weights[None].numpy(), pieces, [title], columns=1)
    return png(picture, "as torch has it")[0]


def test_the_version_that_is_tested() -> None:
    """Where the installing test says which ipywidgets this must be, it is that one."""
    assert ipywidgets.__version__ == os.environ.get("LLM_NB_IPYWIDGETS", ipywidgets.__version__)


def test_the_head_browser_draws_what_is_chosen(live, model, tokenizer) -> None:
    panel = live(lambda: head_browser(model, tokenizer, TEXT, layer=2, head=3))
    assert panel.image == by_torch(model, tokenizer, TEXT, 2, 3)
    assert base64.b64decode(panel.data["image/png"]) == panel.image
    assert panel.data["text/plain"] == panel.metadata["image/png"]["alt"] == panel.alt
    assert list(panel.controls) == ["Text", "Layer", "Head"]
    assert panel.said.endswith("a text is read when you leave its field.")
    panel.controls["Head"].value = 0
    panel.controls["Layer"].value = model.config.n_layers - 1
    assert panel.image == by_torch(model, tokenizer, TEXT, model.config.n_layers, 1)
    assert panel.said.startswith("Done in")
    panel.controls["Text"].value = "for i in range"
    assert panel.image == by_torch(model, tokenizer, "for i in range", model.config.n_layers, 1)


def test_the_words_are_of_the_same_numbers(live, model, tokenizer) -> None:
    panel = live(lambda: head_browser(model, tokenizer, TEXT))
    ids = torch.tensor([[tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(TEXT)]])
    with torch.no_grad():
        weights = model.attention_maps(ids)[0, 0, 0].tolist()
    T = len(weights)
    before, first, itself = (
        sum(weights[t][of(t)] for t in range(1, T)) / (T - 1)
        for of in (lambda t: t - 1, lambda t: 0, lambda t: t)
    )
    assert f"over {T} tokens" in panel.alt
    assert f"{before:.2f} to the token before it" in panel.alt
    assert f"{first:.2f} to the first of all and {itself:.2f} to itself" in panel.alt
    assert panel.alt.endswith(f"({max(weights[-1]):.2f}).")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "the text is empty"), ("x = 1\n" * 40, f"keep it to {widgets.LONGEST}")],
)
def test_a_text_that_cannot_be_drawn(live, model, tokenizer, text: str, said: str) -> None:
    panel = live(lambda: head_browser(model, tokenizer, TEXT))
    before = panel.image
    panel.controls["Text"].value = text
    assert said in panel.said
    assert f"The picture still shows Text “{TEXT}”." in panel.said
    assert panel.image == before
    with pytest.raises(ValueError, match=said):
        head_browser(model, tokenizer, text)


def test_tokens_are_not_read_as_html_or_mathematics(live, model, tokenizer) -> None:
    panel = live(lambda: head_browser(model, tokenizer, TEXT))
    panel.controls["Text"].value = '<b>"$x_$$"&'
    assert panel.said.startswith("Done in")
    assert panel.image == by_torch(model, tokenizer, '<b>"$x_$$"&', 1, 1)
    assert "looks most at" in panel.alt


def test_the_head_browser_leaves_a_model_in_training_as_it_is(live, tokenizer) -> None:
    small = GPT2(GPT2Config(tokenizer.vocab_size, 16, 8, 2, 2, dropout=0.5)).train()
    panel = live(lambda: head_browser(small, tokenizer, "a b", layer=2))
    assert small.training
    assert panel.image == by_torch(small.eval(), tokenizer, "a b", 2, 1)
    for name, number in (("layer", 3), ("head", 0)):
        with pytest.raises(ValueError, match=f"^{name} is {number}: choose 1 to 2$"):
            head_browser(small, tokenizer, "a b", **{name: number})


def test_the_head_browser_in_the_page(stored, capsys, model, tokenizer) -> None:
    data, metadata = stored(lambda: head_browser(model, tokenizer, TEXT, layer=2, head=3))
    assert base64.b64decode(data["image/png"]) == by_torch(model, tokenizer, TEXT, 2, 3)
    assert set(data) == {"image/png", "text/plain"}
    assert "layer 2, head 3" in metadata["image/png"]["alt"]
    said = "Browse the heads: run this cell in a notebook, and it has controls (Text, Layer, Head)."
    assert capsys.readouterr().out == said + "\n"


x = torch.linspace(-1, 1, 12)[:, None]
y = 3 * x


def fit(rate: float, steps: int = 20) -> Fitted:
    """A line through the origin by gradient descent, in torch."""
    line = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(line.weight)
    optimiser = torch.optim.SGD(line.parameters(), lr=rate)
    losses = []
    for step in range(steps):
        loss = nn.functional.mse_loss(line(x), y)
        if loss > 1e3:
            raise ValueError(
                f"the loss is {loss:.0f} at step {step}: choose a smaller learning rate"
            )
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fitted = line(x).detach()
    return Fitted({"training": (x, y)}, (x, fitted), {"training": (range(steps), losses)})


SLIDER = {"rate": Slider("Learning rate", [0.01, 0.1, 1.0, 10.0], 0.1)}


def test_a_fit_is_run_again(live) -> None:
    panel = live(lambda: retrain(fit, SLIDER, draw_fit, title="Fit a line"))
    assert "Fit a line" in panel.heading
    slider = panel.controls["Learning rate"]
    assert not slider.continuous_update
    busy: list[str] = []
    panel.status.observe(lambda change: busy.append(change["new"]), names="value")
    for rate in (1.0, 0.01):
        slider.value = rate
        figure, _ = draw_fit(fit(rate))
        assert panel.image == png(figure, "as torch has it")[0]
        losses = fit(rate).losses["training"][1]
        assert panel.alt.startswith(f"Learning rate {rate:g}: the training loss begins at")
        assert panel.alt.endswith(f"with {min(losses):.3g} and ends at {losses[-1]:.3g}.")
    assert ["Computing" in text for text in busy] == [True, False, True, False]


def test_a_fit_that_fails_is_said_and_the_picture_stays(live) -> None:
    panel = live(lambda: retrain(lambda rate: fit(rate).losses, SLIDER))
    before, alt = panel.image, panel.alt
    panel.controls["Learning rate"].value = 10.0
    assert "choose a smaller learning rate" in panel.said
    assert panel.said.endswith("The picture still shows Learning rate 0.1.")
    assert (panel.image, panel.alt) == (before, alt)
    panel.controls["Learning rate"].value = 0.01
    assert panel.said.startswith("Done in")
    assert panel.image != before
    diverging = {"rate": Slider("Learning rate", [10.0], 10.0)}
    with pytest.raises(ValueError, match="choose a smaller"):
        retrain(fit, diverging)


def test_a_fit_in_the_page(stored, capsys) -> None:
    data, metadata = stored(lambda: retrain(fit, SLIDER, draw_fit))
    figure, said = draw_fit(fit(0.1))
    assert base64.b64decode(data["image/png"]) == png(figure, said)[0]
    assert metadata["image/png"]["alt"] == f"Learning rate 0.1: {said}."
    assert "it has controls (Learning rate)." in capsys.readouterr().out


def test_losses_are_drawn_over_their_steps() -> None:
    losses = {"training": ([0, 5], [1.0, 0.5]), "validation": ([0, 5], [1.5, 2.0])}
    figure, said = widgets.draw_losses(losses)
    [axes] = figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1.0, 0.5], [1.5, 2.0]]
    assert axes.get_yscale() == "log"
    assert "validation loss begins at 1.5, is lowest at step 0 with 1.5 and ends at 2" in said
    points = {"training": (np.array([0, 1]), np.array([[2], [4]]))}
    left, right = draw_fit(Fitted(points, ([0, 1], [2, 9]), losses))[0].axes
    assert left.lines[1].get_ydata().tolist() == [2, 9]
    assert left.get_ylim() == pytest.approx((1.2, 4.8))  # the line may leave the frame
    assert [line.get_ydata().tolist() for line in right.lines] == [[1.0, 0.5], [1.5, 2.0]]


def test_a_control_begins_at_one_of_its_values() -> None:
    with pytest.raises(ValueError, match=r"'Rate' cannot begin at 3: begin at one of \[1, 2\]"):
        Slider("Rate", [1, 2], 3)
