// Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1) over the reader's own sentence,
// with the vectors and one layer's projections of a trained GPT-2; words that it does not know get
// a vector made from their letters.

import { heat } from "./heatmap.js";
import { bars, choice, controls, el, fixed, oncePerFrame, slider, summary, textField } from "./kit.js";
import { best } from "./sampling.js";
import { dot, entropy, generator, layerNorm, matmul, normal, softmax, unpack } from "./numbers.js";

export const MASKS = {
  causal: (i, j) => j <= i,
  window: (i, j) => j <= i && i - j < 3,
  none: () => true,
};

// Words, numbers and single marks, at most `limit` of them.
export function cut(text, limit) {
  return (text.match(/\p{L}+|\p{N}+|[^\s\p{L}\p{N}]/gu) ?? []).slice(0, limit);
}

// The layer's input for each piece: layer norm of token plus position vector, (T, C).
export function inputs(pieces, { vocabulary, tokens, positions, gain, bias, spread }) {
  const invented = (piece) => {
    let seed = 2166136261; // FNV-1a over the letters: the same word, the same vector
    for (const letter of piece) seed = Math.imul(seed ^ letter.codePointAt(0), 16777619);
    const random = generator(seed);
    return tokens[0].map(() => spread * normal(random));
  };
  return pieces.map((piece, t) => {
    const known = vocabulary.indexOf(piece);
    const token = known < 0 ? invented(piece) : tokens[known];
    return layerNorm(token.map((x, c) => x + positions[t][c]), gain, bias);
  });
}

// x (T, C) times one head's matrix (C, d) plus its bias (d).
export function project(x, { weight, bias }) {
  return matmul(x, weight).map((row) => row.map((v, c) => v + bias[c]));
}

// softmax(q kᵀ / (√d τ)) v for q, k, v (T, d): scores with -Infinity where the mask forbids looking,
// weights (T, T) and outputs (T, d).
export function attend(q, k, v, allowed, temperature = 1) {
  const root = Math.sqrt(q[0].length);
  const scores = q.map((a, i) => k.map((b, j) => (allowed(i, j) ? dot(a, b) / root : -Infinity)));
  const weights = scores.map((row) => softmax(row, temperature));
  return { scores, weights, outputs: matmul(weights, v) };
}

// The layer that Python's attention_data packed; each head has projections for q, k and v.
export function layerOf(data) {
  const parts = ["tokens", "positions", "gain", "bias"].map((name) => [name, unpack(data[name])]);
  const numbers = parts[0][1].flat();
  return {
    vocabulary: data.vocabulary,
    ...Object.fromEntries(parts),
    spread: Math.sqrt(dot(numbers, numbers) / numbers.length), // of the token vectors' numbers
    heads: data.heads.map((head) =>
      head.map(({ weight, bias }) => ({ weight: unpack(weight), bias: unpack(bias) }))),
  };
}

export function mount(root, data) {
  const model = layerOf(data);
  const heads = model.heads;
  let pieces = [];
  let at = [data.start.query, data.start.key]; // the cell that is explained: query, key

  const draw = oncePerFrame(update);
  const sentence = textField("Your sentence", data.sentence, () => { read(); draw(); }, { limit: 160 });
  const head = choice("Head", heads.map((_, h) => [String(h), `head ${h + 1}`]), String(data.start.head), draw);
  const mask = choice("Mask", [["causal", "causal: no look ahead"], ["window", "causal, three words wide"], ["none", "none"]], "causal", draw);
  const temperature = slider("Temperature τ", { min: 0.1, max: 4, step: 0.1, value: 1, show: (x) => fixed(x, 1) }, draw);
  const query = choice("Who looks (query)", [], "", () => { at = [Number(query.value), at[1]]; draw(); });
  const key = choice("At what (key)", [], "", () => { at = [at[0], Number(key.value)]; draw(); });
  const matrix = heat({ title: "Attention weights: a row for each word that looks", pick: (i, j) => { at = [i, j]; draw(); } });
  const row = bars({ title: "Weights of the chosen row" });
  const rowTitle = el("p", { class: "row-title" });
  const products = el("table", { class: "products" });
  const steps = el("p", { class: "steps" });
  const strange = el("p", { class: "hint" });
  const guide = el("p", { class: "hint" }, "A row for each word that looks, a column for each that is looked at; blue is little, yellow is much. Click a cell for its arithmetic.");
  const said = summary();

  function read() {
    pieces = cut(sentence.value, data.limit);
    const names = pieces.map((piece, i) => [String(i), `${i + 1} ${piece}`]);
    const last = Math.max(0, pieces.length - 1);
    at = at.map((place) => Math.min(place, last));
    query.fill(names, String(at[0]));
    key.fill(names, String(at[1]));
    const unknown = [...new Set(pieces.filter((piece) => !model.vocabulary.includes(piece)))];
    strange.textContent = unknown.length
      ? `Not in the model’s ${model.vocabulary.length} words, so with a vector made from the letters: ${unknown.join(", ")}.`
      : "The model knows all of these words.";
  }

  function update() {
    for (const part of [guide, rowTitle, row.node, products, steps]) part.hidden = !pieces.length;
    matrix.node.style.display = pieces.length ? "" : "none";
    if (!pieces.length) {
      said.say("Type a sentence to see its attention.");
      return;
    }
    const x = inputs(pieces, model);
    const [q, k, v] = heads[Number(head.value)].map((part) => project(x, part));
    const { scores, weights } = attend(q, k, v, MASKS[mask.value], temperature.value);
    const shown = weights.map((line, i) => line.map((w, j) => (scores[i][j] === -Infinity ? NaN : w)));
    matrix.update(shown, pieces, pieces, at);
    const [i, j] = at;
    query.value = String(i);
    key.value = String(j);
    rowTitle.textContent = `“${pieces[i]}” takes from`;
    row.update(pieces.map((piece, s) => ({
      label: piece, value: weights[i][s], marked: s === j,
      text: scores[i][s] === -Infinity ? "masked" : fixed(weights[i][s]),
    })));
    explain(q[i], k[j], scores[i], weights[i]);
    const most = best(weights[i]);
    const open = scores[i].filter((x) => x > -Infinity).length;
    said.say(
      `In head ${Number(head.value) + 1}, “${pieces[i]}” looks most at “${pieces[most]}”, with ${fixed(weights[i][most])} of its weight; ` +
      `its row has ${fixed(entropy(weights[i]))} bits of at most ${fixed(Math.log2(open))}.`,
    );
  }

  function explain(a, b, scores, weights) {
    const [i, j] = at;
    const cells = (name, numbers) => el("tr", {}, el("th", { scope: "row" }, name), ...numbers.map((x) => el("td", {}, fixed(x))));
    products.replaceChildren(
      cells("q", a),
      cells("k", b),
      cells("q × k", a.map((x, c) => x * b[c])),
    );
    const total = dot(a, b);
    const d = a.length;
    const masked = scores[j] === -Infinity;
    steps.textContent =
      `“${pieces[i]}” to “${pieces[j]}”: the products sum to ${fixed(total)}; divided by √${d} that is ${fixed(total / Math.sqrt(d))}` +
      (masked
        ? ". The mask forbids this look, so the score becomes −∞ and the weight 0."
        : `, divided by τ = ${fixed(temperature.value, 1)} it is ${fixed(total / Math.sqrt(d) / temperature.value)}; ` +
          `the softmax of the row makes it ${fixed(weights[j], 3)}.`);
  }

  root.append(
    sentence.node,
    strange,
    controls(head, mask, temperature),
    said.node,
    el("div", { class: "columns" }, el("div", {}, matrix.node, guide), el("div", {}, rowTitle, row.node)),
    controls(query, key),
    steps,
    el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Products of query and key" }, products),
  );
  read();
  update();
}
