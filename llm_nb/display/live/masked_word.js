// BERT's first task (Devlin et al. 2019, section 3.1): a word is hidden, what could have stood there?
// The model's answer beside the truth, which the microworld knows; both were computed in Python for
// every place: [ids, model's probabilities, true ones, [bits of all others among themselves, twice]].

import { choice, controls, el, fixed, set, summary } from "./kit.js";
import { entropy } from "./numbers.js";

const MASK = "[MASK]";
const WAYS = [
  ["one", "this word"],
  ["next", "this word and the next"],
  ["every", "every mention of it"],
];

// What the listed probabilities leave to all others.
export function rest(probs) {
  return Math.max(0, 1 - probs.reduce((sum, p) => sum + p, 0));
}

// Entropy in bits where all others are one mass that has `spread` bits inside (Shannon 1948, section
// 6: choosing in two steps costs what choosing at once does).
export function groupedEntropy(probs, spread) {
  const others = rest(probs);
  return entropy([...probs, others]) + others * spread;
}

// What the word that stood there costs, in bits.
export function surprise(p) {
  return -Math.log2(p);
}

// Which places are hidden when `at` is chosen, and what is known of each: [{ place, entry }]. One that
// Python left out, as too many stories might fit, is null.
export function hide(story, at, way) {
  if (way === "next") {
    const first = Math.min(at, story.next.length - 1);
    return story.next[first]?.map((entry, i) => ({ place: first + i, entry })) ?? null;
  }
  const token = story.tokens[at];
  if (way === "every" && story.tokens.filter((other) => other === token).length > 1) {
    const group = story.every.find(({ places }) => places.includes(at));
    return group ? group.places.map((place, i) => ({ place, entry: group.entries[i] })) : null;
  }
  return story.one[at] && [{ place: at, entry: story.one[at] }];
}

// The places of a story's sentences: [[0, 1, 2], [3, …], …]; `stop` is the id of the full stop.
export function sentences(tokens, stop) {
  const found = [[]];
  tokens.forEach((token, place) => {
    if (found.at(-1).length && tokens[place - 1] === stop) found.push([]);
    found.at(-1).push(place);
  });
  return found;
}

export function mount(root, data) {
  const { words, stories } = data;
  const stop = words.indexOf(".");
  let story = stories[0];
  let at = story.start;
  let buttons = [];

  const opening = ({ tokens }) => tokens.slice(0, 4).map((token) => words[token]).join(" ");
  const which = choice("Story", stories.map((one, i) => [String(i), `${i + 1}: ${opening(one)} …`]), "0", () => {
    story = stories[Number(which.value)];
    at = story.start;
    write();
    update();
  });
  const way = choice("Hide", WAYS, "one", update);
  const text = el("div", { class: "story", role: "group", "aria-label": "Words of the story: choose one to hide it; the arrow keys move" });
  const guide = el("p", { class: "hint" }, "Click a word to hide it, or move with the arrow keys and press Enter. The true word is marked. The upper bar of a word is the model’s, the lower one, hatched, the truth: how likely the word is among all stories of the language that have the words you see.");
  const panels = el("div", { class: "columns" });
  const said = summary();

  // One stop of the tab key for all words: the arrow keys move among them.
  function move(event) {
    const last = buttons.length - 1;
    const here = buttons.indexOf(event.target);
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
    if (to === undefined || here < 0) return;
    event.preventDefault();
    const next = buttons[Math.max(0, Math.min(last, to))];
    buttons.forEach((button) => { button.tabIndex = button === next ? 0 : -1; });
    next.focus();
  }
  text.addEventListener("keydown", move);

  function write() {
    buttons = story.tokens.map((_, place) =>
      el("button", { type: "button", class: "piece", onclick: () => { at = place; update(); } }));
    const lines = sentences(story.tokens, stop).map((places) =>
      el("span", { class: "sentence" }, ...places.map((place) => buttons[place])));
    text.replaceChildren(...lines);
  }

  function update() {
    const hidden = hide(story, at, way.value);
    const gone = new Set((hidden ?? []).map(({ place }) => place));
    buttons.forEach((button, place) => {
      const word = words[story.tokens[place]];
      button.textContent = gone.has(place) ? MASK : word;
      button.setAttribute("aria-pressed", String(gone.has(place)));
      set(button, { "aria-label": gone.has(place) ? `${MASK}, hides ${word}` : null });
      button.classList.toggle("chosen", place === at);
      button.tabIndex = place === at ? 0 : -1;
    });
    if (!hidden) {
      panels.replaceChildren();
      const word = words[story.tokens[at]];
      const without = { one: `“${word}”`, next: `“${word}” and its neighbour`, every: `any “${word}”` }[way.value];
      const instead = way.value === "one" ? "another word" : "this word alone";
      said.say(`Without ${without} too many stories of the language might fit to count them all: hide ${instead}.`);
      return;
    }
    // Of a word's many mentions, the one that was chosen.
    const shown = way.value === "every" ? hidden.filter(({ place }) => place === at) : hidden;
    panels.replaceChildren(...shown.map(panel));
    said.say(shown.map(sentence).join(" "));
  }

  function panel({ place, entry: [ids, model, truth, [inModel, inTruth]] }) {
    const word = story.tokens[place];
    const row = (name, p, q, marked) =>
      el("li", { class: marked ? "guess true" : "guess" },
        el("span", { class: "label" }, name, ...(marked ? [el("span", { class: "hint" }, " true")] : [])),
        ...[["model", "BERT", p], ["truth", "the language", q]].flatMap(([kind, whose, share]) => [
          el("span", { class: `bar ${kind}`, style: `--share: ${share}` }),
          el("span", { class: "number" }, el("span", { class: "unseen" }, ` ${whose} `), fixed(share, 3)),
        ]));
    const title = `Word ${place + 1}: “${words[word]}” is hidden`;
    return el("section", { "aria-label": title },
      el("p", { class: "title" }, title),
      el("p", { class: "key", "aria-hidden": "true" },
        el("span", { class: "bar model", style: "--share: 1" }), " BERT ",
        el("span", { class: "bar truth", style: "--share: 1" }), " the language"),
      el("ol", { class: "guesses" },
        ...ids.map((id, i) => row(words[id], model[i], truth[i], id === word)),
        row("all others", rest(model), rest(truth), false)),
      el("table", {},
        el("tr", {}, el("td", {}), el("th", { scope: "col" }, "BERT"), el("th", { scope: "col" }, "the language")),
        line("entropy, bits", groupedEntropy(model, inModel), groupedEntropy(truth, inTruth)),
        line(`“${words[word]}” costs, bits`, ...[model, truth].map((p) => surprise(p[ids.indexOf(word)])))));
  }

  function line(name, ...numbers) {
    return el("tr", {}, el("th", { scope: "row" }, name), ...numbers.map((x) => el("td", {}, fixed(x))));
  }

  function sentence({ place, entry: [ids, model, truth, [inModel, inTruth]] }) {
    const word = words[story.tokens[place]];
    const p = model[ids.indexOf(story.tokens[place])];
    const best = words[ids[0]];
    const guess = best === word ? `BERT guesses it, with ${fixed(p)}` : `BERT guesses “${best}”, with ${fixed(model[0])}, and gives it ${fixed(p)}`;
    const open = groupedEntropy(truth, inTruth);
    const known = open < 5e-3 ? "all other words leave no choice" : `all other words leave ${fixed(open)} bits of choice`;
    return `“${word}”, word ${place + 1}, is hidden: ${guess}, ${fixed(groupedEntropy(model, inModel))} bits of entropy; in truth ${known}.`;
  }

  root.append(controls(which, way), text, guide, said.node, panels);
  write();
  update();
}
