// What processes cost: CPU seconds and resident memory from /proc, and what the servers say of themselves.
import { readFileSync, readdirSync } from 'node:fs';

const TICKS = 100; // a second, on every Linux that we know
const PAGE = 4096;

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
    return { parent: fields[1], own: (fields[11] + fields[12]) / TICKS, children: (fields[13] + fields[14]) / TICKS, rss: fields[21] * PAGE };
  } catch {
    return undefined; // it has just ended
  }
}

/** CPU seconds of a process so far; `family`: with its children, those that ended included. */
export function cpu(pid, { family = false } = {}) {
  const own = stat(pid);
  if (!family) return own.own;
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(stat);
  const children = others.filter((other) => other?.parent === pid);
  return own.own + own.children + children.reduce((sum, child) => sum + child.own, 0);
}

export const rss = (pid) => stat(pid).rss;

/** The most memory that a process had so far. */
export const peak = (pid) => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;

/** All series of a node, by name with labels. */
export async function scrape(opsUrl) {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

/** The bucket of a histogram below which `share` of what came between two scrapes lies. */
export function quantile(share, name, labels, before, after) {
  const prefix = `${name}_bucket{${labels},le="`;
  const buckets = [...after.keys()].filter((key) => key.startsWith(prefix));
  const counts = buckets.map((key) => [Number(key.slice(prefix.length, -2).replace('+Inf', 'Infinity')), after.get(key) - (before.get(key) ?? 0)]);
  counts.sort(([a], [b]) => a - b);
  const total = counts.at(-1)?.[1] ?? 0;
  return total > 0 ? counts.find(([, count]) => count >= share * total)[0] : NaN;
}

/** What everything costs while `work` is done. Nodes without an `ops` address are not asked for their series. */
export async function costs({ nodes, postgres, redis }, work) {
  const look = async () => ({
    at: performance.now(),
    nodes: nodes.map(({ program }) => cpu(program.pid)),
    postgres: cpu(postgres.program.pid, { family: true }),
    redis: cpu(redis.primary.program.pid),
    commands: Number(await redis.primary.info('stats', 'total_commands_processed')),
    series: await Promise.all(nodes.map(({ ops }) => ops && scrape(ops))),
  });
  const before = await look();
  await work();
  const after = await look();
  const [postgresCpu, redisCpu, commands] = ['postgres', 'redis', 'commands'].map((what) => after[what] - before[what]);
  const nodesCpu = after.nodes.reduce((sum, value, i) => sum + value - before.nodes[i], 0);
  const seconds = (after.at - before.at) / 1000;
  return { seconds, nodes: nodesCpu, postgres: postgresCpu, redis: redisCpu, commands, before: before.series, after: after.series };
}
