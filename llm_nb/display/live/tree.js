// The tree of a beam search: a column for each step, its candidates from the best down.

import { fixed, set, svg } from "./kit.js";
import { begins, same } from "./beams.js";

const WIDE = 138; // a column
const HIGH = 44; // a row
const BOX = { width: 116, height: 34 };

// A click on a candidate calls pick(path); the figure has a list that does the same.
export function treeView({ title, name, pick }) {
  const node = svg("svg", { class: "tree", role: "img", "aria-label": title });

  const left = (depth) => (depth ? 64 + (depth - 1) * WIDE : 0);

  function box(found, depth, row, { greedy, chosen }) {
    const [x, y] = [left(depth), row * HIGH + 6];
    const text = [...name(found.path.at(-1))];
    const p = Math.exp(found.logProb);
    const group = svg("g", {
      class: ["candidate", found.fate, greedy && "greedy", chosen && "chosen"].filter(Boolean).join(" "),
      transform: `translate(${x} ${y})`,
      onclick: () => pick(found.path),
    });
    group.append(
      svg("rect", { ...BOX, rx: 5 }),
      svg("text", { x: 7, y: 14, class: "token" }, text.length > 14 ? `${text.slice(0, 13).join("")}…` : text.join("")),
      svg("text", { x: 7, y: 28, class: "numbers" }, p < 0.005 ? "p <0.01" : `p ${fixed(p)}`),
      svg("text", { x: BOX.width - 7, y: 28, class: "numbers", "text-anchor": "end" }, `Σ ${fixed(found.total)}`),
    );
    if (found.fate === "finished") group.append(svg("rect", { class: "inner", x: 3, y: 3, width: BOX.width - 6, height: BOX.height - 6, rx: 3 }));
    return group;
  }

  function edge([depth, from], to, kind) {
    const x = depth ? left(depth) + BOX.width : 52;
    const [y, end, far] = [from * HIGH + 23, to * HIGH + 23, left(depth + 1)];
    const middle = (x + far) / 2;
    return svg("path", { class: `edge ${kind}`, d: `M${x} ${y}C${middle} ${y} ${middle} ${end} ${far} ${end}` });
  }

  return {
    node,
    // `steps` as far as they are to be seen; `greedy`, `best` and `chosen` are paths.
    update({ steps, start, greedy, best, chosen }) {
      const rows = Math.max(...steps.map(({ candidates }) => candidates.length));
      const [width, height] = [left(steps.length) + BOX.width + 3, rows * HIGH + 6];
      set(node, { viewBox: `-1 0 ${width} ${height}` });
      node.style.width = `${width}px`;
      const middle = (rows - 1) / 2;
      const edges = [];
      const boxes = [svg("text", { x: 48, y: middle * HIGH + 27, class: "token", "text-anchor": "end" }, [...start].length > 6 ? `…${[...start].slice(-5).join("")}` : start)];
      steps.forEach(({ candidates }, depth) => {
        const before = depth ? steps[depth - 1].candidates : [];
        candidates.forEach((found, row) => {
          const parent = found.path.slice(0, -1);
          const from = depth ? before.findIndex(({ path }) => same(path, parent)) : middle;
          const on = begins(best, found.path) ? "best" : found.fate;
          edges.push(edge([depth, from], row, on));
          boxes.push(box(found, depth + 1, row, { greedy: begins(greedy, found.path), chosen: same(found.path, chosen) }));
        });
      });
      node.replaceChildren(...edges.filter((e) => !e.matches(".best")), ...edges.filter((e) => e.matches(".best")), ...boxes);
    },
  };
}
