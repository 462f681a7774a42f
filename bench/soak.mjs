// A long run: two nodes under half of what the Node original can do, while connections come and go. Writes how memory and latencies develop
// to docs/benchmarks-soak.md.
//
//   HUBBUB_BIN=target/release/hubbub node bench/soak.mjs
//     [--minutes 30]
//     [--rate 1400]    messages a second
//     [--crowd 4000]   people with a socket each, on both nodes
//     [--churn 50]     of them who go and come back, a second
//     [--quick]        half a minute, which writes nothing
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { digits, median } from './figures.mjs';
import { withLoad } from './support/load.mjs';
import { rss } from './support/meter.mjs';
import { mib, progress, setting, table } from './support/report.mjs';
import { Stand } from './support/stand.mjs';
import { Hub } from './support/systems.mjs';

const FULL = { minutes: '30', rate: '1400', crowd: '4000', churn: '50' };
const QUICK = { minutes: '0.5', crowd: '500' };
const PAIRS = 200;
/** Lines of the curve. */
const POINTS = 30;

const args = process.argv.slice(2);
const options = Object.fromEntries(Object.keys(FULL).map((name) => [name, { type: 'string' }]));
const { values: given } = parseArgs({ args, options: { ...options, quick: { type: 'boolean' } } });
const chosen = { ...FULL, ...(given.quick ? QUICK : {}), ...given };
const [minutes, rate, crowd, churn] = ['minutes', 'rate', 'crowd', 'churn'].map((name) => Number(chosen[name]));
const hub = resolve(process.env.HUBBUB_BIN ?? 'target/release/hubbub');
const tool = resolve(process.env.HUBBUB_LOAD ?? 'target/release/hubbub-load');
let faults = 0;

function soak(stand) {
  const system = new Hub(stand, { hub });
  return system.runs(2, async (world) => {
    const people = await system.crowd(world, 2 * PAIRS + crowd);
    const [a, b] = world.urls;
    const every = (minutes * 60) / POINTS;
    const order = ['deliver', '--send', world.urls, '--receive', [b, a], '--pairs', PAIRS, '--rate', rate, '--crowd', crowd, '--churn', churn];
    order.push('--connect-rate', 1_000, '--warm-up', 3, '--seconds', minutes * 60 + 1, '--progress', every, '--drain', 10);
    return withLoad(tool, people, order, async (load) => {
      const [rows, curve] = [[], []];
      const point = (said) => {
        if (said.event !== 'progress') return;
        const now = [...world.nodes.map(({ program }) => rss(program.pid)), rss(world.redis.primary.program.pid)];
        curve.push(now[0] + now[1]);
        const { p50, p99, max } = said.deliver_ms;
        rows.push([digits((curve.length * every) / 60), ...now.map(mib), digits(said.acked / every), ...[p50, p99, max].map(digits), said.sockets, said.churned]);
        progress(rows.at(-1).join(' | '));
      };
      const cost = await load.costs(world, 'begin', 'end', point);
      const result = await load.result();
      faults += result.lost + result.doubled + result.out_of_order + result.dropped + result.not_back;
      const third = Math.max(1, Math.floor(curve.length / 3));
      const [middle, last] = [curve.slice(third, 2 * third), curve.slice(-third)].map((part) => median(part.length > 0 ? part : curve));
      const head = ['minute', 'node 1 MiB', 'node 2 MiB', 'Redis MiB', 'messages/s', 'to the socket p50 ms', 'p99', 'max', 'sockets', 'came back so far'];
      const found = [
        `${digits(result.acked)} messages answered, ${result.lost} lost, ${result.doubled} doubled, ${result.out_of_order} out of order; ${digits(result.churned)}
connections closed by their people, of which ${result.not_back} could not come back; ${result.dropped} dropped by the hub; ${result.failed + result.unsent} sends failed or were never sent.`,
        `CPU ms a message: ${digits((cost.all / result.delivered) * 1000)}. Memory of both nodes in the last third against the third before: ${(((last - middle) / middle) * 100).toFixed(1)} %.`,
      ];
      return [`${rate} messages a second across two nodes; ${crowd} more people with a socket each, of whom ${churn} a second go and come back.`, ...found, table(head, rows)];
    });
  });
}

const stand = await Stand.opens('soak');
try {
  await stand.redis.replica.program.stop();
  const sections = await soak(stand);
  const command = `make bench-soak${args.length > 0 ? ` SOAK="${args.join(' ')}"` : ''}`;
  const report = [`# A long run, measured`, `${await setting(hub, stand)}. ${new Date().toISOString().slice(0, 10)}.`, `    ${command}`, ...sections].join('\n\n');
  console.log(report);
  const file = fileURLToPath(new URL('../docs/benchmarks-soak.md', import.meta.url));
  if (!given.quick) await writeFile(file, `${report}\n`);
} finally {
  await stand.closes();
}
if (faults > 0) console.error(`${faults} times the hub did not do what was asked of it`);
process.exit(faults > 0 ? 1 : 0);
