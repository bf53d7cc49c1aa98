// A matrix of shares of 1 as coloured cells.

import { set, svg } from "./kit.js";

// Cividis (Nuñez et al. 2018) at nine steps: even in lightness, the same to every colour vision.
const STEPS = [
  [0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 100, 111], [125, 124, 120],
  [155, 148, 118], [188, 175, 111], [222, 203, 94], [254, 232, 56],
];

// The colour of a share of 1, and whether dark text is readable on it.
export function shade(share) {
  const at = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * (STEPS.length - 1);
  const low = Math.min(Math.floor(at), STEPS.length - 2);
  const mix = STEPS[low].map((c, i) => Math.round(c + (at - low) * (STEPS[low + 1][i] - c)));
  return { fill: `rgb(${mix.join(" ")})`, dark: at > 4.2 };
}

// A matrix of shares of 1 as coloured cells, row names on the left, column names on top. A click on
// a cell calls pick(row, column); the figure must offer native inputs for the same (a screen reader
// gets the title and those). Cells of NaN are hatched: masked. `text(value)` writes into the cells.
export function heat({ title, pick, text = null }) {
  const node = svg("svg", { class: "heat", role: "img", "aria-label": title });
  let drawn = "";
  let cells = [];
  let texts = [];
  const side = 30;
  const frame = svg("rect", { class: "chosen", width: side, height: side });

  function draw(rows, columns) {
    const width = (names) => 8 + 7.2 * Math.max(...names.map((name) => [...name].length));
    const left = width(rows);
    const top = width(columns);
    node.replaceChildren();
    set(node, { viewBox: `0 0 ${left + columns.length * side + 2} ${top + rows.length * side + 2}` });
    node.style.maxWidth = `${left + columns.length * side + 2}px`;
    columns.forEach((name, j) => {
      const x = left + (j + 0.5) * side;
      node.append(svg("text", { transform: `translate(${x + 4} ${top - 6}) rotate(-90)` }, name));
    });
    cells = [];
    texts = [];
    rows.forEach((name, i) => {
      const y = top + i * side;
      node.append(svg("text", { x: left - 6, y: y + side / 2 + 4, "text-anchor": "end" }, name));
      columns.forEach((_, j) => {
        const place = { x: left + j * side + 0.5, y: y + 0.5, width: side - 1, height: side - 1 };
        const cell = svg("rect", pick ? { ...place, onclick: () => pick(i, j) } : place);
        const label = svg("text", { class: "value", x: place.x + side / 2, y: y + side / 2 + 4 });
        cells.push(cell);
        texts.push(label);
        node.append(cell, label);
      });
    });
    node.append(frame);
    frame.place = ([i, j]) => set(frame, { x: left + j * side, y: top + i * side, visibility: "visible" });
  }

  return {
    node,
    update(matrix, rows, columns, chosen = null) {
      const now = JSON.stringify([rows, columns]);
      if (now !== drawn) draw(rows, columns);
      drawn = now;
      matrix.flat().forEach((value, at) => {
        const masked = Number.isNaN(value);
        const { fill, dark } = shade(value);
        cells[at].setAttribute("class", masked ? "masked" : "cell");
        cells[at].style.fill = masked ? "" : fill;
        texts[at].textContent = text && !masked ? text(value) : "";
        texts[at].style.fill = dark ? "#000" : "#fff";
      });
      if (chosen) frame.place(chosen);
      else frame.setAttribute("visibility", "hidden");
    },
  };
}
