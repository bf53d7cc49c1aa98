// GPT-2 in the page: the forward pass of models/gpt2.py for one text, a token at a time, with the
// keys and values of all earlier tokens kept. T positions, C = d_model, H heads, d = C / H, L layers.
//
// Plain JavaScript and no runtime, by measurement (benchmarks/in_page.py): onnxruntime-web writes a
// third faster, but 96 tokens a second are more than anyone reads, its 14 MB come on top of the
// weights, it fetches them, which a page opened from disk may not, and a graph hides the heads.

// -- kernels, on typed arrays ----------------------------------------------------------------

// (2): out and x (C); the biased variance, as in torch.
export function layerNorm(out, x, gain, bias, eps) {
  const n = x.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += x[i];
  mean /= n;
  let variance = 0;
  for (let i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean);
  const scale = 1 / Math.sqrt(variance / n + eps);
  for (let i = 0; i < n; i++) out[i] = (x[i] - mean) * scale * gain[i] + bias[i];
}

// out[o] = row o of `weight` (out, in) times x, plus bias[o]. Four rows at once, so that each number
// of x is read once for four products, and no addition waits for the one before: twice as fast.
export function linear(out, x, weight, bias) {
  const n = x.length;
  const rows = out.length;
  let o = 0;
  for (; o + 3 < rows; o += 4) {
    const p = o * n, q = p + n, r = q + n, s = r + n;
    let a = 0, b = 0, c = 0, d = 0;
    for (let i = 0; i < n; i++) {
      const v = x[i];
      a += v * weight[p + i];
      b += v * weight[q + i];
      c += v * weight[r + i];
      d += v * weight[s + i];
    }
    out[o] = a;
    out[o + 1] = b;
    out[o + 2] = c;
    out[o + 3] = d;
  }
  for (; o < rows; o++) {
    let a = 0;
    for (let i = 0, p = o * n; i < n; i++) a += x[i] * weight[p + i];
    out[o] = a;
  }
  if (bias) for (let i = 0; i < rows; i++) out[i] += bias[i];
}

// GPT-2's GELU, the approximation by tanh (Hendrycks & Gimpel 2016), in place.
export function gelu(x) {
  const root = Math.sqrt(2 / Math.PI);
  for (let i = 0; i < x.length; i++) {
    const v = x[i];
    x[i] = 0.5 * v * (1 + Math.tanh(root * (v + 0.044715 * v * v * v)));
  }
}

// In place, over the first n numbers.
export function softmax(x, n = x.length) {
  let top = -Infinity;
  for (let i = 0; i < n; i++) if (x[i] > top) top = x[i];
  let sum = 0;
  for (let i = 0; i < n; i++) sum += x[i] = Math.exp(x[i] - top);
  for (let i = 0; i < n; i++) x[i] /= sum;
}

// One head's weights of position t over positions 0 to t, (4), from queries and keys (T, C); the
// head's numbers begin at column `from` and are `width` many. Causal, since later ones are not read.
export function attentionRow(out, queries, keys, t, C, from, width) {
  const scale = 1 / Math.sqrt(width);
  const q = t * C + from;
  for (let s = 0; s <= t; s++) {
    const k = s * C + from;
    let sum = 0;
    for (let i = 0; i < width; i++) sum += queries[q + i] * keys[k + i];
    out[s] = sum * scale;
  }
  softmax(out, t + 1);
}

// -- the model -------------------------------------------------------------------------------

const FORMAT = 1;

// What web_script of models/web.py wrote → { config, blocks, … } with every matrix as 32-bit
// numbers, each whole number times its row's scale.
export function readModel(file) {
  if (file?.format !== FORMAT) {
    throw new Error(`the weights have format ${file?.format}, and this figure reads ${FORMAT}: export them again`);
  }
  const text = atob(file.weights);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const tensor = (name) => {
    const { shape, at, whole } = file.tensors[name];
    const floats = new Float32Array(bytes.buffer, 4 * at, shape[0]);
    if (whole === undefined) return floats;
    const [rows, columns] = shape;
    const numbers = new Int8Array(bytes.buffer, whole, rows * columns);
    const matrix = new Float32Array(rows * columns);
    for (let r = 0, i = 0; r < rows; r++) {
      for (const end = i + columns; i < end; i++) matrix[i] = numbers[i] * floats[r];
    }
    return matrix;
  };
  const both = (name) => ({ weight: tensor(`${name}.weight`), bias: tensor(`${name}.bias`) });
  const parts = ["ln_1", "attn.qkv", "attn.proj", "ln_2", "fc", "proj"];
  const block = (_, layer) => Object.fromEntries(parts.map((part) => [part, both(`blocks.${layer}.${part}`)]));
  return {
    config: file.config,
    tokens: tensor("wte.weight"),
    positions: tensor("wpe.weight"),
    blocks: Array.from({ length: file.config.n_layers }, block),
    last: both("ln_f"),
  };
}

// A text being read: `feed(id)` goes on by one token, `logits()` are those after the last one, and
// `weights(layer, head, t)` says how position t looked at those up to it. `cut(n)` forgets all but
// the first n tokens.
export function reading(model) {
  const { context, d_model: C, n_heads: H, vocab_size: V, eps } = model.config;
  const width = C / H;
  const room = () => new Float32Array(context * C);
  const past = model.blocks.map(() => ({ q: room(), k: room(), v: room() }));
  const stream = new Float32Array(context * C); // what the last block left, a row a position
  const x = new Float32Array(C);
  const normed = new Float32Array(C);
  const mixed = new Float32Array(C);
  const qkv = new Float32Array(3 * C);
  const hidden = new Float32Array(4 * C);
  const look = new Float32Array(context);
  const scores = new Float32Array(V);
  const ids = [];
  const add = (more) => { for (let i = 0; i < C; i++) x[i] += more[i]; };

  function attend({ q, k, v }, t) {
    mixed.fill(0);
    for (let from = 0; from < C; from += width) {
      attentionRow(look, q, k, t, C, from, width);
      for (let s = 0; s <= t; s++) {
        const weight = look[s];
        for (let i = from, at = s * C + from; i < from + width; i++, at++) mixed[i] += weight * v[at];
      }
    }
  }

  return {
    ids,
    get full() { return ids.length >= context; },
    cut(n) { ids.length = Math.min(n, ids.length); },
    feed(id) {
      const t = ids.length;
      if (t >= context) throw new Error(`the context of ${context} tokens is full`);
      if (!(id >= 0 && id < V)) throw new Error(`id ${id} is outside the vocabulary of ${V}`);
      for (let i = 0; i < C; i++) x[i] = model.tokens[id * C + i] + model.positions[t * C + i]; // (1)
      model.blocks.forEach((block, layer) => {
        const { q, k, v } = past[layer];
        layerNorm(normed, x, block.ln_1.weight, block.ln_1.bias, eps);
        linear(qkv, normed, block["attn.qkv"].weight, block["attn.qkv"].bias); // (3)
        q.set(qkv.subarray(0, C), t * C);
        k.set(qkv.subarray(C, 2 * C), t * C);
        v.set(qkv.subarray(2 * C), t * C);
        attend(past[layer], t); // (4)
        linear(normed, mixed, block["attn.proj"].weight, block["attn.proj"].bias);
        add(normed); // (5)
        layerNorm(normed, x, block.ln_2.weight, block.ln_2.bias, eps);
        linear(hidden, normed, block.fc.weight, block.fc.bias);
        gelu(hidden);
        linear(mixed, hidden, block.proj.weight, block.proj.bias);
        add(mixed); // (6)
      });
      stream.set(x, t * C);
      ids.push(id);
    },
    // (7), of the last token unless another position is named; the array is used again.
    logits(t = ids.length - 1) {
      layerNorm(normed, stream.subarray(t * C, (t + 1) * C), model.last.weight, model.last.bias, eps);
      linear(scores, normed, model.tokens, null);
      return scores;
    },
    weights(layer, head, t) {
      const out = new Float32Array(t + 1);
      attentionRow(out, past[layer].q, past[layer].k, t, C, head * width, width);
      return out;
    },
  };
}
