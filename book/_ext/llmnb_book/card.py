"""The social card: the picture that stands beside a shared link, drawn in the book's own look."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

NAME = "_static/card.png"
WIDTH, HEIGHT = 1200, 630  # pixels, as the large cards of Open Graph readers want it
TITLE = "LLM Notebooks"
LINES = ("Large language models,", "from a word counted to a GPT trained")
ALT = "LLM Notebooks: large language models, from a word counted to a GPT trained"
PAPER, INK, MUTED, ACCENT = "#ffffff", "#1f2430", "#48566b", "#176de8"


def draw(path: Path) -> None:
    """Write the card to ``path``: title, one sentence, and the mask of causal attention."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    axes.add_patch(Rectangle((0, 0), WIDTH, 18, color=ACCENT))
    axes.text(80, 400, TITLE, color=INK, fontsize=58, fontweight="bold", va="center")
    for row, line in enumerate(LINES):
        axes.text(80, 285 - 56 * row, line, color=MUTED, fontsize=27, va="center")
    side, count = 46, 6
    for row in range(count):  # token `row` sees itself and what stands before it
        for column in range(row + 1):
            strength = 1 - 0.13 * (row - column)
            corner = (840 + column * side, 440 - row * side)
            axes.add_patch(Rectangle(corner, side - 6, side - 6, color=ACCENT, alpha=strength))
    figure.savefig(path, format="png", metadata={"Software": None})


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        draw(Path(app.outdir, NAME))


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write)
