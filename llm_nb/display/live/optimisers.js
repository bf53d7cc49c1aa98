// Surfaces with two parameters, the steps that optimisers take on them as torch.optim takes them,
// and the contour lines of a surface.

import { generator, normal } from "./numbers.js";

// Each: the loss f and its gradient. Python's SURFACES has the same, with maps and places.
export const SURFACES = {
  valley: { f: (x, y) => 0.5 * (x * x + 75 * y * y), gradient: (x, y) => [x, 75 * y] },
  rosenbrock: {
    f: (x, y) => (1 - x) ** 2 + 10 * (y - x * x) ** 2,
    gradient: (x, y) => [2 * (x - 1) - 40 * x * (y - x * x), 20 * (y - x * x)],
  },
  saddle: {
    f: (x, y) => 0.5 * (x * x - y * y) + 0.25 * y ** 4,
    gradient: (x, y) => [x, y ** 3 - y],
  },
  bumpy: {
    f: (x, y) => 0.1 * (x * x + y * y) + 0.3 * (1 - Math.cos(3 * x) * Math.cos(3 * y)),
    gradient: (x, y) => [
      0.2 * x + 0.9 * Math.sin(3 * x) * Math.cos(3 * y),
      0.2 * y + 0.9 * Math.cos(3 * x) * Math.sin(3 * y),
    ],
  },
};

const EPS = 1e-8;

function adam(p, g, state, { rate, beta1, beta2 }) {
  state.t = (state.t ?? 0) + 1;
  state.m = g.map((d, i) => beta1 * (state.m?.[i] ?? 0) + (1 - beta1) * d);
  state.v = g.map((d, i) => beta2 * (state.v?.[i] ?? 0) + (1 - beta2) * d * d);
  const m = state.m.map((x) => x / (1 - beta1 ** state.t)); // both began at 0: without the bias
  const v = state.v.map((x) => x / (1 - beta2 ** state.t));
  return p.map((x, i) => x - (rate * m[i]) / (Math.sqrt(v[i]) + EPS));
}

// One step each: from parameters p, gradient g and the optimiser's own state (changed in place) to
// the new parameters.
export const STEPS = {
  sgd: (p, g, _, { rate }) => p.map((x, i) => x - rate * g[i]),
  momentum: (p, g, state, { rate, momentum }) => {
    state.velocity = g.map((d, i) => momentum * (state.velocity?.[i] ?? 0) + d);
    return p.map((x, i) => x - rate * state.velocity[i]);
  },
  adam,
  adamw: (p, g, state, settings) =>
    adam(p.map((x) => x * (1 - settings.rate * settings.decay)), g, state, settings),
};

// What mini-batches add to the true gradient: `steps` pairs of N(0, level²), the same for everyone.
export function noise(seed, level, steps) {
  const random = generator(seed);
  return Array.from({ length: steps }, () => [level * normal(random), level * normal(random)]);
}

// Where the optimiser `name` goes from `start`: `noises.length` steps, the start included, as
// points { at: [x, y], loss }. It ends early where a number has become too large to compute with.
export function descend(name, { f, gradient }, start, settings, noises) {
  let at = start;
  const state = {};
  const points = [{ at, loss: f(...at) }];
  for (const [dx, dy] of noises) {
    const [gx, gy] = gradient(...at);
    at = STEPS[name](at, [gx + dx, gy + dy], state, settings);
    const loss = f(...at);
    if (!Number.isFinite(loss)) break;
    points.push({ at, loss });
  }
  return points;
}

// How often a step goes against the one before it, by more than a right angle.
export function turns(points) {
  const moves = points.slice(1).map(({ at }, k) => [at[0] - points[k].at[0], at[1] - points[k].at[1]]);
  return moves.slice(1).filter(([x, y], k) => x * moves[k][0] + y * moves[k][1] < 0).length;
}

// Of `rates` the one with the lowest loss after the last step, and the first such; a path that broke
// off counts as infinitely high.
export function bestRate(name, surface, start, settings, noises, rates) {
  let [best, lowest] = [rates[0], Infinity];
  for (const rate of rates) {
    const points = descend(name, surface, start, { ...settings, rate }, noises);
    const loss = points.length > noises.length ? points.at(-1).loss : Infinity;
    if (loss < lowest) [best, lowest] = [rate, loss];
  }
  return best;
}

// The closed outlines of { f < level } on the map x × y, as lists of [x, y]: marching squares on
// `n` × `m` cells. Outside the map f counts as high, so that every outline closes.
export function outlines(f, [x0, x1], [y0, y1], levels, n = 90, m = 64) {
  const [dx, dy] = [(x1 - x0) / n, (y1 - y0) / m];
  const values = Array.from({ length: m + 3 }, (_, j) => Array.from({ length: n + 3 }, (_, i) =>
    (i === 0 || j === 0 || i > n + 1 || j > m + 1 ? Infinity : f(x0 + (i - 1) * dx, y0 + (j - 1) * dy))));
  const clamp = (v, low, high) => Math.max(low, Math.min(high, v));
  return levels.map((level) => {
    const next = new Map(); // an edge that the outline crosses → where, and the next such edge
    // The crossing between grid points (i, j) and (k, l), by linear interpolation.
    const cross = (i, j, k, l) => {
      const [a, b] = [values[j][i], values[l][k]];
      const share = b === Infinity ? 0 : (level - a) / (b - a);
      return [clamp(x0 + (i - 1 + share * (k - i)) * dx, x0, x1), clamp(y0 + (j - 1 + share * (l - j)) * dy, y0, y1)];
    };
    for (let j = 0; j < m + 2; j++) {
      for (let i = 0; i < n + 2; i++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]]; // one way round
        const low = corners.map(([a, b]) => values[b][a] < level);
        for (let s = 0; s < 4; s++) {
          // The outline enters where the corners go from low to high and leaves at the next change.
          if (!low[s] || low[(s + 1) % 4]) continue;
          let e = (s + 1) % 4;
          while (!(!low[e] && low[(e + 1) % 4])) e = (e + 1) % 4;
          const key = (k) => edge(corners[k], corners[(k + 1) % 4], n + 3);
          next.set(key(s), { to: key(e), point: cross(...corners[s], ...corners[(s + 1) % 4]) });
        }
      }
    }
    return rings(next);
  });
}

function edge([i, j], [k, l], width) {
  return 2 * (Math.min(j, l) * width + Math.min(i, k)) + (i === k ? 1 : 0);
}

function rings(next) {
  const found = [];
  while (next.size) {
    const ring = [];
    let at = next.keys().next().value;
    while (next.has(at)) {
      const { to, point } = next.get(at);
      next.delete(at);
      ring.push(point);
      at = to;
    }
    found.push(ring);
  }
  return found;
}
