// A recurrent cell of one unit with gates to push: its states along a sequence, and how much of the
// gradient of the last state arrives at every step before.

import { bars, choice, controls, el, fixed, legend, oncePerFrame, plot, set, slider, summary, svg } from "./kit.js";
import { generator, normal } from "./numbers.js";
import { exponents, powerOfTen, scientific } from "./powers.js";
import { jacobians, lengths, run } from "./recurrent.js";

const NAMES = { rnn: "RNN", lstm: "LSTM", gru: "GRU" };
// Each gate in the order of its weights: its letter, whole name, and what it is squashed by.
const GATES = {
  rnn: [["h", "new state", "tanh"]],
  lstm: [["i", "input gate", "σ"], ["f", "forget gate", "σ"], ["g", "candidate", "tanh"], ["o", "output gate", "σ"]],
  gru: [["r", "reset gate", "σ"], ["z", "update gate", "σ"], ["n", "candidate", "tanh"]],
};
const KEEPS = { lstm: "f", gru: "z" }; // the gate that the memory is multiplied by from step to step
const FLOOR = -16;

// One unit and one input: a number of w (of x), u (of h) and b for each gate → weights as in torch.
export function layerOf({ w, u, b }) {
  return { w_ih: w.map((v) => [v]), w_hh: u.map((v) => [v]), b_ih: b, b_hh: b.map(() => 0) };
}

const INPUTS = {
  pulse: () => 0,
  noise: (k, random) => 0.3 * normal(random),
  alternating: (k) => (k % 2 ? -1 : 1),
};

// Inputs (T, 1): a 1 first, then as INPUTS says; what the reader has set in `own` (step → x) stands.
export function inputsOf(kind, T, own = {}) {
  const random = generator(7);
  return Array.from({ length: T }, (_, k) => {
    const x = k === 0 ? 1 : INPUTS[kind](k, random);
    return [own[k + 1] ?? x];
  });
}

// The product of a gate's values from step t + 1 to the last, for every t from 0.
export function kept(states, gate) {
  const products = [1];
  for (let t = states.length - 1; t > 0; t--) products.unshift(products[0] * states[t][gate][0]);
  return products;
}

// |∂h_T/∂·| by step, as pairs [t, length]: "memory" is c in an LSTM and h elsewhere.
export function gradients(cell, of, found) {
  const part = of === "memory" ? (cell === "lstm" ? "c" : "h") : of;
  return lengths(found[part]).map((size, k) => [part === "x" ? k + 1 : k, size]);
}

const factor = (x) => (x < 0 ? `(${fixed(x)})` : fixed(x));
const signed = (x) => `${x < 0 ? "−" : "+"} ${fixed(Math.abs(x))}`;

// The equations of one step, each [in letters, in numbers, what comes out].
export function equations(cell, { w, u, b }, x, before, now) {
  const h = before.h[0];
  const gates = GATES[cell].map(([letter, , squash], k) => {
    const value = now[letter][0];
    if (letter === "n") {
      return ["n = tanh(w x + b + r · u h)", `tanh(${fixed(w[k])}·${factor(x)} ${signed(b[k])} + ${fixed(now.r[0])}·${factor(u[k])}·${factor(h)})`, value];
    }
    return [`${letter} = ${squash}(w x + u h + b)`, `${squash}(${fixed(w[k])}·${factor(x)} ${signed(u[k])}·${factor(h)} ${signed(b[k])})`, value];
  });
  if (cell === "lstm") {
    const { i, f, g, o, c } = now;
    gates.push(["new c = f c + i g", `${fixed(f[0])}·${factor(before.c[0])} + ${fixed(i[0])}·${factor(g[0])}`, c[0]]);
    gates.push(["new h = o tanh(new c)", `${fixed(o[0])}·tanh(${fixed(c[0])})`, now.h[0]]);
  }
  if (cell === "gru") {
    gates.push(["new h = (1 − z) n + z h", `${fixed(1 - now.z[0])}·${factor(now.n[0])} + ${fixed(now.z[0])}·${factor(h)}`, now.h[0]]);
  }
  if (cell === "rnn") gates[0][0] = "new h = tanh(w x + u h + b)";
  return gates;
}

export function mount(root, data) {
  const cells = structuredClone(data.cells);
  let own = {}; // what the reader has set as inputs, by step
  const draw = oncePerFrame(update);

  const cell = choice("Cell", Object.entries(NAMES), "lstm", draw);
  const inputs = choice("Inputs", [["pulse", "1, then nothing"], ["noise", "1, then noise"], ["alternating", "1 and −1 in turn"]], "pulse", () => { own = {}; draw(); });
  const length = slider("Steps T", { min: 5, max: 60, step: 1, value: data.steps }, () => { at.limit(1, length.value); draw(); });
  const of = choice("Gradient of the last state with respect to", [["memory", "the memory (LSTM: c, else h)"], ["h", "the state h"], ["x", "the input x"]], "memory", draw);
  const at = slider("Step t", { min: 1, max: data.steps, step: 1, value: 1 }, draw);
  const input = slider("Input x at step t", { min: -2, max: 2, step: 0.01, value: 1, show: fixed }, (x) => { own[at.value] = x; draw(); });
  const sigmoid = (b) => 1 / (1 + Math.exp(-b));
  const push = { rnn: [], lstm: [], gru: [] };
  for (const [name, sliders] of Object.entries(push)) {
    GATES[name].forEach(([letter, title, squash], k) => {
      const to = (list) => (value) => { cells[name][list][k] = value; draw(); };
      sliders.push(squash === "σ"
        ? slider(`Bias of the ${title} ${letter}`, { min: -8, max: 8, step: 0.5, value: cells[name].b[k], show: (b) => `${fixed(b, 1)}, σ(b) = ${fixed(sigmoid(b), 3)}` }, to("b"))
        : slider(`Recurrent weight u${name === "rnn" ? "" : ` of the ${title} ${letter}`}`, { min: -2, max: 2, step: 0.05, value: cells[name].u[k], show: fixed }, to("u")));
    });
  }

  const click = (chart) => (event) => {
    const { left, width } = chart.node.getBoundingClientRect();
    const across = ((event.clientX - left) / width) * chart.node.viewBox.baseVal.width;
    const { box } = chart;
    at.value = Math.max(1, Math.min(length.value, Math.round(((across - box.left) / (box.right - box.left)) * length.value)));
    draw();
  };
  const size = { width: 440, height: 290, xlabel: "step t" };
  const along = plot({ title: "Inputs and states along the sequence; the slider Step t chooses a step", ylabel: "x, h, c", ...size });
  const fading = plot({ title: "Size of the gradient of the last state, by step, for the three cells", ylabel: "size of the gradient", ...size });
  const line = (colour, dash = null) => svg("path", { class: `line c${colour}`, "stroke-dasharray": dash });
  const stems = svg("path", { class: "stems" });
  const lines = { h: line(1), c: line(5, "8 3") };
  const marks = [svg("path", { class: "mark" }), svg("path", { class: "mark" })];
  const curves = { rnn: line(4, "3 3"), lstm: line(2), gru: line(3, "8 3") };
  const product = svg("path", { class: "product" });
  along.inside.append(marks[0], stems, lines.h, lines.c);
  fading.inside.append(marks[1], product, ...Object.values(curves));
  set(along.node, { onclick: click(along) });
  set(fading.node, { onclick: click(fading) });
  const keys = {
    h: legend([[1, "state h"]]),
    c: legend([[1, "state h"], [5, "cell c", "8 3"]]),
    cells: legend([[4, "RNN", "3 3"], [2, "LSTM"], [3, "GRU", "8 3"]]),
  };
  const gradientNote = el("p", { class: "hint" });
  const gateTitle = el("p", { class: "gate-title" });
  const openings = bars({ title: "Gates at the chosen step" });
  const worked = el("ul", { class: "equations" });
  const back = el("p", { class: "factor" });
  const said = summary();
  const hint = el("p", { class: "hint" });

  function update() {
    const [name, T] = [cell.value, length.value];
    const xs = inputsOf(inputs.value, T, own);
    const found = Object.fromEntries(Object.keys(NAMES).map((other) => {
      const layer = layerOf(cells[other]);
      const states = run(other, layer, xs);
      const derivatives = jacobians(other, layer, xs, states);
      return [other, { states, derivatives, sizes: gradients(other, of.value, derivatives) }];
    }));
    for (const [other, sliders] of Object.entries(push)) for (const part of sliders) part.node.hidden = other !== name;
    drawStates(name, found[name].states, xs, T);
    drawGradients(name, found, T);
    const t = at.value;
    input.value = xs[t - 1][0];
    const [before, now] = [found[name].states[t - 1], found[name].states[t]];
    gateTitle.textContent = `${NAMES[name]} at step ${t}: how far each gate is open`;
    openings.update(GATES[name].filter(([, , squash]) => squash === "σ").map(([letter, title]) => ({ label: `${letter} ${title.replace(" gate", "")}`, value: now[letter][0], text: fixed(now[letter][0], 3), marked: letter === KEEPS[name] })));
    openings.node.hidden = name === "rnn";
    if (name === "rnn") gateTitle.textContent = `RNN at step ${t}: it has no gates`;
    worked.replaceChildren(...equations(name, cells[name], xs[t - 1][0], before, now).map(([letters, numbers, value]) =>
      el("li", {}, el("span", {}, letters), el("span", { class: "numbers" }, `= ${numbers}`), el("span", { class: "value" }, `= ${fixed(value, 3)}`))));
    back.textContent = step(name, found[name], t);
    hint.textContent = data.hints[name];
    tell(name, found, T);
  }

  function drawStates(name, states, xs, T) {
    const values = [...states.flatMap(({ h, c }) => [h[0], c?.[0] ?? 0]), ...xs.map(([x]) => x)];
    along.frame({ x: [0, T], y: [1.05 * Math.min(-1, ...values), 1.05 * Math.max(1, ...values)] });
    const zero = along.y(0).toFixed(1);
    set(stems, { d: xs.map(([x], k) => `M${along.x(k + 1).toFixed(1)} ${zero}V${along.y(x).toFixed(1)}`).join("") });
    set(lines.h, { d: along.path(states.map(({ h }, t) => [t, h[0]])) });
    set(lines.c, { d: name === "lstm" ? along.path(states.map(({ c }, t) => [t, c[0]])) : "" });
    [keys.h.hidden, keys.c.hidden] = [name === "lstm", name !== "lstm"];
    set(marks[0], { d: `M${along.x(at.value)} ${along.box.top}V${along.box.bottom}` });
  }

  function drawGradients(name, found, T) {
    const logs = (pairs) => pairs.map(([t, g]) => [t, Math.log10(g)]).filter(([, g]) => g > FLOOR);
    const all = Object.values(found).flatMap(({ sizes }) => logs(sizes).map(([, g]) => g));
    const range = [Math.floor(Math.min(-1, ...all)), Math.ceil(Math.max(0, ...all) + 0.01)];
    fading.frame({ x: [0, T], y: range, yticks: exponents(...range), yname: powerOfTen });
    for (const [other, { sizes }] of Object.entries(found)) {
      set(curves[other], { d: fading.path(logs(sizes)), class: `line c${{ rnn: 4, lstm: 2, gru: 3 }[other]}${other === name ? " chosen" : ""}` });
    }
    const gate = of.value === "memory" && KEEPS[name];
    const products = gate ? logs(kept(found[name].states, gate).map((p, t) => [t, p])).filter(([, p]) => p >= range[0]) : [];
    set(product, { d: fading.path(products) });
    gradientNote.textContent = gate ? `Thin grey: the product of the gates ${gate} alone.` : "";
    set(marks[1], { d: `M${fading.x(at.value)} ${fading.box.top}V${fading.box.bottom}` });
  }

  // What one step back multiplies the gradient by.
  function step(name, { states, derivatives }, t) {
    if (name === "rnn") {
      const [u, h] = [cells.rnn.u[0], states[t].h[0]];
      return `One step back, the gradient is multiplied by u (1 − h²) = ${fixed(u)}·(1 − ${factor(h)}²) = ${fixed(u * (1 - h * h), 3)}.`;
    }
    const part = derivatives[name === "lstm" ? "c" : "h"];
    const ratio = part[t - 1][0][0] / part[t][0][0];
    const whole = Number.isFinite(ratio) ? fixed(ratio, 3) : "what cannot be told, both being 0";
    const gate = KEEPS[name];
    return `One step back, the gradient is multiplied by ${gate} = ${fixed(states[t][gate][0], 3)} on the straight way, and by ${whole} with the ways through the gates and the candidate.`;
  }

  function tell(name, found, T) {
    const first = found.rnn.sizes[0][0];
    const each = Object.entries(found).map(([other, { sizes }]) => `${scientific(sizes[0][1])} in the ${NAMES[other]}`);
    const what = of.value === "memory" ? "memory" : of.value === "h" ? "state h" : "input x";
    const gate = KEEPS[name];
    const alone = of.value === "memory" && gate ? `; the ${NAMES[name]}’s ${T} gates ${gate} multiply to ${scientific(kept(found[name].states, gate)[0])}` : "";
    said.say(`The gradient of the last state with respect to the ${what} of step ${first}, ${T - first} steps back, is ${each.slice(0, 2).join(", ")} and ${each[2]}${alone}.`);
  }

  root.append(
    controls(cell, inputs, of, length),
    controls(...push.rnn, ...push.lstm, ...push.gru),
    said.node,
    el("div", { class: "columns" }, el("div", {}, along.node, keys.h, keys.c, el("p", { class: "hint" }, "Grey stems: the inputs x.")), el("div", {}, fading.node, keys.cells, gradientNote)),
    hint,
    controls(at, input),
    el("div", { class: "columns" }, el("div", {}, gateTitle, openings.node, back), worked),
  );
  update();
}
