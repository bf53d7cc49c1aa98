// Three ways to say where a token stands: the sinusoids of Vaswani et al. (2017, section 3.5), the
// positions that a GPT-2 has learned, and RoPE (Su et al. 2021, section 3.2.2).

import { button, calm, choice, controls, el, fixed, legend, oncePerFrame, plot, slider, summary, svg } from "./kit.js";
import { colourScale, mosaic } from "./raster.js";
import { dot, generator, matmul, normal, unpack } from "./numbers.js";

// Radians a position for each pair of dimensions, (d/2): base^(-2i/d).
export function rates(d, base = 10000) {
  return Array.from({ length: d / 2 }, (_, i) => base ** ((-2 * i) / d));
}

// The table (T, d): sines in the even dimensions, cosines in the odd ones.
export function sinusoids(T, d, base = 10000) {
  const speeds = rates(d, base);
  return Array.from({ length: T }, (_, t) => speeds.flatMap((rate) => [Math.sin(t * rate), Math.cos(t * rate)]));
}

// The matrix that takes (sin, cos) of any position to that of the position k further on.
export function rotation(rate, k) {
  const [s, c] = [Math.sin(k * rate), Math.cos(k * rate)];
  return [[c, s], [-s, c]];
}

// RoPE: x (d) at position t, each pair of neighbours turned by t times its rate.
export function rope(x, t, base = 10000) {
  return rates(x.length, base).flatMap((rate, i) => {
    const [s, c] = [Math.sin(t * rate), Math.cos(t * rate)];
    const [a, b] = [x[2 * i], x[2 * i + 1]];
    return [a * c - b * s, a * s + b * c];
  });
}

// The cosine of every row of a (n, d) with every row of b (m, d).
export function cosines(a, b) {
  const unit = (row) => {
    const length = Math.sqrt(dot(row, row));
    return row.map((x) => x / length);
  };
  const others = b.map(unit);
  return a.map(unit).map((row) => others.map((other) => dot(row, other)));
}

// The cosine of q at every position (rows) with k at every position (columns), both turned by RoPE.
export function ropeCosines(q, k, T, base = 10000) {
  const places = [...Array(T).keys()];
  return cosines(places.map((t) => rope(q, t, base)), places.map((t) => rope(k, t, base)));
}

// For each distance s - t from -(T-1) to T-1, what a (T, T) holds there: smallest, mean, largest.
export function byDistance(matrix) {
  const T = matrix.length;
  const found = Array.from({ length: 2 * T - 1 }, () => ({ low: Infinity, mean: 0, high: -Infinity }));
  matrix.forEach((row, t) => row.forEach((value, s) => {
    const at = found[s - t + T - 1];
    at.low = Math.min(at.low, value);
    at.high = Math.max(at.high, value);
    at.mean += value / (T - Math.abs(s - t));
  }));
  return found;
}

// At most `count` of the pairs 0 … n - 1, evenly chosen: the first and the last are among them.
export function some(n, count) {
  if (n <= count) return [...Array(n).keys()];
  return Array.from({ length: count }, (_, i) => Math.round((i * (n - 1)) / (count - 1)));
}

const CLOCKS = 8;
const round = (x) => (x >= 1000 ? Math.round(x).toLocaleString("en") : fixed(x, x < 100 ? 1 : 0));
const perTurn = (rate) => round((2 * Math.PI) / rate);

export function mount(root, data) {
  const T = data.positions;
  const learned = cosines(unpack(data.learned), unpack(data.learned));
  let table = []; // what depends on d_model and the base alone
  let compared = [];
  let view = "table";
  let seed = 1;
  let timer = 0;

  const draw = oncePerFrame(update);
  const build = oncePerFrame(() => { remake(); update(); });
  const t = slider("Position t", { min: 0, max: T - 1, step: 1, value: data.t }, draw);
  const k = slider("Distance k", { min: 1 - T, max: T - 1, step: 1, value: data.k, show: (x) => fixed(x, 0) }, () => { within(); draw(); });
  const c = slider("Dimension", { min: 0, max: data.d_model - 1, step: 1, value: data.dimension }, draw);
  const d = slider("Width d_model", { min: 4, max: 128, step: 4, value: data.d_model }, build);
  const base = choice("Base", [10, 100, 1000, 10000, 100000].map((n) => [String(n), n.toLocaleString("en") + (n === 10000 ? ", as in the paper" : "")]), "10000", build);
  const walk = button("Walk", () => (timer ? stop() : start()));
  const views = [["table", "The table"], ["hands", "As clock hands"], ["alike", "How alike are two positions?"]]
    .map(([name, text]) => ({ name, node: button(text, () => { view = name; draw(); }), part: el("div", { class: "view" }) }));
  const another = button("Another query and key", () => { seed += 1; build(); });
  const which = choice("Curve of", [["0", "the sinusoids"], ["1", "the learned positions"], ["2", "RoPE"]], "0", draw);

  // k first, then t: the pair must stay inside the table.
  const within = () => t.limit(Math.max(0, -k.value), T - 1 - Math.max(0, k.value));
  const choosePair = (i, j) => { k.value = j - i; within(); t.value = i; draw(); };
  const square = (title, down, across) => mosaic({ title, down, across, pick: choosePair });
  const grid = mosaic({ title: "The sinusoids: a row for each position", down: "position", across: "dimension",
    pick: (i, j) => { t.value = i; c.value = j; draw(); } });
  const squares = [square("Sinusoids", "position t", "position t + k"), square(`Learned: ${data.learned_name}`, "position t", "position t + k"), square("RoPE: a query, a key like it", "query at t", "key at t + k")];
  const vector = plot({ title: "The vector of position t", xlabel: "dimension", ylabel: "value", width: 440, height: 190 });
  const wave = plot({ title: "One dimension over the positions", xlabel: "position", ylabel: "value", width: 440, height: 190 });
  const curve = plot({ title: "Cosine of position t with the others, over their distance", xlabel: "distance to the other position", ylabel: "cosine", width: 440, height: 240 });
  const [vectorTitle, waveTitle] = [el("p", { class: "row-title" }), el("p", { class: "row-title" })];
  const clocks = el("div", { class: "clocks", role: "group", "aria-label": "Pairs of dimensions as clock hands" });
  const product = el("div", { class: "product", role: "group", "aria-label": "The rotation in numbers" });
  const spread = el("table", { class: "spread" });
  const said = summary();

  function start() {
    timer = setInterval(() => {
      const end = T - 1 - Math.max(0, k.value);
      t.value = t.value >= end ? Math.max(0, -k.value) : t.value + 1;
      draw();
    }, 200);
    walk.textContent = "Stop";
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    walk.textContent = "Walk";
  }

  function remake() {
    table = sinusoids(T, d.value, Number(base.value));
    const random = generator(seed);
    const query = Array.from({ length: d.value }, () => normal(random));
    const other = query.map((x) => x + 0.6 * normal(random)); // a key much like the query
    const matrices = [cosines(table, table), learned, ropeCosines(query, other, T, Number(base.value))];
    compared = matrices.map((matrix) => ({ matrix, distances: byDistance(matrix) }));
    grid.update(table);
    squares.forEach((one, i) => one.update(matrices[i]));
    c.limit(0, d.value - 1);
    const shown = some(d.value / 2, CLOCKS);
    clocks.replaceChildren(...shown.map((pair) => clock(pair, () => { c.value = 2 * pair; draw(); })));
    vector.frame({ x: [-1, d.value], y: [-1.1, 1.1], yticks: [-1, 0, 1] });
    wave.frame({ x: [-0.5, T - 0.5], y: [-1.1, 1.1], yticks: [-1, 0, 1] });
    curve.frame({ x: [1 - T, T - 1], y: [-1.05, 1.05] });
  }

  // A clock for one pair: the hand at t, and the hand at t + k, an arc between them.
  function clock(pair, chosen) {
    const hands = ["second", "first"].map((name) => svg("path", { class: `hand ${name}` }));
    const turn = el("span", {});
    const face = svg("svg", { viewBox: "-22 -22 44 44", "aria-hidden": "true" }, svg("circle", { r: 20 }), ...hands);
    const node = el("button", { type: "button", class: "clock", onclick: chosen }, face,
      el("span", {}, el("span", { class: "unseen" }, "dimensions "), `${2 * pair}, ${2 * pair + 1}`), turn,
      el("span", { class: "unseen" }, " positions"));
    node.turn = (rate) => {
      const tip = (angle) => `M0 0L${(18 * Math.cos(angle)).toFixed(2)} ${(-18 * Math.sin(angle)).toFixed(2)}`;
      hands[0].setAttribute("d", tip((t.value + k.value) * rate));
      hands[1].setAttribute("d", tip(t.value * rate));
      turn.textContent = `turn: ${perTurn(rate)}`;
      node.setAttribute("aria-pressed", String(Math.floor(c.value / 2) === pair));
    };
    node.pair = pair;
    return node;
  }

  function update() {
    for (const one of views) {
      one.node.setAttribute("aria-pressed", String(one.name === view));
      one.part.hidden = one.name !== view;
    }
    k.node.hidden = view === "table";
    c.node.hidden = view === "alike";
    const [now, step, dimension] = [t.value, k.value, c.value];
    const pair = Math.floor(dimension / 2);
    const speeds = rates(d.value, Number(base.value));
    const rate = speeds[pair];
    grid.choose(now, dimension);
    squares.forEach((one) => one.choose(now, now + step));
    vectorTitle.textContent = `Position ${now}: its ${d.value} numbers`;
    const stems = table[now].map((y, x) => `M${vector.x(x).toFixed(1)} ${vector.y(0)}V${vector.y(y).toFixed(1)}`);
    const stem = (odd) => svg("path", { class: `line c${odd ? 3 : 1}`, d: stems.filter((_, i) => i % 2 === odd).join("") });
    vector.inside.replaceChildren(stem(0), stem(1),
      svg("circle", { class: "dot c2", r: 5, cx: vector.x(dimension), cy: vector.y(table[now][dimension]) }));
    waveTitle.textContent = `Dimension ${dimension}: the ${dimension % 2 ? "cosine" : "sine"} of ${rate.toPrecision(3)} · t, a turn every ${perTurn(rate)} positions`;
    const phase = dimension % 2 ? Math.cos : Math.sin;
    const points = Array.from({ length: 4 * T - 3 }, (_, i) => [i / 4, phase((i / 4) * rate)]);
    wave.inside.replaceChildren(
      svg("path", { class: `line c${dimension % 2 ? 3 : 1}`, d: wave.path(points) }),
      svg("circle", { class: "dot c2", r: 5, cx: wave.x(now), cy: wave.y(table[now][dimension]) }));
    for (const node of clocks.children) node.turn(speeds[node.pair]);
    multiply(rate, pair, now, step);
    compare(now, step);
    said.say(sentence(now, step, dimension, rate));
  }

  function sentence(now, step, dimension, rate) {
    const apart = `Positions ${now} and ${now + step}, ${Math.abs(step)} apart`;
    if (view === "table") {
      return `Position ${now} has ${fixed(table[now][dimension])} in dimension ${dimension}, a wave that returns every ${perTurn(rate)} positions.`;
    }
    if (view === "hands") {
      return `${apart}: in dimensions ${2 * Math.floor(dimension / 2)} and the next the hand turns by ${fixed(Math.abs(step * rate * 180) / Math.PI, 1)}°, from there as from anywhere.`;
    }
    const [sine, own, turned] = compared.map(({ matrix }) => fixed(matrix[now][now + step]));
    return `${apart}: cosine ${sine} between their sinusoids (dot product ${fixed(dot(table[now], table[now + step]))}), ${own} between the learned positions, ${turned} between the turned query and key.`;
  }

  function multiply(rate, pair, now, step) {
    const column = (name, numbers) => el("div", { class: "matrix" }, el("span", {}, name),
      el("table", {}, ...numbers.map((row) => el("tr", {}, ...row.map((x) => el("td", {}, fixed(x, 3)))))));
    const turn = rotation(rate, step);
    const from = table[now].slice(2 * pair, 2 * pair + 2).map((x) => [x]);
    product.replaceChildren(
      column(`rotation for k = ${fixed(step, 0)}`, turn), el("span", {}, "×"),
      column(`dimensions ${2 * pair}, ${2 * pair + 1} at ${now}`, from), el("span", {}, "="),
      column(`the same at ${now + step}`, matmul(turn, from)));
  }

  function compare(now, step) {
    const { matrix, distances } = compared[Number(which.value)];
    const x = (i) => i - T + 1;
    const band = [...distances.map(({ high }, i) => [x(i), high]), ...distances.map(({ low }, i) => [x(i), low]).reverse()];
    curve.inside.replaceChildren(
      svg("path", { class: "band", d: `${curve.path(band)}Z` }),
      svg("path", { class: "line c1", d: curve.path(distances.map(({ mean }, i) => [x(i), mean])) }),
      ...matrix[now].map((value, s) => svg("circle", { class: "dot c2", r: s === now + step ? 5.5 : 2.4, cx: curve.x(s - now), cy: curve.y(value) })));
    const row = (name, { matrix: own, distances: all }) => {
      const { low, high } = all[step + T - 1];
      return el("tr", {}, el("th", { scope: "row" }, name), ...[own[now][now + step], low, high].map((v) => el("td", {}, fixed(v))));
    };
    spread.replaceChildren(
      el("caption", {}, `Pairs at distance ${fixed(step, 0)}`),
      el("tr", {}, ...["cosine", `${now} and ${now + step}`, "smallest", "largest"].map((name) => el("th", { scope: "col" }, name))),
      ...["sinusoids", "learned", "RoPE"].map((name, i) => row(name, compared[i])));
  }

  const hint = (text) => el("p", { class: "hint" }, text);
  views[0].part.append(
    el("div", { class: "columns" },
      el("div", {}, grid.node, colourScale()),
      el("div", {}, vectorTitle, vector.node, waveTitle, wave.node)),
    hint("A row is what is added to the token at that position, a column one wave. Drag over the picture: dimensions on the left tell neighbours apart, those on the right far from near. Then try base 10 and base 100,000."));
  views[1].part.append(
    hint("Sine and cosine of a pair are the tip of a hand. Move t: the hands on the left race, those on the right creep. The thin hand is k positions further on; the angle between the two, and the rotation below, stay the same wherever t is. Under each hand: its dimensions, and positions for a turn."),
    clocks,
    product);
  views[2].part.append(
    hint("Click a cell for the pair t and t + k. Even stripes: only the distance counts. So it is with sinusoids, all √(d_model / 2) long, so that their dot product is the cosine times d_model / 2; and with RoPE by design: it adds nothing, but turns query and key by their positions. Nothing holds learned positions to one rule: choose their curve and see how far pairs at one distance differ."),
    el("div", { class: "mosaics" }, ...squares.map((one) => one.node)),
    controls(which, another),
    el("div", { class: "columns" },
      el("div", {}, curve.node, legend([[2, "position t with the others"], [1, "mean of all pairs; the band holds them all"]])),
      el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Cosines of pairs at this distance" }, spread)));
  root.append(
    el("div", { class: "controls", role: "group", "aria-label": "What is shown" }, ...views.map((one) => one.node)),
    controls(t, k, c, d, base, ...(calm() ? [] : [walk])),
    said.node,
    ...views.map((one) => one.part),
  );
  within();
  remake();
  update();
}
