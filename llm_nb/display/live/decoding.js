// Decoding over the next-token distributions of a trained model: one token by temperature, top-k
// and top-p (Fan et al. 2018; Holtzman et al. 2020), several by beam search (beampanel.js).

import { visible } from "./bpe.js";
import { button, choice, controls, el, fixed, numberField, oncePerFrame, share, slider, summary } from "./kit.js";
import { entropy, generator, unpack } from "./numbers.js";
import { largest, nextTokenProbs, sample } from "./sampling.js";
import { beamPanel } from "./beampanel.js";

const SHOWN = 14; // tokens with a row of their own
const KS = [1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50, 100, 200, 500, 1000, 2000];

// What the dials make of the logits (V): the model's probabilities, those after the temperature,
// and those that are drawn from; how many tokens are left, which share of the mass after the
// temperature was cut, and the entropies before and after, in bits.
export function dialled(logits, { temperature, topK, topP }) {
  const model = nextTokenProbs(logits);
  const warm = nextTokenProbs(logits, { temperature });
  const probs = nextTokenProbs(logits, { temperature, topK, topP });
  let kept = 0;
  let cut = 0;
  probs.forEach((p, id) => (p > 0 ? kept++ : (cut += warm[id])));
  return { model, warm, probs, kept, cut, before: entropy(model), after: entropy(probs) };
}

// How often each id comes in n draws from the seed on, as [id, count] in the order of first coming.
export function drawn(probs, seed, n) {
  const random = generator(seed);
  const counts = new Map();
  for (let i = 0; i < n; i++) {
    const id = sample(probs, random());
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts];
}

// The last of n draws from the seed on.
export function drawNumber(probs, seed, n) {
  const random = generator(seed);
  for (let i = 1; i < n; i++) random();
  return sample(probs, random());
}

// The end of a text: its last words, as many as fit.
export function ending(text, limit) {
  const signs = [...text];
  if (signs.length <= limit) return text;
  return `… ${signs.slice(2 - limit).join("").replace(/^\S*\s+[.,]?\s*/, "")}`;
}

function samplingPanel(data, name, changed) {
  const V = data.names.length;
  const ks = [...KS.filter((k) => k < V), V];
  let logits = [];
  let truth = null; // id → what the language itself gives it, where that is known
  let seen = 0; // draws since the dials were moved

  const turned = () => { seen = 0; changed(); };
  const temperature = slider("Temperature τ", { min: 0, max: 2, step: 0.05, value: 1, show: (x) => (x ? fixed(x) : "0: greedy") }, turned);
  const topK = slider("Top-k", { min: 0, max: ks.length - 1, step: 1, value: ks.length - 1, show: (at) => (ks[at] < V ? String(ks[at]) : "all") }, turned);
  const topP = slider("Top-p", { min: 0.05, max: 1, step: 0.05, value: 0.9, show: (p) => (p < 1 ? fixed(p) : "1: all") }, turned);
  const seed = numberField("Seed", { max: 999999, value: 0 }, turned);
  const one = button("Draw one", () => { seen += 1; changed(); });
  const many = button("Draw 100", () => { seen += 100; changed(); });
  const again = button("Clear", turned);
  const said = summary();
  const body = el("tbody");
  const result = el("p", { class: "drawn" });
  const others = el("ul", { class: "pieces", "aria-label": "Drawn tokens without a row" });
  const key = el("p", { class: "hint" });
  const guide = el("p", { class: "hint" });
  const heads = ["token", "", "model", "now", "drawn"].map((text) => el("th", { scope: "col" }, text || "probability, 0 to 1"));
  const table = el("table", { class: "tokens" }, el("thead", {}, el("tr", {}, ...heads)), body);
  const node = el("section", { class: "panel" },
    controls(temperature, topK, topP), said.node, table, key,
    controls(seed, one, many, again), result, others,
    guide,
  );

  const row = (label, { model, probs, warm, true: known, count, marks = "" }) => {
    const cut = warm > 0 && probs === 0;
    const bar = el("td", { class: "track" }, el("span", { class: cut ? "fill cut" : "fill" }), el("span", { class: "tick" }));
    bar.children[0].style.width = `${100 * (cut ? warm : probs)}%`;
    bar.children[1].style.left = `${100 * model}%`;
    if (known !== undefined) bar.append(Object.assign(el("span", { class: "true" }), { style: `left:${100 * known}%` }));
    return el("tr", { class: `${cut ? "gone" : ""} ${marks}` },
      el("th", { scope: "row" }, label), bar, el("td", {}, share(model)), el("td", {}, cut ? "cut" : share(probs)), el("td", {}, count ? String(count) : ""));
  };

  function update() {
    const dials = { temperature: temperature.value, topK: ks[topK.value] < V ? ks[topK.value] : null, topP: topP.value };
    const { model, warm, probs, kept, cut, before, after } = dialled(logits, dials);
    const start = seed.value;
    const counts = new Map(drawn(probs, start, seen));
    const latest = seen ? drawNumber(probs, start, seen) : -1;
    const top = largest(logits, SHOWN).map(([id]) => id);
    const label = (id) => (truth && !truth.get(id) ? `${name(id)} ✗` : name(id));
    const sum = (numbers) => top.reduce((total, id) => total - numbers[id], numbers.reduce((a, b) => a + b, 0));
    const rows = top.map((id) => row(label(id), {
      model: model[id], probs: probs[id], warm: warm[id], true: truth ? truth.get(id) ?? 0 : undefined,
      count: counts.get(id), marks: id === latest ? "latest" : "",
    }));
    const left = kept - top.filter((id) => probs[id] > 0).length;
    rows.push(row(`${(V - SHOWN).toLocaleString("en")} others`, {
      model: Math.max(0, sum(model)), probs: left ? sum(probs) : 0, warm: Math.max(0, sum(warm)), true: undefined,
      count: seen - top.reduce((n, id) => n + (counts.get(id) ?? 0), 0), marks: `rest ${latest >= 0 && !top.includes(latest) ? "latest" : ""}`,
    }));
    body.replaceChildren(...rows);
    again.disabled = !seen;
    const strange = (numbers) => numbers.reduce((total, p, id) => (truth.get(id) ? total : total + p), 0);
    said.say(
      `${kept.toLocaleString("en")} of ${V.toLocaleString("en")} tokens can be drawn${cut > 0 ? `; those cut had ${share(cut)} of the mass` : ""}. ` +
      `Entropy: ${fixed(before)} bits in the model, ${fixed(after)} now, as of ${fixed(2 ** after, 1)} equally likely tokens.` +
      (truth ? ` Words that the language never has here: ${share(strange(model))} of the model’s mass, ${share(strange(probs))} now.` : ""),
    );
    const rare = [...counts].filter(([id]) => !top.includes(id));
    others.replaceChildren(...rare.slice(0, 60).map(([id, n]) => el("li", { class: "piece" }, name(id) + (n > 1 ? ` ×${n}` : ""))));
    result.textContent = !seen
      ? "Nothing drawn yet. The same seed and dials draw the same tokens again."
      : `Draw ${seen} of seed ${start}: “${name(latest)}”, with probability ${share(probs[latest])}. ` +
        `${counts.size} different ${counts.size === 1 ? "token" : "tokens"} so far${rare.length ? ", and of those without a row:" : "."}`;
  }

  return {
    node,
    update,
    read(prompt) {
      logits = unpack(prompt.logits);
      truth = prompt.truth ? new Map(prompt.truth) : null;
      seen = 0;
      key.textContent = "The line on a bar is the model’s own probability (τ = 1, nothing cut); grey and struck: cut" +
        (truth ? "; the diamond is the true probability in the language, and ✗ a word that it never has here." : ".");
      guide.textContent = "Set top-p to 1 and the temperature to 1.5, and draw 100: each unlikely token is rare, but together they come often. Then lower top-p to 0.9 and draw again. Which k would cut the same after each of the prompts?" +
        (truth ? " Where a cut does not help, the model gives much to words that are wrong: no dial can tell those from the right ones." : "");
    },
  };
}

export function mount(root, data) {
  const name = (id) => visible(data.names[id]);
  const update = () => { for (const panel of panels) if (!panel.node.hidden) panel.update(); };
  const changed = oncePerFrame(update);
  const panels = [samplingPanel(data, name, changed), beamPanel(data, name, changed)];
  const prompt = choice("Prompt", data.prompts.map(({ text }, i) => [String(i), ending(text.replaceAll(/\s+/g, " "), 34)]), "0", () => { read(); changed(); });
  const view = choice("Choose", [["sampling", "one token: temperature, top-k, top-p"], ["beams", "several tokens: beam search"]], data.view, () => { show(); changed(); });
  const text = el("p", { class: "prompt" });

  function read() {
    const chosen = data.prompts[Number(prompt.value)];
    const last = data.names[chosen.id];
    text.replaceChildren(ending(chosen.text, 240).slice(0, -last.length), el("mark", {}, last), " ?");
    for (const panel of panels) panel.read(chosen);
  }

  function show() {
    panels.forEach((panel, i) => { panel.node.hidden = (view.value === "beams") !== (i === 1); });
  }

  root.append(controls(prompt, view), text, ...panels.map((panel) => panel.node));
  read();
  show();
  update();
}
