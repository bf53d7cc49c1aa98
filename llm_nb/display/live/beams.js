// Beam search as generation/beams.py has it, over a tree of next-token log-probabilities: a
// continuation's ids, joined by spaces → its most probable next tokens as [id, log P, true P?].

// Every step extends each of K beams, looks at the 2K best candidates and keeps the K best that go
// on. Those of the best K that meet `stop`, and all of the best K at the last step, are finished:
// they are judged by log P / n ** penalty. The search ends before `length` when K are finished and
// the best that still runs is, at its present length, no better than they are.
//
// Returns { steps, finished }: for each step its `candidates`, best first, each with a `fate`
// ("kept", "finished" or "dropped"), and all that is `finished` by then, best first.
export function search(tree, { beams, length, stop = null, penalty = 1 }) {
  let running = [{ path: [], total: 0, truth: 0 }];
  let finished = [];
  const steps = [];
  for (let n = 1; n <= length; n++) {
    const last = n === length;
    const candidates = running
      .flatMap((parent) => tree[parent.path.join(" ")].map(([id, logProb, truth]) => ({
        path: [...parent.path, id],
        logProb,
        total: parent.total + logProb,
        truth: truth === undefined ? null : parent.truth + Math.log(truth),
        fate: "dropped",
      })))
      .sort((a, b) => b.total - a.total)
      .slice(0, 2 * beams);
    const ended = candidates.slice(0, beams).filter(({ path }) => last || path.at(-1) === stop);
    for (const found of ended) {
      found.fate = "finished";
      found.score = found.total / n ** penalty;
    }
    finished = [...finished, ...ended].sort((a, b) => b.score - a.score).slice(0, beams);
    running = last ? [] : candidates.filter(({ path }) => path.at(-1) !== stop).slice(0, beams);
    for (const found of running) found.fate = "kept";
    steps.push({ candidates, running, finished });
    if (finished.length === beams && running.length) {
      if (running[0].total / n ** penalty <= finished.at(-1).score) break;
    }
  }
  return { steps, finished };
}

export function same(a, b) {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

// Whether `path` begins with, or is, `start`.
export function begins(path, start) {
  return start.length <= path.length && start.every((id, i) => id === path[i]);
}
