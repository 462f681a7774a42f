// When the clients of a node that drained were back: in numbers for a test, and as Markdown for people.

/** Counts of the values in `parts` equal parts of the range from `from` to `to`. */
export function parts(values, { from, to, parts: count }) {
  const counts = Array(count).fill(0);
  for (const value of values) {
    const at = Math.floor(((value - from) / (to - from)) * count);
    counts[Math.min(count - 1, Math.max(0, at))] += 1;
  }
  return counts;
}

/** A row a second, a column for each of `columns`, which are `{title, seconds}`; the bars are of all together. */
export function table(columns) {
  const last = Math.max(...columns.flatMap(({ seconds }) => seconds));
  const rows = Array.from({ length: Math.ceil(last + 0.001) }, (_, second) => {
    const counts = columns.map(({ seconds }) => seconds.filter((at) => at >= second && at < second + 1).length);
    const bar = '█'.repeat(Math.round(counts.reduce((sum, count) => sum + count, 0) / columns.length));
    return `| ${second} | ${counts.map((count) => count || '').join(' | ')} | ${bar} |`;
  });
  const head = `| seconds after SIGTERM | ${columns.map(({ title }) => title).join(' | ')} | mean |`;
  return [head, `|--:|${columns.map(() => '--:|').join('')}:--|`, ...rows].join('\n').replace(/ {2,}\|/g, ' |');
}
