"""One mechanism for every live figure: a frame that holds its script, its data and nothing else.

``show_live`` displays an ``<iframe srcdoc>`` with everything in it, so that a figure works alike in
the built book, in JupyterLab and in Colab, with no kernel, no other file and no other host. Where
no script runs (on GitHub, in a PDF), a picture with alt text stands in its place.

The scripts are plain ES modules beside this file, which Node runs as they are. Of their syntax
``bundle`` needs that an import is one line, ``import { a, b } from "./kit.js";``, and that what is
exported is declared where it is exported.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from llm_nb.display.style import png

FOLDER = Path(__file__).resolve().parent
_IMPORT = re.compile(r'^import \{ ([\w$, ]+) \} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) ([\w$]+))", re.MULTILINE)


def bundle(*names: str) -> str:
    """The modules ``names`` and all that they import as one script: a constant for each module.

    Raises:
        ValueError: a module imports or exports in a form that this cannot follow, or exports its
            own name.
    """
    order: dict[str, str] = {}

    def add(name: str) -> None:
        if name in order:
            return
        source = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
        for _, other in _IMPORT.findall(source):
            add(other)
        exports = _EXPORT.findall(source)
        if name in exports:
            raise ValueError(f"{name}.js exports {name!r}, which names the module: rename one")
        inside = _EXPORT.sub("", _IMPORT.sub(r"const { \1 } = \2;\n", source))
        if left := re.search(r"^(?:import|export)\b.*|</script", inside, re.MULTILINE):
            raise ValueError(
                f"{name}.js: cannot bundle {left[0]!r}: write imports in one line as "
                'import { a } from "./kit.js"; and export where a thing is declared'
            )
        order[name] = (
            f"const {name} = (() => {{\n{inside}return {{ {', '.join(exports)} }};\n}})();\n"
        )

    for name in names:
        add(name)
    return "\n".join(order.values())


_SIGNS = str.maketrans({"\n": "↵", "\t": "→", " ": "·"})


def visible(token: str) -> str:
    """A token with signs for its blanks, as bpe.js shows it."""
    return token.translate(_SIGNS)


def document(name: str, data: Mapping[str, object], title: str) -> str:
    """The whole HTML document of the figure ``name``: style, data, script.

    Raises:
        ValueError: ``data`` holds NaN or an infinity, which JSON cannot.
    """
    style = (FOLDER / "frame.css").read_text(encoding="utf-8")
    extra = FOLDER / f"{name}.css"
    if extra.is_file():
        style += extra.read_text(encoding="utf-8")
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c")  # no data can end the script that holds them
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>\n{style}</style></head>"
        f'<body><main aria-label="{html.escape(title)}"></main>'
        f'<script id="data" type="application/json">{text}</script>'
        f'<script>\n"use strict";\n{bundle("frame", name)}frame.start({name}.mount);\n</script>'
        "</body></html>"
    )


def show_live(
    name: str, data: Mapping[str, object], *, title: str, picture: Figure, alt: str
) -> None:
    """Display the figure ``name``.js with ``data``, and ``picture`` wherever it cannot live.

    Args:
        name: a module beside this file that exports ``mount(root, data)``.
        data: what JSON can hold; see :func:`pack` for arrays.
        title: the frame's name for screen readers, as "Live figure: attention".
        picture: closed when it has been drawn.
        alt: the picture's text alternative.

    Raises:
        ValueError: ``alt`` is empty, or ``data`` holds NaN or an infinity.
    """
    whole = document(name, data, title)
    image, width, height = png(picture, alt, dpi=120)  # lighter: few readers ever see it
    encoded = base64.b64encode(image).decode()
    # The picture comes after the frame: the script in the frame finds it there and hides it.
    page = (
        f'<div class="llm-live"><iframe title="{html.escape(title)}" loading="lazy" '
        'style="display:block;width:100%;height:0;border:0" '
        f'srcdoc="{html.escape(whole)}"></iframe>'
        f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto" src="data:image/png;base64,{encoded}"></div>'
    )
    display(
        {"text/html": page, "image/png": encoded, "text/plain": alt},
        metadata={"image/png": {"alt": alt, "width": width, "height": height}},
        raw=True,
    )


def pack(array: ArrayLike) -> dict[str, object]:
    """An array for ``unpack`` in numbers.js: 16-bit whole numbers in base64, one scale for all.

    The largest error of a number is the array's largest magnitude / 65,534.

    Args:
        array: (n,) or (n, m) finite numbers.
    """
    numbers = np.asarray(array, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("only finite numbers can be packed: this array has NaN or an infinity")
    scale = float(np.abs(numbers).max(initial=0.0)) / 32_767 or 1.0
    whole = np.rint(numbers / scale).astype("<i2")
    data = base64.b64encode(whole.tobytes()).decode()
    return {"shape": list(numbers.shape), "scale": scale, "data": data}
