"""The book's GPT-2 writing in a browser: plain JavaScript against onnxruntime-web.

Both run in one page of a headless Chromium, one thread, greedily, with the same 8-bit weights made
32-bit again, and must write the same ids. npm brings onnxruntime-web once;
without a network, or without `onnx`, only ours is measured, and the note says so.
"""

from __future__ import annotations

import functools
import gzip
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp

import torch
import torch.nn.functional as F
from playwright.sync_api import sync_playwright
from run import Comparison
from torch import Tensor, nn

from llm_nb.display.live.frame import bundle
from llm_nb.models.gpt2 import GPT2, Block
from llm_nb.models.pretrained import from_pretrained
from llm_nb.models.web import rounded, write_web_script
from llm_nb.shipped import SHIPPED
from llm_nb.text.bpe import END_OF_TEXT, ByteLevelBPE

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "book" / "_ext"), str(ROOT / "benchmarks" / "page")]

from chromium import find_chromium
from llmnb_book import npm

PROMPT, NEW = "for i in range(", 200
RUNTIME = npm.Part(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    (
        "dist/ort.wasm.min.js",
        "dist/ort-wasm-simd-threaded.mjs",
        "dist/ort-wasm-simd-threaded.wasm",
    ),
)
OURS = """async () => {
  const text = gpt2.reading(model);
  ids.forEach((id) => text.feed(id));
  while (text.ids.length < ids.length + NEW) text.feed(sampling.best(text.logits()));
  return text.ids;
}"""
THEIRS = """async () => {
  const out = [];
  let past = new ort.Tensor("float32", new Float32Array(0), PAST);
  for (let next = ids[0], n = 0; out.length < ids.length + NEW; n++) {
    out.push(next);
    const found = await session.run({
      ids: new ort.Tensor("int64", [BigInt(next)], [1, 1]), past,
      place: new ort.Tensor("int64", [BigInt(n)], [1]),
    });
    past = found.present;
    next = n + 1 < ids.length ? ids[n + 1] : sampling.best(found.logits.data);
  }
  return out;
}"""


class Step(nn.Module):
    """One token with what was kept of those before it, as a graph without branches.

    ids (1, 1), past (L, 2, 1, H, S, d), place (1,) → logits (V,), past of S + 1 positions.
    """

    def __init__(self, model: GPT2) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, past: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """The reference equations, with the cache as an input and an output."""
        m, kept = self.model, []
        x = m.wte(ids) + m.wpe(place)  # (1, 1, C)
        for layer, block in enumerate(m.blocks):
            assert isinstance(block, Block)
            q, k, v = block.attn.heads(block.ln_1(x))
            k, v = torch.cat([past[layer, 0], k], 2), torch.cat([past[layer, 1], v], 2)
            kept.append(torch.stack([k, v]))
            weights = (q @ k.transpose(-2, -1) / q.size(-1) ** 0.5).softmax(-1)
            x = x + block.attn.proj((weights @ v).transpose(1, 2).flatten(2))
            x = x + block.proj(F.gelu(block.fc(block.ln_2(x)), approximate="tanh"))
        return m.ln_f(x[0, 0]) @ m.wte.weight.T, torch.stack(kept)


def export_onnx(model: GPT2, path: Path) -> list[int]:
    """Write the graph; the shape of an empty past."""
    c = model.config
    shape = [c.n_layers, 2, 1, c.n_heads, 0, c.d_model // c.n_heads]
    past = torch.zeros([3 if n == 0 else n for n in shape])
    example = (torch.tensor([[5]]), past, torch.tensor([3]))
    with warnings.catch_warnings():  # the exporter by tracing needs one package, the other two
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Step(model), example, str(path), dynamo=False, opset_version=20,
            input_names=["ids", "past", "place"], output_names=["logits", "present"],
            dynamic_axes={"past": {4: "S"}, "present": {4: "S1"}},
        )  # fmt: skip
    return shape


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def sizes(*paths: Path) -> str:
    """What a reader downloads, plain and gzipped."""
    data = [path.read_bytes() for path in paths]
    plain, small = sum(map(len, data)), sum(len(gzip.compress(each)) for each in data)
    return f"{plain / 1e6:.1f} MB, {small / 1e6:.1f} MB gzipped"


def comparisons() -> Iterator[Comparison]:
    """Two hundred tokens after a short prompt."""
    folder = Path(mkdtemp())
    model, tokenizer = from_pretrained(GPT2, SHIPPED), ByteLevelBPE.load(SHIPPED / "tokenizer.json")
    write_web_script(model, tokenizer, folder / "model.js")
    (folder / "ours.js").write_text(bundle("gpt2", "bpe", "sampling"), "utf-8")
    missing, past = "", [0]
    try:
        runtime = npm.ensure(RUNTIME, ROOT)
        past = export_onnx(rounded(model), folder / "model.onnx")
        for name in RUNTIME.files:
            shutil.copy(runtime / name, folder)
    except (npm.ExtensionError, torch.onnx.OnnxExporterError) as error:
        missing = str(error)
    (folder / "page.html").write_text(
        "<!doctype html><meta charset='utf-8'><script src='model.js'></script>"
        "<script src='ours.js'></script>"
        + ("" if missing else "<script src='ort.wasm.min.js'></script>"),
        "utf-8",
    )
    handler = functools.partial(Quiet, directory=str(folder))
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(PROMPT)]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--headless", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
        page.evaluate(
            f"""() => {{ window.model = gpt2.readModel(llmNbModel);
            window.ids = {ids}; window.NEW = {NEW}; window.PAST = {past}; }}"""
        )
        contenders = {"llm-nb, plain JavaScript": lambda: page.evaluate(OURS)}
        note = f"A reader downloads {sizes(folder / 'model.js', folder / 'ours.js')}"
        if missing:
            note += f". Ours alone was measured: {missing}"
        else:
            page.evaluate(
                """async () => { ort.env.wasm.numThreads = 1;
                window.session = await ort.InferenceSession.create("model.onnx"); }"""
            )
            assert page.evaluate(THEIRS) == page.evaluate(OURS)
            name = f"onnxruntime-web {RUNTIME.version}, wasm, with a cache"
            contenders[name] = lambda: page.evaluate(THEIRS)
            files = sizes(*(folder / Path(name).name for name in RUNTIME.files))
            note += (
                f"; with onnxruntime-web {files}, and its graph, here of 32-bit numbers, "
                f"{sizes(folder / 'model.onnx')}. Equal ids."
            )
        note += (
            f" Headless Chromium {browser.version}, batch 1, greedy, a prompt of {len(ids)} tokens."
        )
        title = f"Writing {NEW} tokens in a browser with the book's GPT-2 of 3.5M"
        yield Comparison(title, NEW, "tokens", contenders, ("llm-nb", "torch"), note)
        browser.close()
        server.shutdown()
    shutil.rmtree(folder)
