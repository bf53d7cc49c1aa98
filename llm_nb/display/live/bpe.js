// Byte-level byte-pair encoding, as text/bpe.py defines it: ids 0 to 255 are the bytes in the order
// of GPT-2's alphabet, then one id a merge, then the special tokens.

// GPT-2's split. Python's \s is Unicode's White_Space; JavaScript's \s is not (U+FEFF, U+0085).
// Letters and digits are those of the browser's Unicode version.
const PATTERN =
  /'(?:s|t|re|ve|m|ll|d)| ?(?:\p{L}+|\p{N}+|[^\p{White_Space}\p{L}\p{N}]+)|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

// The byte of each of the ids 0 to 255: first those that print, then the others.
const BYTES = [...Array(256).keys()].sort((a, b) => prints(b) - prints(a) || a - b);

function prints(byte) {
  return Number((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174);
}

// A pair of neighbouring ids as one number; in the order of these numbers the smaller pair comes first.
const SHIFT = 2 ** 21;
export const keyOf = (left, right) => left * SHIFT + right;
export const pairOf = (key) => [Math.floor(key / SHIFT), key % SHIFT];

// `ids` with every pair left, right replaced by `made`, from left to right.
export function mergePair(ids, left, right, made) {
  const out = [];
  for (let i = 0; i < ids.length; i++) {
    const here = ids[i] === left && ids[i + 1] === right;
    out.push(here ? made : ids[i]);
    if (here) i++;
  }
  return out;
}

// A byte in hexadecimal digits.
export function hex(byte) {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

// A tokenizer from [left, right, left, right, …] in the order learned, and special tokens' strings.
export function tokenizer(merges, specials = []) {
  const idOfByte = new Uint8Array(256);
  BYTES.forEach((byte, id) => { idOfByte[byte] = id; });
  const bytes = BYTES.map((byte) => [byte]);
  const merged = new Map();
  for (let i = 0; i < merges.length; i += 2) {
    merged.set(keyOf(merges[i], merges[i + 1]), bytes.length);
    bytes.push([...bytes[merges[i]], ...bytes[merges[i + 1]]]);
  }
  const ordinary = bytes.length;
  const utf8 = new TextEncoder();
  for (const special of specials) bytes.push([...utf8.encode(special)]);
  const remembered = new Map();

  // The pair of neighbours that was learned first, and what it becomes; null if none is left.
  function firstLearned(ids) {
    let found = null;
    for (let i = 0; i + 1 < ids.length; i++) {
      const id = merged.get(keyOf(ids[i], ids[i + 1]));
      if (id !== undefined && (!found || id < found.id)) found = { id, left: ids[i], right: ids[i + 1] };
    }
    return found;
  }

  function encodeWord(word) {
    if (remembered.has(word)) return remembered.get(word);
    let ids = Array.from(utf8.encode(word), (byte) => idOfByte[byte]);
    for (let next = firstLearned(ids); next; next = firstLearned(ids)) ids = mergePair(ids, next.left, next.right, next.id);
    if (remembered.size < 10_000) remembered.set(word, ids);
    return ids;
  }

  function tokenBytes(id) {
    if (!bytes[id]) throw new Error(`id ${id} is outside the vocabulary: ids run from 0 to ${bytes.length - 1}`);
    return bytes[id];
  }

  return {
    special: (text) => ordinary + specials.indexOf(text),
    split,
    // A special token's string in the text is ordinary text, as in Python.
    encode: (text) => split(text).flatMap(encodeWord),
    // Bytes that are no UTF-8 become U+FFFD; `open` keeps back a character that has only begun.
    decode(ids, open = false) {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      return decoder.decode(Uint8Array.from([...ids].flatMap(tokenBytes)), { stream: open });
    },
    // One token for the eye: its text, or its bytes in hex where they are no whole characters.
    show(id) {
      const own = Uint8Array.from(tokenBytes(id));
      try {
        return visible(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(own));
      } catch {
        return `⟨${Array.from(own, hex).join(" ")}⟩`;
      }
    },
  };
}

// Pre-tokens; together they are the text.
export function split(text) {
  return text.match(PATTERN) ?? [];
}

// Blanks and controls as signs, so that a token's edges are seen.
export function visible(text) {
  return text
    .replaceAll("\n", "↵")
    .replaceAll("\t", "→")
    .replaceAll(" ", "·")
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}
