// A large matrix as a picture, a pixel a cell, with ticks, and lines through the chosen cell.

import { mixed, shade } from "./heatmap.js";
import { el, fixed, set, svg } from "./kit.js";

const COLOURS = Array.from({ length: 256 }, (_, i) => mixed(i / 255));
const share = (at, count) => `${((100 * (at + 0.5)) / count).toFixed(2)}%`;

// A click or a drag calls pick(row, column); the figure must offer native inputs for the same.
// `update(matrix)` takes rows of numbers from -1 (blue) to 1 (yellow).
export function mosaic({ title, down, across, pick }) {
  const canvas = el("canvas", { role: "img", "aria-label": title });
  const cross = ["edge", "middle"].map((name) => svg("path", { class: name }));
  const lines = svg("svg", { class: "over", preserveAspectRatio: "none", "aria-hidden": "true" }, ...cross);
  const left = el("div", { class: "down", "aria-hidden": "true" });
  const below = el("div", { class: "across", "aria-hidden": "true" });
  const field = el("div", { class: "field" }, canvas, lines);
  let [rows, columns] = [0, 0];

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (place, size, count) => Math.max(0, Math.min(count - 1, Math.floor((place / size) * count)));
    pick(cell(event.clientY - box.top, box.height, rows), cell(event.clientX - box.left, box.width, columns));
  };
  set(field, {
    onpointerdown: (event) => { field.setPointerCapture(event.pointerId); at(event); },
    onpointermove: (event) => { if (event.buttons) at(event); },
  });

  function scale(box, count, name, side) {
    const step = [4, 8, 16, 32].find((s) => count / s <= 5) ?? 64;
    const ticks = Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
    box.replaceChildren(
      ...ticks.map((tick) => el("span", { style: `${side}: ${share(tick, count)}` }, String(tick))),
      el("span", { class: "name" }, name));
  }

  return {
    node: el("figure", { class: "mosaic" }, el("figcaption", {}, title), left, field, below),
    update(matrix) {
      if (rows !== matrix.length || columns !== matrix[0].length) {
        [rows, columns] = [matrix.length, matrix[0].length];
        set(canvas, { width: columns, height: rows });
        set(lines, { viewBox: `0 0 ${columns} ${rows}` });
        scale(left, rows, down, "top");
        scale(below, columns, across, "left");
      }
      const context = canvas.getContext("2d");
      const image = context.createImageData(columns, rows);
      matrix.forEach((row, i) => row.forEach((value, j) => {
        const colour = COLOURS[Math.round(127.5 * (Math.max(-1, Math.min(1, value)) + 1))];
        image.data.set(colour, 4 * (i * columns + j));
        image.data[4 * (i * columns + j) + 3] = 255;
      }));
      context.putImageData(image, 0, 0);
    },
    choose(row, column) {
      const d = `M0 ${row}H${columns}M0 ${row + 1}H${columns}M${column} 0V${rows}M${column + 1} 0V${rows}`;
      for (const path of cross) path.setAttribute("d", d);
    },
  };
}

// What the colours mean.
export function colourScale() {
  const colours = Array.from({ length: 9 }, (_, i) => shade(i / 8)).join(", ");
  return el("p", { class: "colour-scale" }, fixed(-1, 0),
    el("span", { style: `background: linear-gradient(to right, ${colours})` }), "1");
}
