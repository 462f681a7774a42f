// What connections cost on which nothing happens: Redis commands of a node, by kind, and CPU.
import { sleep } from '../../tests/client/faults/program.mjs';
import { costs } from '../support/meter.mjs';
import { percent, progress } from '../support/report.mjs';
import { withCrowd } from './systems.mjs';

/** Commands of this program and of the replica, not of the hub. */
const OTHERS = ['info', 'replconf', 'ping'];

async function commands(redis) {
  const stats = await redis.primary.cli('INFO', 'commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].map(([, name, count]) => [name, Number(count)]);
  return new Map(calls.filter(([name]) => !OTHERS.includes(name)));
}

/** Calls of each kind and CPU shares, a second and a node. */
async function rates(world, seconds) {
  const before = await commands(world.redis);
  const cost = await costs(world, () => sleep(seconds * 1000));
  const after = await commands(world.redis);
  const nodes = world.nodes.length;
  const kinds = new Map([...after].map(([name, count]) => [name, (count - (before.get(name) ?? 0)) / seconds / nodes]));
  return { kinds, cpu: [cost.nodes / nodes, cost.redis, cost.postgres].map((part) => percent(part, cost.seconds)) };
}

/** Answers the head and rows of a table: one connection beside so many. */
export function idle(stand, system, count, { seconds, grace }) {
  return withCrowd(stand, system, count, async ({ crowd, world, everybody }) => {
    const found = [];
    for (const [people, rest] of [[1, everybody.slice(0, 1)], [count, everybody.slice(1)]]) {
      await crowd.gathers(rest, (grace + 2) * 1000);
      progress(await crowd.summary());
      progress(`  ${people} idle for ${seconds} s`);
      found.push(await rates(world, seconds));
    }
    const kinds = [...new Set(found.flatMap((one) => [...one.kinds.keys()]))].sort();
    const calls = (one, kind) => one.kinds.get(kind) ?? 0;
    const total = (one) => [...one.kinds.values()].reduce((sum, value) => sum + value, 0);
    const busy = kinds.filter((kind) => found.some((one) => calls(one, kind) > 0));
    const rows = busy.map((kind) => [`\`${kind}\``, ...found.map((one) => calls(one, kind).toFixed(2))]);
    rows.push(['all Redis commands', ...found.map((one) => total(one).toFixed(2))]);
    rows.push(...['a node', 'Redis', 'PostgreSQL'].map((whose, i) => [`CPU of ${whose} (% of a core)`, ...found.map(({ cpu }) => cpu[i])]));
    return { head: ['a second and a node', '1 connection', `${count} connections`], rows };
  });
}
