// The part of decoding.js that searches: width, length, penalty, the tree a step at a time, and the
// ranking of what was found.

import { same, search } from "./beams.js";
import { button, choice, controls, el, fixed, slider, summary } from "./kit.js";
import { scientific } from "./powers.js";
import { treeView } from "./tree.js";

// A probability given by its logarithm, with two digits.
export function chance(logProb) {
  const p = Math.exp(logProb);
  if (p === 0 || p >= 0.001) return fixed(p, p < 0.01 ? 4 : p < 0.1 ? 3 : 2);
  return scientific(p);
}

export function beamPanel(data, name, changed) {
  const { widest: WIDEST, longest: LONGEST } = data;
  let prompt = null;
  let chosen = []; // the path of the candidate whose arithmetic is shown
  let steps = 0; // of the search as it is set

  const searched = () => {
    step.limit(1, LONGEST);
    step.value = LONGEST;
    chosen = [];
    changed();
  };
  const stepped = (by) => {
    step.value = step.value + by;
    chosen = [];
    update();
    view.scrollLeft = view.scrollWidth; // the newest column, where not all have room
  };
  const width = slider("Beam width K", { min: 1, max: WIDEST, step: 1, value: 3, show: (k) => (k === 1 ? "1: greedy" : String(k)) }, searched);
  const length = slider("Tokens at most", { min: 1, max: LONGEST, step: 1, value: LONGEST }, searched);
  const penalty = slider("Length penalty α", { min: 0, max: 2, step: 0.1, value: 0, show: (x) => fixed(x, 1) }, searched);
  const step = slider("Step", { min: 1, max: LONGEST, step: 1, value: LONGEST, show: (n) => `${n} of ${steps}` }, () => stepped(0));
  const back = button("Back", () => stepped(-1));
  const forth = button("Forward", () => stepped(1));
  const candidate = choice("Candidate", [], "", (value) => { chosen = value.split(" ").map(Number); changed(); });
  const said = summary();
  const tree = treeView({ title: "The candidates of every step, the best on top", name, pick: (path) => { chosen = path; changed(); } });
  const view = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Tree of the beam search" }, tree.node);
  const sum = el("p", { class: "steps" });
  const body = el("tbody");
  const head = el("tr");
  const ranking = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Ranking" }, el("table", { class: "ranking" }, el("thead", {}, head), body));
  const node = el("section", { class: "panel" },
    controls(width, length, penalty), said.node,
    controls(back, forth, step), view,
    el("ul", { class: "fates" }, ...[["kept", "goes on"], ["finished", "finished"], ["dropped", "dropped"], ["greedy", "greedy’s way"]].map(([kind, text]) => el("li", {}, el("span", { class: `swatch ${kind}` }), text))),
    controls(candidate), sum, ranking,
    el("p", { class: "hint" }, "Go back to step 1 and forward again: where does greedy’s first token fall behind? Then try each width; a wider search may find a better end and never looks at more than 2K candidates a step." +
      (data.stop === null
        ? " No token ends these continuations: all have the same length, so a length penalty would change nothing."
        : ` A continuation ends with “${name(data.stop)}”, so they differ in length: raise α and see longer ones win.`)),
  );
  penalty.disabled = data.stop === null;

  const written = (path) => path.map(name).join(data.joint);
  const find = (done, path) => done.steps.flatMap(({ candidates }) => candidates).find((found) => same(found.path, path));

  function update() {
    const options = { length: length.value, stop: data.stop, penalty: penalty.value };
    const done = search(prompt.tree, { ...options, beams: width.value });
    const greedy = search(prompt.tree, { ...options, beams: 1 }).finished[0];
    const best = done.finished[0];
    steps = done.steps.length;
    step.limit(1, steps);
    const at = step.value;
    const shown = done.steps.slice(0, at);
    back.disabled = at === 1;
    forth.disabled = at === steps;
    if (!find({ steps: shown }, chosen)) chosen = (at === steps ? best : shown.at(-1).candidates[0]).path;
    const lists = shown.flatMap(({ candidates }, i) => candidates.map(({ path }) => [path.join(" "), `step ${i + 1}: ${written(path)}`]));
    candidate.fill(lists, chosen.join(" "));
    tree.update({ steps: shown, start: name(prompt.id), greedy: greedy.path, best: at === steps ? best.path : [], chosen });
    explain(find(done, chosen), shown.at(-1).finished);
    rank(shown.at(-1), greedy, at === steps);
    const times = Math.exp(best.total - greedy.total);
    said.say(
      (width.value === 1
        ? `Greedy search takes the most probable token ${steps} times: `
        : `The best that ${width.value} beams find in ${steps} steps: `) +
      `“${written(best.path)}”, log P ${fixed(best.total)}, probability ${chance(best.total)}.` +
      (width.value === 1 ? "" : same(best.path, greedy.path)
        ? " Greedy search finds the same."
        : ` Greedy search ends with “${written(greedy.path)}”, log P ${fixed(greedy.total)}: ` +
          (times >= 1 ? `${fixed(times, 1)} times less probable` : `${fixed(1 / times, 1)} times more probable, but with a lower score`) +
          `${best.path[0] === greedy.path[0] ? "" : `, though its first token, “${name(greedy.path[0])}”, is the more probable one`}.`),
    );
  }

  function explain(found, finished) {
    const parts = found.path.map((_, i) => prompt.tree[found.path.slice(0, i).join(" ")].find(([id]) => id === found.path[i])[1]);
    const n = parts.length;
    sum.textContent =
      `“${written(found.path)}”: ${parts.map((x) => `(${fixed(x)})`).join(" + ")} = log P = ${fixed(found.total)}` +
      (found.fate === "finished"
        ? `; finished with ${n} ${n === 1 ? "token" : "tokens"}, so its score, log P / n^α, is ${fixed(found.total)} / ${n}^${fixed(penalty.value, 1)} = ${fixed(found.score, 3)}` +
          (finished.includes(found) ? "." : `; ${finished.length} better ones are finished by now.`)
        : found.fate === "kept" ? "; among the best, so it goes on." : "; not among the best of this step: dropped.");
  }

  function rank({ finished, running }, greedy, end) {
    const known = prompt.truth !== undefined;
    head.replaceChildren(...["rank", "continuation", "tokens", "log P", "P", "score", ...(known ? ["P in the language"] : [])].map((text) => el("th", { scope: "col" }, text)));
    const row = (place, found, kind) => el("tr", { class: kind }, el("td", {}, place), el("th", { scope: "row" }, written(found.path)),
      ...[String(found.path.length), fixed(found.total), chance(found.total), found.score === undefined ? "" : fixed(found.score, 3), ...(known ? [found.truth === -Infinity ? "never" : chance(found.truth)] : [])].map((text) => el("td", {}, text)));
    const rows = finished.map((found, i) => row(`${i + 1}`, found, "finished"));
    if (!end) rows.push(...running.map((found) => row("goes on", found, "running")));
    if (end && !finished.some(({ path }) => same(path, greedy.path))) rows.push(row("greedy", greedy, "greedy"));
    body.replaceChildren(...rows);
  }

  return {
    node,
    update,
    read(one) {
      prompt = one;
      chosen = [];
      searched();
    },
  };
}
