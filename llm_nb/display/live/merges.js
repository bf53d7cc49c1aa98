// Byte-level byte-pair encoding learned before the reader's eyes (Sennrich et al. 2016, section 3.2,
// on bytes as in Radford et al. 2019, section 2.2): what text/bpe.py learns, merge for merge.

import { hex, keyOf, mergePair, pairOf, split, tokenizer } from "./bpe.js";
import { bars, button, calm, choice, controls, el, fixed, legend, oncePerFrame, plot, slider, summary, svg, textField } from "./kit.js";

const bytesOnly = tokenizer([]);

// A text's distinct pre-tokens as ids of bytes, how often each occurs, and which stands where.
export function cut(text) {
  const place = new Map();
  const counts = [];
  const order = split(text).map((word) => {
    if (!place.has(word)) place.set(word, counts.push(0) - 1);
    counts[place.get(word)] += 1;
    return place.get(word);
  });
  return { words: [...place.keys()].map(bytesOnly.encode), counts, order };
}

// How often each pair of neighbours occurs, as a Map from the pair's key.
function pairCounts(words, counts) {
  const found = new Map();
  words.forEach((ids, w) => {
    for (let i = 0; i + 1 < ids.length; i++) {
      const key = keyOf(ids[i], ids[i + 1]);
      found.set(key, (found.get(key) ?? 0) + counts[w]);
    }
  });
  return found;
}

// The pairs as { left, right, count }, the most frequent first; of equals the smaller pair of ids.
export function ranked(words, counts) {
  const entries = [...pairCounts(words, counts)].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return entries.map(([key, count]) => ({ left: pairOf(key)[0], right: pairOf(key)[1], count }));
}

// Every word so; one that has no such pair is the same array as before.
function mergeAll(words, [left, right], made) {
  return words.map((ids) => (ids.includes(left) && ids.includes(right) ? mergePair(ids, left, right, made) : ids));
}

// The first `limit` merges: each time the most frequent pair, fewer where no pair is left.
export function learn({ words, counts }, limit) {
  const merges = [];
  while (merges.length < limit) {
    let [best, most] = [0, 0];
    for (const [key, count] of pairCounts(words, counts)) {
      if (count > most || (count === most && key < best)) [best, most] = [key, count];
    }
    if (most === 0) break;
    words = mergeAll(words, pairOf(best), 256 + merges.length);
    merges.push(pairOf(best));
  }
  return merges;
}

// The words after 0, 1, 2, … merges; merge i makes the id 256 + i.
export function grow(words, merges) {
  const history = [words];
  merges.forEach((pair, i) => history.push(mergeAll(history[i], pair, 256 + i)));
  return history;
}

// How many tokens the text has with these words.
export function size(words, counts) {
  return words.reduce((sum, ids, w) => sum + ids.length * counts[w], 0);
}

const utf8 = new TextEncoder();
const times = (n) => (n === 1 ? "once" : `${n} times`);
const many = (n, thing) => `${n} ${thing}${n === 1 ? "" : "s"}`;
const TOP = 8;

// Learned from one text, seen in another: what is drawn of each.
function traced(text, merges) {
  const parts = cut(text);
  const history = grow(parts.words, merges);
  const bytes = utf8.encode(text).length;
  return { ...parts, history, bytes, sizes: history.map((words) => size(words, parts.counts)) };
}

export function mount(root, data) {
  let merges = [];
  let names = bytesOnly; // a tokenizer that can show every token learned
  let [own, other] = [null, null];
  let timer = 0;

  const draw = oncePerFrame(update);
  const relearn = oncePerFrame(() => { read(); update(); });
  const example = choice("Example", data.texts.map(({ name }, i) => [String(i), name]), "0", () => {
    const { text, other: second } = data.texts[Number(example.value)];
    [learned.value, seen.value] = [text, second];
    step.value = 0;
    relearn();
  });
  const learned = textField("Text to learn from", data.texts[0].text, relearn, { rows: 3, limit: data.longest });
  const seen = textField("Another text, encoded with the merges learned so far", data.texts[0].other, relearn, { rows: 2, limit: data.longest });
  const step = slider("Merges done", { min: 0, max: data.limit, step: 1, value: data.step, show: (n) => `${n} of ${merges.length}` }, draw);
  const back = button("Back", () => { step.value -= 1; draw(); });
  const forward = button("Merge", () => { step.value += 1; draw(); });
  const play = button("", () => (timer ? stop() : start()));
  const pairs = bars({ title: "The most frequent pairs of neighbouring tokens" });
  const curve = plot({ title: "Bytes per token over the merges", xlabel: "merges done", ylabel: "bytes per token", width: 440, height: 230 });
  const [pairsTitle, ownTitle, otherTitle] = Array.from({ length: 3 }, () => el("p", { class: "row-title" }));
  const tie = el("p", { class: "hint" });
  const bytesHint = el("p", { class: "hint" });
  const [ownTokens, otherTokens] = ["The text in tokens", "The other text in tokens"].map((title) =>
    el("div", { class: "tokens", role: "group", "aria-label": title, tabindex: "0" }));
  const vocabulary = el("ol", { class: "vocabulary", "aria-label": "Tokens learned so far", tabindex: "0" });
  const said = summary();
  forward.classList.add("primary");

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = calm() ? "To the end" : "Play";
  }

  function start() {
    if (calm()) {
      step.value = merges.length;
      draw();
      return;
    }
    if (step.value === merges.length) step.value = 0;
    timer = setInterval(() => {
      step.value += 1;
      if (step.value === merges.length) stop();
      draw();
    }, 600);
    play.textContent = "Pause";
    draw();
  }

  function read() {
    if (timer) stop();
    merges = learn(cut(learned.value), data.limit);
    names = tokenizer(merges.flat());
    [own, other] = [learned, seen].map((field) => traced(field.value, merges));
    step.limit(0, merges.length);
    const rates = [own, other].flatMap(({ bytes, sizes }) => sizes.map((n) => bytes / n)).filter(Number.isFinite);
    curve.frame({ x: [0, Math.max(1, merges.length)], y: [0.9, Math.max(2, ...rates) * 1.05] });
    const strange = learned.value.match(/[^\x00-\x7f]/u);
    bytesHint.hidden = !strange;
    if (strange) {
      const own = [...utf8.encode(strange[0])].map(hex);
      bytesHint.textContent = `“${strange[0]}” is ${own.length} bytes in UTF-8: ${own.join(" ")}. In ⟨ ⟩ stand bytes that are no whole characters by themselves; merges put them together like any others.`;
    }
  }

  function update() {
    const [n, end] = [step.value, merges.length];
    back.disabled = n === 0;
    forward.disabled = n === end;
    play.disabled = end === 0;
    const [left, right] = merges[n] ?? [-1, -1];
    const top = ranked(own.history[n], own.counts);
    const most = top[0]?.count ?? 0;
    pairsTitle.textContent = most ? "Pairs of neighbours now, and how often" : "No pair of neighbours is left.";
    pairs.update(top.slice(0, TOP).map((pair, i) => ({
      label: `${names.show(pair.left)} + ${names.show(pair.right)}`,
      value: pair.count / most, text: String(pair.count), marked: i === 0 && n < end,
    })));
    tie.textContent = tieSaid(top.filter(({ count }) => count === most).length, most);
    write(ownTokens, own, n, left, right);
    write(otherTokens, other, n, left, right);
    ownTitle.textContent = `The text: ${rate(own, n)}`;
    otherTitle.textContent = `The other text: ${rate(other, n)}`;
    listTokens(n);
    trace(n);
    const [first, second] = [left, right].map((id) => (id < 0 ? "" : names.show(id)));
    said.say(!own.bytes ? "Type a text to learn from."
      : `After ${many(n, "merge")} the vocabulary has ${256 + n} tokens, and the text is ${rate(own, n)}. ` +
        (n < end ? `Next comes “${first}” + “${second}”, seen ${times(most)}.`
          : most ? `The figure stops at ${many(end, "merge")}.` : "Every word is one token: no pair is left."));
  }

  function tieSaid(tied, most) {
    if (most === 0) return "";
    const once = most === 1 ? "Every pair that is left occurs once: to go on is to learn this text by heart. " : "";
    return tied === 1 ? once : `${once}${tied} pairs occur ${times(most)}: the one with the smaller ids goes first, so that the order of the texts does not matter.`;
  }

  function rate({ bytes, sizes }, n) {
    return bytes ? `${many(bytes, "byte")} in ${many(sizes[n], "token")}, ${fixed(bytes / sizes[n])} bytes per token` : "empty";
  }

  // A chip for each token, words apart; what the last merge made and what the next will join.
  function write(node, { order, history }, n, left, right) {
    const written = history[n].map((ids) => {
      const kinds = ids.map((id) => (n > 0 && id === 255 + n ? "token made" : "token"));
      for (let i = 0; i + 1 < ids.length; i++) {
        if (ids[i] !== left || ids[i + 1] !== right) continue;
        kinds[i] += " next";
        kinds[++i] += " next";
      }
      return ids.map((id, i) => [names.show(id), kinds[i]]);
    });
    node.replaceChildren(...order.map((w) =>
      el("span", { class: "word" }, ...written[w].map(([text, kind]) => el("span", { class: kind }, text)))));
  }

  function listTokens(n) {
    vocabulary.replaceChildren(...merges.slice(0, n).map(([a, b], i) =>
      el("li", {}, `${256 + i} `, el("b", {}, names.show(256 + i)), ` = ${names.show(a)} + ${names.show(b)}`)).reverse());
    if (n === 0) vocabulary.append(el("li", {}, "none yet: only the 256 bytes"));
  }

  function trace(n) {
    const line = ({ bytes, sizes }, colour, dash) => (bytes ? [
      svg("path", { class: `line c${colour}`, "stroke-dasharray": dash, d: curve.path(sizes.map((size, i) => [i, bytes / size])) }),
      svg("circle", { class: `dot c${colour}`, r: 5, cx: curve.x(n), cy: curve.y(bytes / sizes[n]) }),
    ] : []);
    curve.inside.replaceChildren(...line(own, 1, false), ...line(other, 2, "6 3"));
  }

  stop();
  root.append(
    controls(example),
    learned.node,
    bytesHint,
    controls(back, forward, play, step),
    said.node,
    ownTitle,
    ownTokens,
    el("p", { class: "hint" }, "A dashed line under the pair that comes next, a frame around what the last merge made; “·” is a space. Merge by merge, see frequent words grow together, and find out when the merges no longer help the other text."),
    el("div", { class: "columns" },
      el("div", {}, pairsTitle, pairs.node, tie),
      el("div", {}, curve.node, legend([[1, "the text"], [2, "the other text", "6 3"]]))),
    seen.node,
    otherTitle,
    otherTokens,
    el("p", { class: "row-title" }, "Tokens learned so far, the newest first"),
    vocabulary,
  );
  read();
  update();
}
