// Sets of moments: lists of intervals `{from, to}`, sorted, none touching another.

export function union(intervals) {
  const result = [];
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else if (from < to) result.push({ from, to });
  }
  return result;
}

/** What of `interval` is left without `holes`. */
export function without(interval, holes) {
  let rest = [interval];
  for (const hole of holes) {
    rest = rest.flatMap(({ from, to }) => [
      { from, to: Math.min(to, hole.from) },
      { from: Math.max(from, hole.to), to },
    ]);
    rest = rest.filter(({ from, to }) => from < to);
  }
  return rest;
}

export function overlap(a, b) {
  const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)];
  return from < to ? { from, to } : undefined;
}

export const within = (at, { from, to }) => from <= at && at < to;
