// From logits to the next token, as generation/sampling.py defines it: temperature, top-k, top-p.

// The distribution that is drawn from, (V). Temperature 0 is greedy; `topK` keeps the k most
// probable; then `topP` keeps the fewest most probable whose probabilities reach p. 0 and 1 (or
// null) leave them out. Of equal logits the one with the smaller id comes first, and exactly k stay.
export function nextTokenProbs(logits, { temperature = 1, topK = null, topP = null } = {}) {
  const V = logits.length;
  const probs = new Float32Array(V);
  if (temperature === 0) {
    probs[best(logits)] = 1;
    return probs;
  }
  const k = topK ? Math.min(topK, V) : V;
  const nucleus = topP !== null && topP < 1;
  let kept = logits.keys();
  if (k < V || nucleus) {
    const order = Uint32Array.from(kept).sort((a, b) => logits[b] - logits[a] || a - b);
    kept = order.subarray(0, k);
  }
  kept = Array.from(kept);
  const top = logits[best(logits)];
  let weights = kept.map((id) => Math.exp((logits[id] - top) / temperature));
  let sum = weights.reduce((a, b) => a + b, 0);
  if (nucleus) {
    let before = 0; // the probability of all that is more probable
    const stays = weights.findIndex((w) => {
      const enough = before >= topP;
      before += w / sum;
      return enough;
    });
    if (stays > 0) weights = weights.slice(0, stays);
    sum = weights.reduce((a, b) => a + b, 0);
  }
  weights.forEach((w, i) => { probs[kept[i]] = w / sum; });
  return probs;
}

// The largest, the first of equals.
export function best(numbers) {
  let at = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] > numbers[at]) at = i;
  return at;
}

// The n largest as [id, value], the smaller id first among equals.
export function largest(numbers, n) {
  const found = [];
  for (let id = 0; id < numbers.length; id++) {
    if (found.length === n && numbers[id] <= found[n - 1][1]) continue;
    let at = found.length;
    while (at > 0 && found[at - 1][1] < numbers[id]) at--;
    found.splice(at, 0, [id, numbers[id]]);
    if (found.length > n) found.pop();
  }
  return found;
}

// One draw: `chance` is a number in [0, 1), as `generator` of numbers.js gives them.
export function sample(probs, chance) {
  let left = chance;
  let last = 0;
  for (let id = 0; id < probs.length; id++) {
    if (probs[id] === 0) continue;
    last = id;
    left -= probs[id];
    if (left < 0) return id;
  }
  return last; // rounding left a little over
}
