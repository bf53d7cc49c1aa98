"""The one style of every matplotlib figure, and ``show``, which gives each its alt text."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
from cycler import cycler
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

# Okabe & Ito's palette, told apart with any colour vision; its orange and its sky blue are darker
# here, so that every colour has a contrast of 3 on white. Lines also differ in dash and marker.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07B00", "#3A93C8", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SEQUENTIAL = "cividis"  # a colour map that grows evenly in lightness, also in grey

# A white card with dark text is readable on a light page and on a dark one.
_STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "font.size": 10.5,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw everything inside in the book's style."""
    with plt.rc_context(_STYLE):
        yield


def png(figure: Figure, alt: str, dpi: int = 160) -> tuple[bytes, int, int]:
    """``figure`` as a PNG with its width and height on the page (pixels); the figure is closed.

    An inch is 100 pixels of the page, whatever the dots drawn in it.

    Raises:
        ValueError: ``alt`` is empty: say in a sentence what the figure shows.
    """
    if not alt.strip():
        raise ValueError("a figure needs alt text: say in a sentence what it shows")
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi=dpi,
        bbox_inches="tight",
        pad_inches=0.15,
        metadata={"Software": ""},
    )
    plt.close(figure)
    return _palette(buffer.getvalue(), dpi)


def _palette(image: bytes, dpi: int) -> tuple[bytes, int, int]:
    """The same picture in 256 colours of its own, about half as heavy, with its width and height.

    Black, white and the lines' colours stay exact: a drawing has few colours but for the edges.
    """
    with Image.open(io.BytesIO(image)) as opened:
        drawn = opened.convert("RGB")
    few = drawn.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    width, height = (side * 100 // dpi for side in drawn.size)
    return buffer.getvalue(), width, height


def show(figure: Figure, alt: str) -> None:
    """Display ``figure`` as a picture with the text alternative ``alt``, and close it.

    The alt text travels with the output, so that the page, JupyterLab and a screen reader all
    have it.

    Raises:
        ValueError: ``alt`` is empty: say in a sentence what the figure shows.
    """
    image, width, height = png(figure, alt)
    display(
        {"image/png": base64.b64encode(image).decode(), "text/plain": alt},
        metadata={"image/png": {"alt": alt, "width": width, "height": height}},
        raw=True,
    )
