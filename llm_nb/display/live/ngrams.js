// n-gram models over bytes, counted in the page on a text that the data carry: what each character
// of the reader's own text costs in bits, and what may come next. The arithmetic is that of
// llm_nb/models/ngram.py: AddK, AbsoluteDiscount ("interpolated") and KneserNey.

import { bars, choice, controls, el, fixed, oncePerFrame, share, slider, summary, textField } from "./kit.js";

export const V = 256;

// A text as a string of its UTF-8 bytes, one character each, so that a run of bytes is a Map key.
export function bytesOf(text) {
  return Array.from(new TextEncoder().encode(text), (b) => String.fromCharCode(b)).join("");
}

// How often each k-gram of a stream of bytes occurs.
function occurrences(stream, k) {
  const counts = new Map();
  for (let i = 0; i + k <= stream.length; i++) {
    const gram = stream.slice(i, i + k);
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

// One order's counts with, for each history, their sum and the number of different next bytes.
function level(counts) {
  const totals = new Map();
  const kinds = new Map();
  let once = 0;
  let twice = 0;
  for (const [gram, count] of counts) {
    const history = gram.slice(0, -1);
    totals.set(history, (totals.get(history) ?? 0) + count);
    kinds.set(history, (kinds.get(history) ?? 0) + 1);
    if (count === 1) once += 1;
    if (count === 2) twice += 1;
  }
  return { counts, totals, kinds, discount: once && twice ? once / (once + 2 * twice) : 0.5 };
}

// A model of one order, 0 (an even guess) and up. `smoothing`: "add", "interpolated" or "kneser";
// `k` matters to the first only.
export function train(stream, order, smoothing, k = 1) {
  const levels = [];
  if (smoothing === "kneser") {
    let counts = order ? occurrences(stream, order) : new Map();
    for (let n = order; n > 0; n--) {
      levels.unshift(level(counts));
      const shorter = new Map(); // counts of what stands before: each different n-gram is one
      for (const gram of counts.keys()) shorter.set(gram.slice(1), (shorter.get(gram.slice(1)) ?? 0) + 1);
      counts = shorter;
    }
  } else {
    for (let n = 1; n <= order; n++) levels.push(level(occurrences(stream, n)));
  }
  return { order, smoothing, k, levels };
}

// P(byte | history), both as strings of bytes; of the history the last order - 1 count.
export function probability(model, history, byte) {
  let p = 1 / V;
  for (let n = 1; n <= Math.min(model.order, history.length + 1); n++) {
    const { counts, totals, kinds, discount } = model.levels[n - 1];
    const h = history.slice(history.length - (n - 1));
    const count = counts.get(h + byte) ?? 0;
    const total = totals.get(h) ?? 0;
    if (model.smoothing === "add") p = (count + model.k) / (total + model.k * V);
    else if (total) p = Math.max(count - discount, 0) / total + ((discount * kinds.get(h)) / total) * p;
  }
  return p;
}

// −log2 P of every byte of a stream, given those before it.
export function costs(model, stream) {
  return Array.from(stream, (byte, i) => -Math.log2(probability(model, stream.slice(Math.max(0, i - model.order), i), byte)));
}

// The distribution of the next byte, (V).
export function nextProbs(model, history) {
  return Array.from({ length: V }, (_, b) => probability(model, history, String.fromCharCode(b)));
}

// The characters of a text with what each costs: the sum over its bytes.
export function characterCosts(model, text) {
  const bits = costs(model, bytesOf(text));
  let at = 0;
  return Array.from(text, (character) => {
    const size = bytesOf(character).length;
    const cost = bits.slice(at, at + size).reduce((a, b) => a + b, 0);
    at += size;
    return { character, cost };
  });
}

const NAMES = { "\n": "↵ line", "\t": "⇥ tab", " ": "␣ space" };

// What to call a byte: the character it is, or its number where it is part of a longer one.
export function nameOf(byte) {
  const character = String.fromCharCode(byte);
  return NAMES[character] ?? (byte > 32 && byte < 127 ? character : `byte ${byte}`);
}

const SMOOTHINGS = [["kneser", "Kneser–Ney"], ["interpolated", "interpolated"], ["add", "add k"]];

export function mount(root, data) {
  const stream = bytesOf(data.train);
  const heldOut = bytesOf(data.held_out);
  const size = heldOut.length;
  const made = new Map(); // a model, and what it pays on the held-out text, are computed once

  function model() {
    const key = [order.value, smoothing.value, smoothing.value === "add" ? k.value : ""].join();
    if (!made.has(key)) {
      const one = train(stream, order.value, smoothing.value, 10 ** k.value);
      made.set(key, { one, paid: costs(one, heldOut).reduce((a, b) => a + b, 0) / size });
    }
    return made.get(key);
  }

  const draw = oncePerFrame(update);
  const text = textField("Your text", data.sentence, () => draw(), { rows: 2, limit: 240 });
  const order = slider("Order n", { min: 0, max: 6, step: 1, value: data.order }, draw);
  const smoothing = choice("Smoothing", SMOOTHINGS, "kneser", () => { k.disabled = smoothing.value !== "add"; draw(); });
  const k = slider("k", { min: -3, max: 0, step: 1, value: -2, show: (x) => String(10 ** x) }, draw);
  k.disabled = true;
  const strip = el("div", { class: "strip", role: "img" });
  const nextTitle = el("p", {});
  const next = bars({ title: "Probability of the next character" });
  const rates = bars({ title: "Bits per byte", most: 8 });
  const said = summary();
  const box = text.node.querySelector("textarea");
  for (const event of ["keyup", "click", "select"]) box.addEventListener(event, draw);

  function update() {
    const { one, paid } = model();
    const cursor = box.selectionStart ?? text.value.length;
    const cells = characterCosts(one, text.value);
    strip.replaceChildren(...cells.map(({ character, cost }) => {
      const cell = el("span", { class: "cell", title: `${fixed(cost, 1)} bits` }, NAMES[character]?.[0] ?? character);
      cell.style.setProperty("--share", Math.min(1, cost / 12));
      return cell;
    }));
    const total = cells.reduce((sum, { cost }) => sum + cost, 0);
    const length = bytesOf(text.value).length;
    const dearest = cells.reduce((a, b) => (b.cost > a.cost ? b : a), { character: "", cost: 0 });
    const named = order.value ? `The ${order.value}-gram model` : "An even guess among 256 bytes";
    const say = length
      ? `${named} pays ${fixed(total, 1)} bits for the ${length} bytes of your text, ${fixed(total / length)} bits per byte. ` +
        `The dearest character is “${NAMES[dearest.character] ?? dearest.character}” with ${fixed(dearest.cost, 1)} bits.`
      : "Type a text to see what each character of it costs.";
    said.say(say);
    strip.setAttribute("aria-label", length ? `Bits for each character: ${cells.map((c) => `${NAMES[c.character] ?? c.character} ${fixed(c.cost, 1)}`).join(", ")}` : "No text yet");
    const before = bytesOf(text.value.slice(0, cursor));
    nextTitle.textContent = cursor ? `At the cursor, after “${text.value.slice(0, cursor).slice(-12)}”` : "At the cursor, where the text begins";
    const probs = nextProbs(one, before);
    const best = probs.map((_, b) => b).sort((a, b) => probs[b] - probs[a] || a - b).slice(0, 8);
    next.update(best.map((b) => ({ label: nameOf(b), value: probs[b], text: share(probs[b]) })));
    rates.update([
      { label: "your text", value: length ? total / length : 0, marked: true },
      { label: "held out", value: paid },
      ...Object.entries(data.references).map(([label, value]) => ({ label, value })),
      { label: "even guess", value: 8 },
    ]);
  }

  root.append(
    controls(text),
    controls(order, smoothing, k),
    said.node,
    strip,
    el("div", { class: "columns" },
      el("div", {}, nextTitle, next.node),
      el("div", {}, el("p", {}, "Bits per byte"), rates.node, el("p", { class: "hint" }, data.note))),
  );
  update();
}
