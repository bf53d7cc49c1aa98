// A matrix of shares of 1 as coloured cells.

import { set, svg } from "./kit.js";

// Cividis (Nuñez et al. 2018) at nine steps: even in lightness, the same to every colour vision.
const STEPS = [
  [0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 100, 111], [125, 124, 120],
  [155, 148, 118], [188, 175, 111], [222, 203, 94], [254, 232, 56],
];

// The colour of a share of 1: red, green and blue from 0 to 255.
export function mixed(share) {
  const at = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * (STEPS.length - 1);
  const low = Math.min(Math.floor(at), STEPS.length - 2);
  return STEPS[low].map((c, i) => Math.round(c + (at - low) * (STEPS[low + 1][i] - c)));
}

// The same for a style sheet.
export function shade(share) {
  return `rgb(${mixed(share).join(" ")})`;
}

// A name with room for it beside the cells: at most `most` signs.
export function shortened(name, most = 12) {
  const signs = [...name];
  return signs.length > most ? `${signs.slice(0, most - 1).join("")}…` : name;
}

// How wide a name is, in units of the picture: Chinese, Japanese and Korean signs are as wide as high.
function widthOf(name) {
  return [...name].reduce((sum, sign) => sum + (sign >= "\u2e80" ? 12.5 : 7.3), 0);
}

// A matrix of shares of 1 as coloured cells, row names on the left, column names on top. A click on
// a cell calls pick(row, column); the figure must offer native inputs for the same (a screen reader
// gets the title and those). Cells of NaN are grey: masked.
export function heat({ title, pick }) {
  const node = svg("svg", { class: "heat", role: "img", "aria-label": title });
  let drawn = "";
  let cells = [];
  const side = 30;
  const frame = svg("rect", { class: "chosen", width: side, height: side });

  function draw(rows, columns) {
    const room = (names) => 8 + Math.max(...names.map((name) => widthOf(shortened(name))));
    const [left, top] = [room(rows), room(columns)];
    node.replaceChildren();
    set(node, { viewBox: `0 0 ${left + columns.length * side + 2} ${top + rows.length * side + 2}` });
    node.style.maxWidth = `${left + columns.length * side + 2}px`;
    columns.forEach((name, j) => {
      const x = left + (j + 0.5) * side;
      node.append(svg("text", { transform: `translate(${x + 4} ${top - 6}) rotate(-90)` }, shortened(name)));
    });
    cells = [];
    rows.forEach((name, i) => {
      const y = top + i * side;
      node.append(svg("text", { x: left - 6, y: y + side / 2 + 4, "text-anchor": "end" }, shortened(name)));
      columns.forEach((_, j) => {
        const place = { x: left + j * side + 0.5, y: y + 0.5, width: side - 1, height: side - 1 };
        const cell = svg("rect", pick ? { ...place, onclick: () => pick(i, j) } : place);
        cells.push(cell);
        node.append(cell);
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
        cells[at].setAttribute("class", masked ? "masked" : "cell");
        cells[at].style.fill = masked ? "" : shade(value);
      });
      if (chosen) frame.place(chosen);
      else frame.setAttribute("visibility", "hidden");
    },
  };
}
