"""In a running JupyterLab: a live figure is alive in its theme, and a slider makes Python answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CELLS = [
    "from llm_nb.data.microworld.batches import word_vocabulary\n"
    "from llm_nb.display import live\n"
    "from llm_nb.shipped import microworld_model",
    'live.attention(microworld_model("gpt2"), word_vocabulary().tokens, "Lucy found a bucket")',
    "import numpy as np\n"
    "from llm_nb.display.widgets import Fitted, Slider, draw_fit, retrain\n"
    "x = np.linspace(-1, 1, 20)\n"
    "def fit(degree):\n"
    "    if degree > 5: raise ValueError('too many bends')\n"
    "    line = np.polyval(np.polyfit(x, np.sin(4 * x), degree), x)\n"
    "    losses = [np.mean(np.sin(4 * x) ** 2), np.mean((line - np.sin(4 * x)) ** 2)]\n"
    "    return Fitted({'training': (x, np.sin(4 * x))}, (x, line), {'training': ([0, 1], losses)})",
    "retrain(fit, {'degree': Slider('Degree', [1, 3, 5, 7], 1)}, draw_fit)",
]
QUIET = {  # neither the server nor the page asks another host for news, updates or extensions
    "LabApp": {
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
        "expose_app_in_browser": True,
    },
    "ServerApp": {"open_browser": False, "allow_root": True, "port": 0, "ip": "127.0.0.1"},
    "IdentityProvider": {"token": ""},
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab of its own: no token, no settings but these, one notebook."""
    pytest.importorskip("jupyterlab")
    work, config = tmp_path / "work", tmp_path / "config"
    work.mkdir()
    config.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, work / "small.ipynb")
    (config / "jupyter_server_config.json").write_text(json.dumps(QUIET))
    settings = config / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    never = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(never))
    env = os.environ | {
        "JUPYTER_CONFIG_DIR": str(config), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"), "IPYTHONDIR": str(tmp_path / "ipython"),
        "LLM_NB_STORED": "", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    log = tmp_path / "log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--notebook-dir", work], env=env, cwd=work,
            stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found[0]
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture
def page(browser: Browser, lab: str) -> Iterator[Page]:
    """The notebook, open in JupyterLab. No error in the page, and no other host is asked."""
    opened = browser.new_page(viewport={"width": 1200, "height": 1800})
    opened.set_default_timeout(60_000)  # also where other tests keep the machine busy
    trouble: list[str] = []
    mine = (lab, lab.replace("http", "ws", 1), "data:", "blob:", "about:")
    for event in ("request", "websocket"):
        opened.on(
            event, lambda asked: None if asked.url.startswith(mine) else trouble.append(asked.url)
        )
    opened.on("pageerror", lambda error: trouble.append(f"page error: {error}"))
    opened.goto(f"{lab}lab/tree/small.ipynb")
    # Cells that are run before the kernel is known make JupyterLab ask which one to take.
    opened.wait_for_function("""() => {
        const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
        return context?.isReady && context.session?.kernel?.status === "idle";
    }""")
    yield opened
    opened.close()
    assert not trouble


def test_figures_live_in_jupyterlab(page: Page) -> None:
    from playwright.sync_api import expect

    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    figure = page.frame_locator(".llm-live iframe")
    expect(figure.locator(".bars .label")).to_have_text(
        ["Lucy", "found", "a", "bucket"], timeout=60_000
    )
    expect(page.locator(".llm-live img")).to_be_hidden()
    figure.get_by_label("Your sentence").fill("Kevin gave Lucy the bucket")
    expect(figure.locator(".bars .number")).to_have_count(5)

    # The slider has its name and its value for a screen reader, and moves by the keyboard.
    slider = page.get_by_role("slider", name="Degree", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "1", timeout=30_000)
    picture = page.locator(".jupyter-widgets img")
    before = picture.get_attribute("src")
    x = np.linspace(-1, 1, 20)
    line = np.polyval(np.polyfit(x, np.sin(4 * x), 3), x)
    loss = np.mean((line - np.sin(4 * x)) ** 2)
    slider.focus()
    page.keyboard.press("ArrowRight")
    answer = re.compile(f"^Degree 3: .* ends at {loss:.3g}.$")
    expect(picture).to_have_attribute("alt", answer, timeout=20_000)
    expect(slider).to_have_attribute("aria-valuetext", "3")
    shown = picture.get_attribute("src")
    assert shown != before
    assert picture.evaluate("image => image.naturalWidth") > 500
    page.keyboard.press("End")
    status = page.locator(".jupyter-widgets [role=status]")
    expect(status).to_have_text(
        "ValueError: too many bends. The picture still shows Degree 3.", timeout=20_000
    )
    assert picture.get_attribute("src") == shown

    # In the dark the figure and the widget follow.
    root, light = figure.locator("html"), page.evaluate(COLOURS)
    expect(root).to_have_attribute("data-theme", "light")
    page.evaluate(
        "() => { window.jupyterapp.commands.execute('apputils:change-theme',"
        " { theme: 'JupyterLab Dark' }); }"
    )
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    expect(root).to_have_attribute("data-theme", "dark")
    page.wait_for_function(f"({COLOURS})().every((c, i) => c !== {json.dumps(light)}[i])")


COLOURS = """() => [
    getComputedStyle(document.querySelector(".llm-live iframe").contentDocument.body).backgroundColor,
    getComputedStyle(document.querySelector(".jupyter-widgets [role=status]")).color,
]"""
