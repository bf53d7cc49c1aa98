// One layer of an RNN, an LSTM or a GRU, weights as in torch.nn (gates under one another, in its
// order), and backpropagation through time to every state and input.
//
//     D inputs · d units · G gates    w_ih (G·d, D), w_hh (G·d, d), b_ih and b_hh (G·d)

import { dot } from "./numbers.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const affine = (weight, x, bias) => weight.map((row, k) => dot(row, x) + bias[k]);
// The transpose of `weight` times v: what a gradient before a product makes of one after it.
const back = (weight, v) => weight[0].map((_, j) => weight.reduce((sum, row, k) => sum + row[j] * v[k], 0));
const map = (f, ...vectors) => vectors[0].map((_, k) => f(...vectors.map((v) => v[k])));

// One step from the state { h, c } to the next, with every gate (d) on the way. c is the LSTM's.
export const CELLS = {
  rnn: (w, x, { h }) => ({ h: map((a, b) => Math.tanh(a + b), affine(w.w_ih, x, w.b_ih), affine(w.w_hh, h, w.b_hh)) }),
  lstm: (w, x, { h, c: before }) => {
    const z = map((a, b) => a + b, affine(w.w_ih, x, w.b_ih), affine(w.w_hh, h, w.b_hh));
    const d = h.length;
    const [i, f, o] = [0, 1, 3].map((k) => z.slice(k * d, (k + 1) * d).map(sigmoid));
    const g = z.slice(2 * d, 3 * d).map(Math.tanh);
    const c = map((f, c, i, g) => f * c + i * g, f, before, i, g);
    return { i, f, g, o, c, h: map((o, c) => o * Math.tanh(c), o, c) };
  },
  gru: (w, x, { h }) => {
    const d = h.length;
    const part = (v) => [0, 1, 2].map((k) => v.slice(k * d, (k + 1) * d));
    const [x_r, x_z, x_n] = part(affine(w.w_ih, x, w.b_ih));
    const [h_r, h_z, h_n] = part(affine(w.w_hh, h, w.b_hh));
    const r = map((a, b) => sigmoid(a + b), x_r, h_r);
    const z = map((a, b) => sigmoid(a + b), x_z, h_z);
    const n = map((a, r, b) => Math.tanh(a + r * b), x_n, r, h_n);
    return { r, z, n, h_n, h: map((z, n, h) => (1 - z) * n + z * h, z, n, h) };
  },
};

// All states along the inputs xs (T, D), the zero state first: T + 1 of them.
export function run(cell, w, xs) {
  const zero = w.w_hh[0].map(() => 0);
  const states = [cell === "lstm" ? { h: zero, c: zero } : { h: zero }];
  for (const x of xs) states.push(CELLS[cell](w, x, states.at(-1)));
  return states;
}

// One step backwards: from the gradients of something with respect to `now`'s h (and c, all ways
// counted) to those of the step before, { h, c, x }; c of what comes through `now` only.
const BACK = {
  rnn: (w, before, now, { h }) => {
    const z = map((d, h) => d * (1 - h * h), h, now.h);
    return { h: back(w.w_hh, z), x: back(w.w_ih, z) };
  },
  lstm: (w, before, { i, f, g, o, c }, grad) => {
    const z = [
      ...map((d, g, i) => d * g * i * (1 - i), grad.c, g, i),
      ...map((d, c, f) => d * c * f * (1 - f), grad.c, before.c, f),
      ...map((d, i, g) => d * i * (1 - g * g), grad.c, i, g),
      ...map((d, c, o) => d * Math.tanh(c) * o * (1 - o), grad.h, c, o),
    ];
    return { h: back(w.w_hh, z), c: map((d, f) => d * f, grad.c, f), x: back(w.w_ih, z) };
  },
  gru: (w, before, { r, z, n, h_n }, { h }) => {
    const at_n = map((d, z, n) => d * (1 - z) * (1 - n * n), h, z, n);
    const at_r = map((d, b, r) => d * b * r * (1 - r), at_n, h_n, r);
    const at_z = map((d, h, n, z) => d * (h - n) * z * (1 - z), h, before.h, n, z);
    const through = back(w.w_hh, [...at_r, ...at_z, ...map((d, r) => d * r, at_n, r)]);
    return { h: map((d, z, b) => d * z + b, h, z, through), x: back(w.w_ih, [...at_r, ...at_z, ...at_n]) };
  },
};

// From c_t to h_t = o ⊙ tanh c_t: what reaches c through the same step's h.
const intoCell = (state, grad) => map((c, h, o, s) => c + h * o * (1 - Math.tanh(s) ** 2), grad.c, grad.h, state.o, state.c);

// The Jacobians of the last h with respect to every h, c and x, a row for each unit of the last h:
// { h, c } of (T + 1, d, d), x (T, d, D). As autograd has them: h_t with c_t held, c_t all ways.
export function jacobians(cell, w, xs, states = run(cell, w, xs)) {
  const T = xs.length;
  const found = { h: states.map(() => []), c: states.map(() => []), x: xs.map(() => []) };
  for (let k = 0; k < w.w_hh[0].length; k++) {
    const zero = w.w_hh[0].map(() => 0);
    let grad = { h: zero.map((_, j) => (j === k ? 1 : 0)), c: zero };
    for (let t = T; t >= 0; t--) {
      if (cell === "lstm" && t > 0) grad.c = intoCell(states[t], grad);
      found.h[t].push(grad.h);
      if (cell === "lstm") found.c[t].push(grad.c);
      if (t === 0) break;
      const next = BACK[cell](w, states[t - 1], states[t], grad);
      found.x[t - 1].push(next.x);
      grad = next;
    }
  }
  return found;
}

// Their Euclidean (Frobenius) lengths along the sequence.
export function lengths(matrices) {
  return matrices.map((rows) => Math.hypot(...rows.flat()));
}
