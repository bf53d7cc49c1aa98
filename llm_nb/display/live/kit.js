// What the live figures are built from: elements, labelled native inputs, bars, plots.
// Colours are CSS variables of frame.css, so that both themes follow without redrawing.

const SVG = "http://www.w3.org/2000/svg";

export function el(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children);
}

// Attributes; a function under "onclick" and the like listens; false and null are left out.
function build(node, attributes, children) {
  set(node, attributes);
  node.append(...children);
  return node;
}

export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (value === false || value == null) node.removeAttribute(key);
    else node.setAttribute(key, value === true ? "" : value);
  }
  return node;
}

// A number as people write it: a fixed number of digits, and a true minus sign.
export function fixed(x, digits = 2) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not a number" : x > 0 ? "∞" : "−∞";
  const text = Math.abs(x).toFixed(digits);
  return x < 0 && Number(text) !== 0 ? `−${text}` : text;
}

// A probability in as few signs as say it.
export function share(p) {
  if (p === 0) return "0";
  return p < 0.0005 ? "<0.001" : fixed(p, 3);
}

// Whether the reader asked the system for less motion: then show the end, not the way there.
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// The function returned may be called often: `draw` runs once, before the next picture is shown.
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// An input under its label, with whatever else stands beside the label.
let named = 0;
function labelled(kind, label, input, ...beside) {
  input.id = `input-${++named}`;
  return el("div", { class: kind }, el("span", {}, el("label", { for: input.id }, label), ...beside), input);
}

// Inputs. Each is { node, value, … }; `changed(value)` is called when the reader moves it, not when
// the program sets `value`.

export function slider(label, { min, max, step, value, show = String }, changed) {
  const input = el("input", { type: "range", min, max, step, value });
  const said = el("span", { class: "said", "aria-hidden": "true" });
  const update = () => {
    const text = show(Number(input.value));
    said.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", () => {
    update();
    changed(Number(input.value));
  });
  update();
  return {
    node: labelled("slider", label, input, " ", said),
    get value() { return Number(input.value); },
    set value(x) { input.value = x; update(); },
    limit(low, high) { input.min = low; input.max = high; update(); },
    set disabled(x) { input.disabled = x; },
  };
}

// `options`: [value, text] pairs; values are strings.
export function choice(label, options, value, changed) {
  const select = el("select", { onchange: () => changed(select.value) });
  const fill = (pairs, chosen) => {
    select.replaceChildren(...pairs.map(([v, text]) => el("option", { value: v }, text)));
    select.value = chosen;
  };
  fill(options, value);
  return {
    node: labelled("choice", label, select),
    get value() { return select.value; },
    set value(x) { select.value = x; },
    fill,
  };
}

export function toggle(label, value, changed) {
  const input = el("input", { type: "checkbox", onchange: () => changed(input.checked) });
  input.checked = value;
  return {
    node: el("label", { class: "toggle" }, input, " ", label),
    get value() { return input.checked; },
  };
}

// One line, or `rows` of them.
export function textField(label, value, changed, { rows = 1, limit = 200 } = {}) {
  const attributes = { maxlength: limit, spellcheck: "false", autocomplete: "off" };
  const input = rows > 1 ? el("textarea", { ...attributes, rows }) : el("input", { ...attributes, type: "text" });
  input.value = value;
  input.addEventListener("input", () => changed(input.value));
  return {
    node: labelled("text", label, input),
    get value() { return input.value; },
    set value(x) { input.value = x; },
  };
}

// A whole number from 0 to `max`; what is no such number reads as 0.
export function numberField(label, { max, value }, changed) {
  const input = el("input", { type: "number", min: 0, max, step: 1, value, oninput: () => changed() });
  return {
    node: labelled("choice", label, input),
    get value() { return Math.min(max, Math.max(0, Math.floor(Number(input.value)) || 0)); },
  };
}

export function button(label, pressed) {
  return el("button", { type: "button", onclick: pressed }, label);
}

// Inputs side by side where there is room.
export function controls(...parts) {
  return el("div", { class: "controls" }, ...parts.map((part) => part.node ?? part));
}

// One sentence that says what is shown. A screen reader hears it once the reader pauses.
export function summary() {
  const node = el("p", { class: "summary", role: "status" });
  let timer = 0;
  return {
    node,
    say(text) {
      clearTimeout(timer);
      if (node.textContent === "") node.textContent = text;
      else timer = setTimeout(() => { node.textContent = text; }, 150);
    },
  };
}

// Horizontal bars, longest possible = 1 (or `most`). Rows: { label, value, text?, marked?, pick? };
// a row with `pick` is a button. The same nodes are used again as long as the rows are alike.
export function bars({ title, most = 1 }) {
  const list = el("ol", { class: "bars", "aria-label": title });
  return {
    node: list,
    update(rows) {
      while (list.children.length > rows.length) list.lastChild.remove();
      rows.forEach((row, i) => {
        let item = list.children[i];
        if (!item || item.firstChild.tagName !== (row.pick ? "BUTTON" : "DIV")) {
          const parts = ["label", "bar", "number"].map((name) => el("span", { class: name }));
          const inner = el(row.pick ? "button" : "div", row.pick ? { type: "button" } : {}, ...parts);
          const made = el("li", {}, inner);
          item ? item.replaceWith(made) : list.append(made);
          item = made;
        }
        const [label, bar, number] = item.firstChild.children;
        label.textContent = row.label;
        bar.style.setProperty("--share", Math.max(0, Math.min(1, row.value / most)));
        number.textContent = row.text ?? fixed(row.value);
        item.classList.toggle("marked", Boolean(row.marked));
        item.firstChild.onclick = row.pick ?? null;
      });
    },
  };
}

// Round steps for an axis: 1, 2 or 5 times a power of ten, about `count` of them.
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// Axes with names and units. `inside` takes what is drawn; `x` and `y` turn values into places.
// `frame({ x: [low, high], y: [low, high] })` sets the ranges, and may be called again.
export function plot({ title, xlabel, ylabel, width = 560, height = 300 }) {
  const box = { left: 56, right: width - 12, top: 12, bottom: height - 44 };
  const node = svg("svg", { class: "plot", role: "img", "aria-label": title, viewBox: `0 0 ${width} ${height}` });
  node.style.maxWidth = `${width}px`;
  const scales = svg("g", { class: "scales" });
  const inside = svg("g", {});
  const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  node.append(
    scales,
    inside,
    svg("text", { x: middle[0], y: height - 6, "text-anchor": "middle" }, xlabel),
    svg("text", { transform: `translate(14 ${middle[1]}) rotate(-90)`, "text-anchor": "middle" }, ylabel),
  );
  const made = { node, inside, box };
  made.frame = ({ x, y, yticks = ticks(...y), yname = number }) => {
    made.x = (v) => box.left + ((v - x[0]) / (x[1] - x[0])) * (box.right - box.left);
    made.y = (v) => box.bottom - ((v - y[0]) / (y[1] - y[0])) * (box.bottom - box.top);
    scales.replaceChildren(
      svg("path", { class: "axes", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }),
      ...ticks(...x).flatMap((v) => [
        svg("path", { class: "grid", d: `M${made.x(v)} ${box.top}V${box.bottom}` }),
        svg("text", { x: made.x(v), y: box.bottom + 17, "text-anchor": "middle" }, number(v)),
      ]),
      ...yticks.flatMap((v) => [
        svg("path", { class: "grid", d: `M${box.left} ${made.y(v)}H${box.right}` }),
        svg("text", { x: box.left - 6, y: made.y(v) + 4, "text-anchor": "end" }, yname(v)),
      ]),
    );
  };
  // The d attribute of a path through (x, y) pairs.
  made.path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${made.x(x).toFixed(1)} ${made.y(y).toFixed(1)}`).join("");
  return made;
}

function number(v) {
  const text = Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(0) : String(v);
  return text.replaceAll("-", "−");
}

// Names for what a plot shows: [colour number 1 to 5, text, dash?] each.
export function legend(entries) {
  const key = ([colour, text, dash]) =>
    el("li", {}, svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
      svg("path", { d: "M1 5H25", class: `line c${colour}`, "stroke-dasharray": dash ?? false })), " ", text);
  return el("ul", { class: "legend" }, ...entries.map(key));
}
