// A trained GPT-2 that writes in the page: the reader's text, its tokens, where the heads look, what
// may come next, and the dials. Nothing is asked for before the button is pressed; everything is
// computed in slices of a few milliseconds, so that the page answers while the model works.

import { tokenizer } from "./bpe.js";
import { readModel, reading } from "./gpt2.js";
import { mixed } from "./heatmap.js";
import { bars, button, calm, choice, controls, el, fixed, numberField, oncePerFrame, slider, summary, textField } from "./kit.js";
import { generator } from "./numbers.js";
import { best, largest, nextTokenProbs, sample } from "./sampling.js";

const SLICE = 12; // milliseconds of a frame's 16 that the model may take
const SHOWN = 10;
const TOP_K = [1, 2, 3, 5, 10, 20, 40, 100, 200, 500, 0]; // 0: all

// The number in [0, 1) that decides the token after n others: by the seed and n alone, so that the
// same text, dials and seed go on alike, by whichever button and however often one stops.
export function chance(seed, n) {
  return generator(Math.imul(seed, 0x9e3779b1) + n)();
}

// How many of the first items two lists share.
function common(a, b) {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

// What begins a document, and the later half of what was read: how a full context goes on.
export function forget(ids, context) {
  return [ids[0], ...ids.slice(1).slice(-Math.floor(context / 2))];
}

export function mount(root, data) {
  const pieces = el("ol", { class: "pieces", "aria-label": "Tokens of the text" });
  const next = bars({ title: "Probabilities of the next token" });
  const said = summary();
  const problem = el("p", { class: "problem", role: "alert" });
  pieces.append(...data.preview.pieces.map((piece) => el("li", { class: "piece" }, piece)));
  const rows = data.preview.next.map(([label, value]) => ({ label, value: value / data.preview.next[0][1], text: fixed(value, 3) }));
  next.update(rows);
  const what = data.source ? `Load the model (${(data.bytes / 1e6).toFixed(1)} MB)` : "Start the model";
  const load = button(what, async () => {
    load.disabled = true;
    load.textContent = "Loading …";
    problem.textContent = "";
    try {
      const file = await bring(data);
      await new Promise((shown) => setTimeout(shown)); // the button says so before the work begins
      const model = readModel(file);
      run(root, data, model, tokenizer(file.merges, file.specials));
    } catch (error) {
      load.disabled = false;
      load.textContent = what;
      problem.textContent = `The model did not start: ${error.message}.`;
    }
  });
  load.classList.add("primary");
  said.say(`The text “${data.prompt}” as the model’s tokens, and the ten that it finds most probable next.`);
  root.append(said.node, pieces, next.node, controls(load), problem);
}

// The weights: in the data themselves, or from the script beside the page, which sets a global.
function bring({ model, source, digest }) {
  if (model) return model;
  return new Promise((done, fail) => {
    const script = el("script", { src: source });
    script.addEventListener("error", () => {
      script.remove();
      fail(new Error("its weights are not beside this page; run the notebook’s cell to have them here"));
    });
    script.addEventListener("load", () => {
      script.remove();
      const file = globalThis.llmNbModel;
      if (file?.digest === digest) done(file);
      else fail(new Error("the weights beside this page are of another model; build the book again"));
    });
    document.head.append(script);
  });
}

function run(root, data, model, tokens) {
  const { context, n_layers: L, n_heads: H } = model.config;
  const end = tokens.special(data.end);
  const session = reading(model);
  let ids = [];
  let writing = 0; // tokens still to write; Infinity until stopped
  let asked = 0; // when the running of "Write" began: its pace counts from here
  let written = 0;
  let busy = false;
  let ms = 0; // spent on the tokens counted here
  let counted = 0;
  let seen = -1; // the position whose looks are shown; -1 follows the last one
  let note = "";
  let stale = false; // whether the text field lags behind the ids

  const length = () => session.ids.length;
  const shown = (t) => (t < length() ? tokens.show(session.ids[t]) : "");

  const draw = oncePerFrame(update);
  const text = textField("Your text", data.prompt, () => { put([end, ...tokens.encode(text.value)]); halt(""); stale = false; work(); }, { rows: 4, limit: 4000 });
  const field = text.node.querySelector("textarea");
  const write = button("Write", () => begin(Infinity));
  const one = button("One token", () => begin(1));
  const stop = button("Stop", () => { halt("Stopped."); draw(); });
  const half = button("Forget the first half", () => { put(forget(ids, context)); work(); });
  write.classList.add("primary");
  const temperature = slider("Temperature", { min: 0, max: 2, step: 0.05, value: 0.8, show: (x) => (x === 0 ? "0: greedy" : fixed(x)) }, draw);
  const topK = slider("Top-k", { min: 0, max: TOP_K.length - 1, step: 1, value: TOP_K.length - 1, show: (i) => String(TOP_K[i] || "all") }, draw);
  const topP = slider("Top-p", { min: 0.05, max: 1, step: 0.05, value: 0.95, show: (x) => (x === 1 ? "1: all" : fixed(x)) }, draw);
  const seed = numberField("Seed", { max: 999999, value: 0 }, draw);
  const paces = [["5", "5 tokens a second"], ["20", "20 tokens a second"], ["", "as fast as it can"]];
  const pace = choice("Pace", paces, calm() ? "" : "20", draw);
  const numbered = (n, what) => Array.from({ length: n }, (_, i) => [String(i), `${what} ${i + 1}`]);
  const layer = choice("Layer", numbered(L, "layer"), String(data.look[0]), draw);
  const head = choice("Head", numbered(H, "head"), String(data.look[1]), draw);
  const who = slider("Who looks", { min: 0, max: 0, step: 1, value: 0, show: (t) => `${t + 1} ${shown(t)}` }, (t) => { seen = t === length() - 1 ? -1 : t; draw(); });
  const pieces = el("ol", { class: "pieces", "aria-label": "Tokens of the text", tabindex: 0 });
  const speed = el("p", { class: "hint speed" });
  const next = bars({ title: "Probabilities of the next token" });
  const map = el("canvas", { class: "map", role: "img", onclick: (event) => {
    const t = Math.floor((event.offsetY / map.clientHeight) * length());
    seen = t >= length() - 1 ? -1 : t;
    draw();
  } });
  const image = new ImageData(context, context);
  const colours = Array.from({ length: 256 }, (_, i) => [...mixed(i / 255), 255]);
  const drawn = []; // the ids whose rows are in the image
  let drawnOf = "";
  const lookTitle = el("p", { class: "row-title" });
  const message = el("p", { class: "message" });
  const said = summary();

  const dials = () => ({ temperature: temperature.value, topK: TOP_K[topK.value] || null, topP: topP.value });
  const probabilities = () => nextTokenProbs(session.logits(), dials());
  const unread = () => length() < Math.min(ids.length, context) || common(session.ids, ids) < length();

  function put(more) {
    ids = more;
    stale = true;
    seen = -1;
  }

  function halt(why) {
    writing = 0;
    note = why;
  }

  function begin(n) {
    halt("");
    writing = n;
    [asked, written, ms, counted] = [performance.now(), 0, 0, 0];
    seen = -1;
    work();
  }

  function append(id) {
    if (id === end) halt(`The model drew ${data.end}: for it, the document ends here.`);
    else put([...ids, id]);
  }

  function work() {
    if (!busy) requestAnimationFrame(slice);
    busy = true;
  }

  // A few milliseconds of reading and writing, then the picture, then the next frame.
  function slice() {
    const from = performance.now();
    busy = false;
    session.cut(common(session.ids, ids));
    while (performance.now() - from < SLICE) {
      const before = performance.now();
      if (unread()) session.feed(ids[length()]);
      else if (writing > 0 && ids.length < context) {
        if (pace.value && written > (before - asked) / 1000 * Number(pace.value)) break;
        [writing, written, counted] = [writing - 1, written + 1, counted + 1];
        append(sample(probabilities(), chance(seed.value, ids.length)));
        if (unread()) session.feed(ids[length()]);
        ms += performance.now() - before;
      } else break;
    }
    if (ids.length >= context) writing = 0;
    if (unread() || writing > 0) work();
    if (!calm() || !busy) update();
  }

  function update() {
    if (unread()) return; // the frame after the last slice draws
    if (stale) {
      stale = false;
      text.value = tokens.decode(ids.slice(1), writing > 0);
      field.scrollTop = field.scrollHeight;
    }
    const T = length();
    const t = seen < 0 || seen >= T ? T - 1 : seen;
    const weights = session.weights(Number(layer.value), Number(head.value), t);
    write.disabled = one.disabled = ids.length >= context;
    stop.disabled = !writing;
    half.hidden = ids.length < context;
    who.limit(0, T - 1);
    who.value = t;
    showPieces(T, t, weights);
    showNext();
    showMap(T);
    lookTitle.textContent = `Layer ${Number(layer.value) + 1}, head ${Number(head.value) + 1}: token ${t + 1}, “${shown(t)}”, takes from`;
    if (counted > 4) speed.textContent = `${Math.round((1000 * counted) / ms)} tokens a second in this browser, ${fixed(ms / counted, 1)} ms each.`;
    message.textContent = full() || note;
    message.hidden = !message.textContent;
    if (writing) return;
    const at = best(weights);
    const [[likeliest, p]] = largest(probabilities(), 1);
    said.say(`${ids.length} tokens of at most ${context}. Most probable next: “${tokens.show(likeliest)}”, with ${fixed(p)}. ` +
      `Token ${t + 1}, “${shown(t)}”, looks most at token ${at + 1}, “${shown(at)}”, with ${fixed(weights[at])}.`);
  }

  function full() {
    if (ids.length < context) return "";
    const over = ids.length - context;
    return `${over ? `The text is ${over} tokens too long` : "The text is full"}: the model has vectors for ${context} positions and no more. ` +
      "Shorten it, or let the model forget its first half and go on.";
  }

  function showPieces(T, t, weights) {
    while (pieces.children.length > T) pieces.lastChild.remove();
    while (pieces.children.length < T) {
      const place = pieces.children.length;
      pieces.append(el("li", { class: "piece", onclick: () => { seen = place === length() - 1 ? -1 : place; draw(); } }));
    }
    [...pieces.children].forEach((piece, s) => {
      const label = shown(s);
      if (piece.textContent !== label) piece.textContent = label;
      piece.classList.toggle("marked", s === t);
      piece.style.setProperty("--weight", s <= t ? fixed(weights[s], 3) : "0");
    });
    if (seen < 0) pieces.scrollTop = pieces.scrollHeight;
  }

  function showNext() {
    const probs = probabilities();
    const top = largest(probs, SHOWN).filter(([, p]) => p > 0);
    const rest = Math.max(0, 1 - top.reduce((sum, [, p]) => sum + p, 0));
    const others = probs.reduce((n, p) => n + (p > 0), 0) - top.length;
    const most = top[0][1];
    next.update([
      ...top.map(([id, p]) => ({
        label: tokens.show(id), value: p / most, text: fixed(p, 3),
        pick: id === end || ids.length >= context ? null : () => { halt(""); append(id); work(); },
      })),
      { label: `${others} others`, value: 0, text: fixed(others ? rest : 0, 3) },
    ]);
  }

  // A pixel for each pair; rows are those that look. Only rows that are new are worked out.
  function showMap(T) {
    const now = `${layer.value} ${head.value}`;
    drawn.length = now === drawnOf ? common(drawn, session.ids) : 0;
    drawnOf = now;
    for (let i = drawn.length; i < T; i++) {
      image.data.fill(0, 4 * i * context, 4 * (i + 1) * context);
      session.weights(Number(layer.value), Number(head.value), i).forEach((w, j) => {
        image.data.set(colours[Math.round(255 * w)], 4 * (i * context + j));
      });
      drawn.push(session.ids[i]);
    }
    map.width = map.height = T;
    map.getContext("2d").putImageData(image, 0, 0);
    map.setAttribute("aria-label", `Attention of this head, ${T} by ${T}: a row for each token that looks, a column for each it looks at; bright is much.`);
  }

  root.replaceChildren(
    text.node,
    controls(write, one, stop, half),
    message,
    speed,
    said.node,
    controls(temperature, topK, topP, seed, pace),
    controls(layer, head, who),
    lookTitle,
    pieces,
    el("div", { class: "columns" },
      el("div", {}, el("p", { class: "row-title" }, "Next token: a click puts it there"), next.node),
      el("div", {}, el("p", { class: "row-title" }, "The whole head: a row for each token that looks"), map)),
  );
  ids = [end, ...tokens.encode(data.prompt)];
  stop.disabled = true;
  half.hidden = true;
  work();
  write.focus();
}
