// The little linear algebra that several live figures need. Vectors are arrays, matrices arrays of
// rows; everything is computed in double precision and compared with torch in tests/display.

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

// a (n, k) times b (k, m)
export function matmul(a, b) {
  return a.map((row) => b[0].map((_, j) => row.reduce((sum, x, i) => sum + x * b[i][j], 0)));
}

// Logits divided by the temperature, then normalised; a logit of -Infinity gets 0.
export function softmax(logits, temperature = 1) {
  const top = Math.max(...logits);
  const powers = logits.map((x) => Math.exp((x - top) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

// In bits; impossible outcomes count nothing.
export function entropy(probs) {
  return probs.reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);
}

// Layer norm (Ba et al. 2016) of one vector, with the biased variance as in torch.
export function layerNorm(x, gain, bias, eps = 1e-5) {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
  const scale = 1 / Math.sqrt(variance + eps);
  return x.map((v, i) => (v - mean) * scale * gain[i] + bias[i]);
}

// A seeded generator of numbers in [0, 1): mulberry32 (Tommy Ettinger, public domain).
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// One draw of a standard normal from two uniform ones (Box and Muller 1958).
export function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

// What Python's pack() wrote: 16-bit whole numbers in base64 and one scale, as rows or one vector.
export function unpack({ shape, scale, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const numbers = Array.from(new Int16Array(bytes.buffer), (n) => n * scale);
  if (shape.length === 1) return numbers;
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, i) => numbers.slice(i * columns, (i + 1) * columns));
}
