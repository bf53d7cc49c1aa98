"""How long a live figure takes to answer its reader, against a frame of 1/60 second.

``python benchmarks/page/live_figures.py`` opens every stored live figure of the notebooks in headless
Chromium at its first state, moves its first slider (or else types into its first field) 60 times,
and prints the milliseconds of script and layout that one move takes. A frame has 16.7 ms.
Not a comparison with a peer, hence not a part of ``run.py``: run it on a quiet machine.
"""

from __future__ import annotations

import html
import re
import tempfile
from pathlib import Path

import nbformat
from chromium import find_chromium

ROOT = Path(__file__).resolve().parents[2]
# The work of a move is the event's listeners, then what they asked for before the next picture, with
# the layout of it, which reading the height at once forces.
MOVE = """async () => {
  const slider = document.querySelector("input[type=range]:not(:disabled)");
  const input = slider ?? document.querySelector("textarea, input[type=text], select");
  if (!input) return null; // the writer before its model is loaded: in_page.py measures that one
  let work = [];
  const native = window.requestAnimationFrame.bind(window);
  let inside = 0;
  window.requestAnimationFrame = (call) => native((now) => {
    const start = performance.now();
    call(now);
    document.body.offsetHeight;
    inside += performance.now() - start;
  });
  for (let i = 0; i < 60; i++) {
    inside = 0;
    const start = performance.now();
    if (slider) slider[i % 2 ? "stepDown" : "stepUp"](3);
    else if (input.tagName === "SELECT") input.selectedIndex = i % input.options.length;
    else input.value = i % 2 ? input.value.slice(0, -1) : input.value + "a";
    input.dispatchEvent(new Event(input.tagName === "SELECT" ? "change" : "input"));
    const heard = performance.now() - start;
    await new Promise((done) => native(() => native(done)));
    work.push(heard + inside);
  }
  work.sort((a, b) => a - b);
  return [work[30], work[57], input.labels?.[0]?.textContent ?? input.type];
}"""


def stored() -> dict[str, str]:
    """Figure's title → the document in its frame, each figure once."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                page = output.get("data", {}).get("text/html", "")
                for document in re.findall(r'srcdoc="([^"]*)"', page):
                    text = html.unescape(document)
                    found[re.findall("<title>(.*?)</title>", text)[0]] = text
    return found


def main() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        print(f"{'figure':58} {'median':>7} {'95 %':>7}  ms a move of")
        for title, document in stored().items():
            file = Path(folder, "figure.html")
            file.write_text(document, encoding="utf-8")
            page = browser.new_page(viewport={"width": 800, "height": 900})
            page.goto(file.as_uri())
            if measured := page.evaluate(MOVE):
                median, high, moved = measured
                print(f"{title:58} {median:7.1f} {high:7.1f}  {moved}")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
