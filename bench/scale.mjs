// What size costs: what a message takes when there are many people and many stored messages, and 100,000 people who are all connected to six
// nodes on this machine and write to each other. Prints tables, and writes docs/benchmarks-scale.md when everything was measured.
//
//   HUBBUB_BIN=target/release/hubbub node bench/scale.mjs [--only growth,crowd] [--quick]
//     [--people 100000]   who are there
//     [--stored 1000000]  messages that are stored in the end
//     [--nodes 6]         of the crowd, of which each has 20,000 descriptors
//     [--rate 1000]       messages a second
//     [--seconds 30]      that each is measured
//     [--quick]           3,000 people, 20,000 messages, 3 s
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { digits } from './figures.mjs';
import { deliver } from './scenarios/deliver.mjs';
import { ofHub, settles } from './scenarios/stored.mjs';
import { memory, withLoad } from './support/load.mjs';
import { progress, setting, table } from './support/report.mjs';
import { Stand } from './support/stand.mjs';
import { Hub } from './support/systems.mjs';

const FULL = { only: 'growth,crowd', people: '100000', stored: '1000000', nodes: '6', rate: '1000', seconds: '30' };
const QUICK = { people: '3000', stored: '20000', nodes: '3', rate: '500', seconds: '3' };
const args = process.argv.slice(2);
const options = Object.fromEntries(Object.keys(FULL).map((name) => [name, { type: 'string' }]));
const { values: given } = parseArgs({ args, options: { ...options, quick: { type: 'boolean' } } });
const chosen = { ...FULL, ...(given.quick ? QUICK : {}), ...given };
const [people, stored, nodes, rate, seconds] = ['people', 'stored', 'nodes', 'rate', 'seconds'].map((name) => Number(chosen[name]));
const hub = resolve(process.env.HUBBUB_BIN ?? 'target/release/hubbub');
const tool = resolve(process.env.HUBBUB_LOAD ?? 'target/release/hubbub-load');
/** Pairs of people who write to each other while everybody else only has an account. */
const PAIRS = 50;
/** Conversations that one statement makes: it is given to psql as an argument, which has a limit. */
const CHUNK = 500;
/** People who connect in a second, and sockets that one process of the load generator holds. */
const ARRIVALS = 2_000;
const SOCKETS = 16_000;
let faults = 0;

const ms = (cpu, count) => digits((cpu / count) * 1000);

/** A message's cost with so many accounts and so many stored messages, which come on top of those before. */
async function growth(stand) {
  const system = new Hub(stand, { hub });
  const rows = [];
  let there = 0;
  for (const [accounts, messages] of [[2 * PAIRS, 1_000], [people, 1_000], [people, stored]]) {
    await system.runs(1, async (world) => {
      progress(`${digits(accounts)} accounts, ${digits(messages)} messages`);
      await system.crowd(world, accounts);
      // In conversations of others than those who write: theirs are as they were.
      while (there < messages) {
        const [one, other] = await system.makes(world, 2);
        const count = Math.min(messages - there, 20_000);
        await stand.postgres.sql(ofHub([[one.id, other.id]], count));
        there += count;
      }
      await settles(stand.postgres, system.database);
    });
    const found = await deliver({ system, tool, seconds, warmUp: 3 }, ['--rate', rate], { pairs: PAIRS });
    faults += found.faults;
    const cpu = [found.cpu, found.nodesCpu, found.postgresCpu, found.redisCpu].map((value) => digits(value / 100));
    rows.push([digits(accounts), digits(messages), ...cpu, ...[found.p50, found.p99, found.max].map(digits)]);
    progress(rows.at(-1).join(' | '));
  }
  const head = ['accounts', 'stored messages', 'CPU ms a message', 'nodes', 'PostgreSQL', 'Redis', 'to the socket p50 ms', 'p99', 'max'];
  return `## What a message costs\n\n${rate} messages a second from 50 people on one node to 50 on the other.\n\n${table(head, rows)}`;
}

async function crowd(stand) {
  const system = new Hub(stand, { hub });
  return system.runs(nodes, async (world) => {
    progress(`${digits(people)} people`);
    const file = await system.crowd(world, people);
    const pairs = Math.floor(people / 2);
    const each = Math.max(1, Math.floor(stored / pairs));
    progress(`${pairs} conversations of ${each} messages`);
    for (let from = 0; from < pairs; from += CHUNK) {
      const some = Array.from({ length: Math.min(CHUNK, pairs - from) }, (_, i) => [0, 1].map((side) => system.people[2 * (from + i) + side].id));
      await stand.postgres.sql(ofHub(some, each));
    }
    await settles(stand.postgres, system.database);
    const next = [...world.urls.slice(1), world.urls[0]];
    const order = ['--processes', Math.ceil(people / SOCKETS), 'deliver', '--send', world.urls, '--receive', next, '--pairs', pairs, '--senders-online'];
    order.push('--connect-rate', ARRIVALS, '--hold', seconds, '--rate', rate, '--warm-up', 3, '--seconds', seconds, '--drain', 10);
    const before = memory(world);
    return withLoad(tool, file, order, async (load) => {
      const held = await load.costs(world, 'hold', 'held', (said) => progress(JSON.stringify(said)));
      const grown = memory(world) - before;
      const cost = await load.costs(world, 'begin', 'end');
      const result = await load.result();
      faults += result.lost + result.doubled + result.out_of_order + result.dropped;
      const { deliver_ms: took, connect_ms: joined } = result;
      const rows = [
        ['people connected', digits(result.sockets)],
        ['to connect, p50 / p99 / max ms', [joined.p50, joined.p99, joined.max].map(digits).join(' / ')],
        ['memory of the nodes for a socket, KiB', digits(grown / people / 1024)],
        ['CPU of all nodes while nothing is said, % of a core', digits((held.nodes / held.seconds) * 100)],
        ['… of PostgreSQL and Redis', digits(((held.postgres + held.redis) / held.seconds) * 100)],
        ['messages sent a second', digits(result.acked_per_s)],
        ['to the socket on another node, p50 / p90 / p99 / p99.9 / max ms', [took.p50, took.p90, took.p99, took.p999, took.max].map(digits).join(' / ')],
        ['CPU ms a message: nodes / PostgreSQL / Redis', [cost.nodes, cost.postgres, cost.redis].map((cpu) => ms(cpu, result.delivered)).join(' / ')],
        ['lost / doubled / out of order / sockets dropped', [result.lost, result.doubled, result.out_of_order, result.dropped].join(' / ')],
        ['failed or not sent', digits(result.failed + result.unsent)],
        ['load generator: CPU % of a core / late ticks', `${digits((result.cpu_s / result.seconds) * 100)} / ${result.late_ticks}`],
      ];
      const text = `${digits(people)} people with a socket each on ${nodes} nodes, who came ${ARRIVALS} a second, said nothing for ${seconds} s, and then wrote ${rate}
messages a second in ${digits(pairs)} conversations of ${each} messages each, everybody to somebody on another node.`;
      return `## Everybody connected\n\n${text}\n\n${table(['', ''], rows)}`;
    });
  });
}

const scenarios = { growth, crowd };
const names = chosen.only.split(',');
for (const name of names) if (!scenarios[name]) throw new Error(`--only ${name}: choose of ${Object.keys(scenarios).join(', ')}`);
const stand = await Stand.opens('scale');
try {
  await stand.redis.replica.program.stop();
  const sections = [];
  for (const name of names) sections.push(await scenarios[name](stand));
  const command = `make bench-scale${args.length > 0 ? ` SCALE="${args.join(' ')}"` : ''}`;
  const report = ['# What size costs, measured', `${await setting(hub, stand)}. ${new Date().toISOString().slice(0, 10)}.`, `    ${command}`, ...sections].join('\n\n');
  console.log(report);
  const file = fileURLToPath(new URL('../docs/benchmarks-scale.md', import.meta.url));
  if (!given.quick && !given.only) await writeFile(file, `${report}\n`);
} finally {
  await stand.closes();
}
if (faults > 0) console.error(`${faults} times the hub did not do what was asked of it`);
process.exit(faults > 0 ? 1 : 0);
