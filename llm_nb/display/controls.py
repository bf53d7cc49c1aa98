"""A figure with controls that a kernel answers; ``display.widgets`` has those of the book.

It is for what a page cannot compute by itself (the figures of ``display.live`` need no kernel).
In a running notebook the reader sees the controls above a picture, which Python draws anew whenever
one of them changes. Where outputs are stored for the page (:func:`runtime.outputs_are_stored`) no
widget is made: there stands the picture of the values to begin with, and a line that names the
controls. Both have the picture's text alternative.

Only what ipywidgets 7.7 (Colab) and 8 share is used. The picture is HTML and not an ``Image``
widget: that has no alt text, and its binary messages stop Colab
(googlecolab/colabtools#587).
"""

from __future__ import annotations

import base64
import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
from IPython.display import display
from matplotlib.figure import Figure

from llm_nb.display.style import png, show
from llm_nb.runtime import outputs_are_stored

# ipywidgets 8 gives the handle of a slider no name, and tells a screen reader the place of a
# value in place of the value. Both stand beside the handle, in its label and its readout.
_NAMES = """<script>
window.llmSliderNames ??= new MutationObserver(() => {
  for (const slider of document.querySelectorAll(".llm-controls .widget-slider")) {
    const handle = slider.querySelector(".noUi-handle");
    const said = slider.querySelector(".widget-readout")?.textContent;
    if (!handle || !said) continue;
    const wanted = { "aria-label": slider.querySelector("label").textContent, "aria-valuetext": said };
    for (const [name, value] of Object.entries(wanted))
      if (handle.getAttribute(name) !== value) handle.setAttribute(name, value);
  }
});
window.llmSliderNames.observe(document.body, { childList: true, subtree: true, characterData: true });
</script>"""


def _offered(label: str, values: Sequence[Any], start: Any) -> None:
    if start not in values:
        raise ValueError(f"{label!r} cannot begin at {start!r}: begin at one of {list(values)}")


@dataclass(frozen=True)
class Slider:
    """A control over a few numbers in order, evenly spaced whatever they are.

    Args:
        label: names the control, and the value in the picture's text alternative.
        values: what may be chosen.
        start: one of them, the one to begin with.
    """

    label: str
    values: Sequence[float]
    start: float

    def __post_init__(self) -> None:
        _offered(self.label, self.values, self.start)

    def widget(self) -> ipywidgets.Widget:
        """The control itself; its value changes when the handle is let go."""
        return ipywidgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in self.values], value=self.start,
            description=self.label, continuous_update=False, style=_WIDE,
        )  # fmt: skip

    def words(self, value: float) -> str:
        """Label and value, as a sentence has them."""
        return f"{self.label} {value:g}"


@dataclass(frozen=True)
class Menu:
    """A control over a few named things.

    Args:
        label: names the control.
        names: what may be chosen; the value is its place, 0 for the first.
        start: the place of the one to begin with.
    """

    label: str
    names: Sequence[str]
    start: int = 0

    def __post_init__(self) -> None:
        _offered(self.label, range(len(self.names)), self.start)

    def widget(self) -> ipywidgets.Widget:
        """The control itself."""
        options = [(name, place) for place, name in enumerate(self.names)]
        return ipywidgets.Dropdown(
            options=options, value=self.start, description=self.label, style=_WIDE
        )

    def words(self, value: int) -> str:
        """Label and name, as a sentence has them."""
        return f"{self.label} {self.names[value]}"


@dataclass(frozen=True)
class Field:
    """A control for a text of a few lines, read when the field is left."""

    label: str
    start: str

    def widget(self) -> ipywidgets.Widget:
        """The control itself."""
        return ipywidgets.Textarea(
            value=self.start, description=self.label, continuous_update=False, style=_WIDE,
            rows=3, layout={"width": "95%"},
        )  # fmt: skip

    def words(self, value: str) -> str:
        """Label and text, as a sentence has them."""
        return f"{self.label} “{value}”"


Control = Slider | Menu | Field
_WIDE = {"description_width": "initial"}  # labels are shown whole


def controlled(
    draw: Callable[..., tuple[Figure, str]], controls: Mapping[str, Control], title: str
) -> None:
    """Show what ``draw`` draws, with ``controls`` above it where a kernel answers.

    Args:
        draw: takes the controls' values by name; returns a figure and its alt text. What it raises
            later is shown in one line, and the picture before it stays.
        controls: name → control, in their order on the page.
        title: says in a few words what the controls do.

    Raises:
        Exception: whatever ``draw`` raises for the values to begin with.
    """
    figure, alt = draw(**{name: control.start for name, control in controls.items()})
    if outputs_are_stored():
        show(figure, alt)
        labels = ", ".join(control.label for control in controls.values())
        print(f"{title}: run this cell in a notebook, and it has controls ({labels}).")
        return
    image, width, height = png(figure, alt)
    panel = _Panel(draw, controls, title)
    panel.show_picture(image, width, height, alt)
    # A front end without widgets, and a notebook saved and read without a kernel, has the picture.
    bundle = {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2, "version_minor": 0, "model_id": panel.box.model_id,
        },
        "image/png": base64.b64encode(image).decode(),
        "text/plain": alt,
    }  # fmt: skip
    display(
        bundle, metadata={"image/png": {"alt": alt, "width": width, "height": height}}, raw=True
    )
    display({"text/html": _NAMES, "text/plain": ""}, raw=True)


class _Panel:
    """The controls, the picture under them, and a line that says how the last change went."""

    def __init__(
        self,
        draw: Callable[..., tuple[Figure, str]],
        controls: Mapping[str, Control],
        title: str,
    ) -> None:
        self.draw, self.controls = draw, controls
        self.inputs = {name: control.widget() for name, control in controls.items()}
        self.picture, self.status = ipywidgets.HTML(), ipywidgets.HTML()
        row = ipywidgets.HBox(list(self.inputs.values()), layout={"flex_flow": "row wrap"})
        row.add_class("llm-controls")
        heading = ipywidgets.HTML(f"<strong>{html.escape(title)}</strong>")
        self.box = ipywidgets.VBox([heading, row, self.status, self.picture])
        self.drawn = self.values()
        late = any(isinstance(control, Field) for control in controls.values())
        last = ", and a text is read when you leave its field." if late else "."
        self.say(f"Change a control: the picture follows{last}")
        for control in self.inputs.values():
            control.observe(self.changed, names="value")

    def values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.inputs.items()}

    def changed(self, _: object) -> None:
        """Draw for the values that the controls have now; keep the picture if that fails."""
        values, began = self.values(), time.perf_counter()
        self.say("Computing …")
        try:
            figure, alt = self.draw(**values)
            image, width, height = png(figure, alt)
        except (Exception, KeyboardInterrupt) as error:  # whatever it is, the reader should see it
            first, *_ = str(error).splitlines() or [""]
            shown = ", ".join(
                self.controls[name].words(value)
                for name, value in self.drawn.items()
                if value != values[name]
            )
            kept = f"The picture still shows {shown}." if shown else "The picture is the last one."
            self.say(f"{type(error).__name__}: {first.rstrip('.')}. {kept}")
            return
        self.show_picture(image, width, height, alt)
        self.drawn = values
        self.say(f"Done in {time.perf_counter() - began:.1f} s.")

    def say(self, text: str) -> None:
        self.status.value = f'<span role="status">{html.escape(text)}</span>'

    def show_picture(self, image: bytes, width: int, height: int, alt: str) -> None:
        """The picture, and under it for the eye what its text alternative says."""
        encoded, said = base64.b64encode(image).decode(), html.escape(alt)
        self.picture.value = (
            f'<img alt="{said}" width="{width}" height="{height}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{encoded}">'
            f'<div aria-hidden="true" style="max-width:70ch;line-height:1.4">{said}</div>'
        )
