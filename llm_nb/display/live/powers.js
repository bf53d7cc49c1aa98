// Powers of ten: the numbers of axes that are logarithmic, and numbers too small or large to read.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// 10⁻³ for -3
export function powerOfTen(exponent) {
  return `10${[...String(exponent)].map((c) => RAISED[c]).join("")}`;
}

// 0.042 as it is, 0.000042 as 4.2×10⁻⁵: two significant digits, or `digits`.
export function scientific(x, digits = 2) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not a number" : x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const sign = x < 0 ? "−" : "";
  if (size === 0 || (size >= 1e-3 && size < 1e5)) return sign + String(Number(size.toPrecision(digits)));
  const [front, exponent] = size.toExponential(digits - 1).split("e");
  return `${sign}${front}×${powerOfTen(Number(exponent))}`;
}

// Whole exponents from `low` to `high`, at most about `count` of them.
export function exponents(low, high, count = 7) {
  const step = [1, 2, 3, 5, 10, 20, 50, 100, 200].find((s) => (high - low) / s <= count) ?? 500;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((high - first) / step) + 1) }, (_, i) => first + i * step);
}
