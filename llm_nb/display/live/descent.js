// Optimisers racing on a surface of two parameters: their paths on its map, and their losses.

import { button, calm, choice, controls, el, fixed, oncePerFrame, plot, set, slider, summary, svg, toggle } from "./kit.js";
import { SURFACES, bestRate, descend, noise, outlines, turns } from "./optimisers.js";
import { exponents, powerOfTen, scientific } from "./powers.js";

const LEVELS = 13;
export const RATES = Array.from({ length: 81 }, (_, k) => 10 ** (-4 + k / 20));
export const OPTIMISERS = [
  { name: "sgd", label: "SGD", colour: 1, dash: null },
  { name: "momentum", label: "momentum", colour: 2, dash: "8 3" },
  { name: "adam", label: "Adam", colour: 3, dash: "3 3" },
  { name: "adamw", label: "AdamW", colour: 4, dash: "9 3 2 3" },
];

// The first step that lies outside the map, or -1.
export function leaves(points, { x, y }) {
  return points.findIndex(({ at }) => !(at[0] >= x[0] && at[0] <= x[1] && at[1] >= y[0] && at[1] <= y[1]));
}

// What became of an optimiser, in words. `steps` were asked for; fewer points: it broke off.
export function fate(label, points, steps, map) {
  const left = leaves(points, map);
  if (points.length <= steps) return `${label} leaves the map at step ${left} and grows beyond all numbers: it diverges`;
  const { loss, at } = points.at(-1);
  const height = scientific(Math.max(0, loss - map.lowest));
  const outside = leaves([{ at }], map) === 0;
  if (outside && loss > points[0].loss) return `${label} leaves the map at step ${left} and climbs to ${height}: it diverges`;
  const where = left < 0 ? "" : outside ? `, off the map since step ${left}` : `, having left the map at step ${left} and come back`;
  return `${label} ${height}, ${turned(points)}${where}`;
}

function turned(points) {
  const count = turns(points);
  return count === 0 ? "never turning back" : `turning back ${count} ${count === 1 ? "time" : "times"}`;
}

const digits = (count) => (x) => fixed(x, count);

export function mount(root, data) {
  let surface = data.surface;
  let playing = 0; // the step that is shown while it plays; 0: all are shown
  const map = () => data.maps[surface];
  const draw = oncePerFrame(update);
  const changed = () => { playing = 0; draw(); };

  const which = choice("Surface", Object.entries(data.maps).map(([name, { title }]) => [name, title]), surface, () => {
    surface = which.value;
    lie();
    begin();
    changed();
  });
  const steps = slider("Steps", { min: 1, max: 200, step: 1, value: data.steps }, changed);
  const x = slider("Start x", { min: 0, max: 1, step: 0.01, value: 0, show: digits(2) }, changed);
  const y = slider("Start y", { min: 0, max: 1, step: 0.01, value: 0, show: digits(2) }, changed);
  const momentum = slider("Momentum β", { min: 0, max: 0.99, step: 0.01, value: 0.9, show: digits(2) }, changed);
  const beta1 = slider("Adam’s β₁", { min: 0, max: 0.99, step: 0.01, value: 0.9, show: digits(2) }, changed);
  const beta2 = slider("Adam’s β₂", { min: 0.9, max: 0.999, step: 0.001, value: 0.999, show: digits(3) }, changed);
  const decay = slider("AdamW’s decay λ", { min: 0, max: 1, step: 0.01, value: 0.1, show: digits(2) }, changed);
  const level = slider("Mini-batch noise σ", { min: 0, max: 5, step: 0.1, value: 0, show: digits(1) }, changed);
  const seed = slider("Draw of the noise", { min: 1, max: 20, step: 1, value: 1 }, changed);
  const rows = OPTIMISERS.map((o) => {
    const on = toggle(o.label, data.shown.includes(o.name), changed);
    const rate = slider(`Learning rate of ${o.label}`, {
      min: -4, max: 0, step: 0.05, value: 0, show: (e) => scientific(10 ** e),
    }, changed);
    const key = svg("svg", { viewBox: "0 0 26 10", "aria-hidden": "true", class: "key" }, svg("path", { d: "M1 5H25", class: `line c${o.colour}`, "stroke-dasharray": o.dash }));
    return { ...o, on, rate, node: el("div", { class: "racer" }, el("div", { class: "who" }, key, on.node), rate.node) };
  });
  const best = button("Best learning rates", () => { tune(); changed(); });
  const play = button("Play", () => { playing ? changed() : run(); });
  play.hidden = calm();

  const land = plot({ title: "Map of the loss with the path of each optimiser; the sliders Start x and Start y move its start", xlabel: "parameter x", ylabel: "parameter y", width: 440, height: 300 });
  const losses = plot({ title: "Loss above the surface’s lowest, after each step", xlabel: "step", ylabel: "loss − lowest", width: 440, height: 300 });
  const clip = (id, { left, right, top, bottom }) =>
    svg("clipPath", { id }, svg("rect", { x: left, y: top, width: right - left, height: bottom - top }));
  const bands = svg("g", { class: "bands" });
  const lowest = svg("path", { class: "lowest" });
  const start = svg("circle", { class: "start", r: 9 });
  for (const row of rows) {
    row.path = svg("path", { class: `line c${row.colour}`, "stroke-dasharray": row.dash });
    row.dots = svg("path", { class: `steps c${row.colour}` });
    row.curve = svg("path", { class: `line c${row.colour}`, "stroke-dasharray": row.dash });
  }
  land.inside.append(clip("inside-map", land.box), svg("g", { "clip-path": "url(#inside-map)" }, bands, lowest, ...rows.flatMap((row) => [row.path, row.dots])), start);
  losses.inside.append(clip("inside-losses", losses.box), svg("g", { "clip-path": "url(#inside-losses)" }, ...rows.map((row) => row.curve)));
  const said = summary();
  const hint = el("p", { class: "hint" });
  const guide = el("p", { class: "hint" }, "Drag the ring, or click the map, to start elsewhere; + is the lowest place. “Turning back” counts the steps at more than a right angle to the one before.");

  // The map of the surface: outlines of ever lower ground, one over the other.
  function lie() {
    const { x: across, y: up, minima, hint: text } = map();
    land.frame({ x: across, y: up });
    const { f } = SURFACES[surface];
    const corners = across.flatMap((a) => up.map((b) => f(a, b)));
    const [low, high] = [map().lowest, Math.max(...corners)];
    const heights = Array.from({ length: LEVELS }, (_, k) => low + (high - low) * ((k + 0.5) / LEVELS) ** map().spread);
    const shape = (rings) => rings.map((ring) => `${land.path(ring)}Z`).join("");
    bands.replaceChildren(...outlines(f, across, up, heights).map((rings) => svg("path", { d: shape(rings) })));
    const cross = ([a, b]) => `M${land.x(a) - 5} ${land.y(b)}h10m-5 -5v10`;
    set(lowest, { d: minima.map(cross).join("") });
    x.limit(...across);
    y.limit(...up);
    hint.textContent = text;
  }

  function startAt([a, b]) {
    const clamp = (v, [low, high]) => Math.max(low, Math.min(high, v));
    x.value = clamp(a, map().x);
    y.value = clamp(b, map().y);
  }

  function begin() {
    startAt(map().start);
    rows.forEach((row, k) => { row.rate.value = map().rates[k]; });
  }

  const settingsOf = () => ({ momentum: momentum.value, beta1: beta1.value, beta2: beta2.value, decay: decay.value });
  const noises = () => noise(seed.value, level.value, steps.value);

  function tune() {
    for (const row of rows) {
      row.rate.value = Math.log10(bestRate(row.name, SURFACES[surface], [x.value, y.value], settingsOf(), noises(), RATES));
    }
  }

  function run() {
    playing = 1;
    let before = null;
    const tick = (now) => {
      if (!playing) return;
      before ??= now;
      if (now - before >= 40) { // 25 steps a second
        before = now;
        playing = playing < steps.value ? playing + 1 : 0;
        update();
      }
      if (playing) requestAnimationFrame(tick);
    };
    update();
    requestAnimationFrame(tick);
  }

  function update() {
    const drawn = noises();
    const shown = rows.filter((row) => row.on.value);
    for (const row of rows) {
      row.rate.node.hidden = !row.on.value;
      row.points = row.on.value
        ? descend(row.name, SURFACES[surface], [x.value, y.value], { ...settingsOf(), rate: 10 ** row.rate.value }, drawn).slice(0, (playing || steps.value) + 1)
        : [];
      const far = row.points.findIndex(({ at }) => Math.hypot(...at) > 1e3);
      const near = row.points.slice(0, far < 0 ? undefined : far + 1).map(({ at }) => at);
      set(row.path, { d: land.path(near) });
      set(row.dots, { d: near.map(([a, b]) => `M${land.x(a).toFixed(1)} ${land.y(b).toFixed(1)}h0`).join("") });
    }
    set(start, { cx: land.x(x.value), cy: land.y(y.value) });
    drawLosses(shown);
    play.textContent = playing ? "Stop" : "Play";
    decay.node.hidden = !rows[3].on.value;
    momentum.node.hidden = !rows[1].on.value;
    beta1.node.hidden = beta2.node.hidden = !rows[2].on.value && !rows[3].on.value;
    seed.node.hidden = level.value === 0;
    if (playing) return;
    said.say(shown.length
      ? `Loss above the lowest after ${steps.value} ${steps.value === 1 ? "step" : "steps"} (at the start ${scientific(shown[0].points[0].loss - map().lowest)}): ${shown.map((row) => fate(row.label, row.points, steps.value, map())).join("; ")}.`
      : "Tick an optimiser to see its path.");
  }

  function drawLosses(shown) {
    const heights = shown.map((row) => row.points.map(({ loss }, t) => [t, Math.log10(Math.max(loss - map().lowest, 1e-12))]));
    const all = heights.flat().map(([, h]) => h);
    const first = all.length ? heights[0][0][1] : 0;
    const range = [Math.max(-9, Math.floor(Math.min(first - 1, ...all))), Math.ceil(Math.min(first + 2, Math.max(first, ...all)) + 0.01)];
    losses.frame({ x: [0, steps.value], y: range, yticks: exponents(...range), yname: powerOfTen });
    rows.forEach((row) => set(row.curve, { d: "" }));
    shown.forEach((row, k) => set(row.curve, { d: losses.path(heights[k].map(([t, h]) => [t, Math.min(h, range[1] + 1)])) }));
  }

  // Drag the start, or click where it shall be. Sliders do the same.
  function place(event) {
    const { left, top, width } = land.node.getBoundingClientRect();
    const scale = land.node.viewBox.baseVal.width / width; // the plot's own units in a pixel
    const [u, v] = [(event.clientX - left) * scale, (event.clientY - top) * scale];
    const { box } = land;
    const { x: across, y: up } = map();
    startAt([
      across[0] + ((u - box.left) / (box.right - box.left)) * (across[1] - across[0]),
      up[0] + ((box.bottom - v) / (box.bottom - box.top)) * (up[1] - up[0]),
    ]);
    changed();
  }
  set(start, {
    onpointerdown: (event) => { start.setPointerCapture(event.pointerId); event.preventDefault(); },
    onpointermove: (event) => { if (start.hasPointerCapture(event.pointerId)) place(event); },
  });
  set(land.node, { onclick: (event) => { if (event.target !== start) place(event); } });

  lie();
  begin();
  root.append(
    controls(which, steps, best, play),
    said.node,
    el("div", { class: "columns" }, land.node, losses.node),
    hint,
    guide,
    el("div", { class: "racers" }, ...rows.map((row) => row.node)),
    controls(x, y, momentum, beta1, beta2, decay, level, seed),
  );
  update();
}
