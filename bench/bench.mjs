// How fast the hub is, beside the Node original: two nodes each with a Redis and a PostgreSQL (fsync on) of their own; and the hub embedded.
// Prints tables, and writes docs/benchmarks.md when everything was measured.
//
//   HUBBUB_BIN=target/release/hubbub node bench/bench.mjs [--only closed,half,…] [--quick] [--runs 3] [--seconds 10]
//     [--only NAMES]    of: closed, half, people, fanout, connect, idle, newest, back, whole, login
//     [--on SYSTEMS]    of: node, hub, embedded
//     [--runs 3]        of which the median is told; `idle` runs once
//     [--seconds 10]    that each is measured
//     [--quick]         one run of 3 s each, with fewer sockets: shows that everything works
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HEAD, comparison, details, digits, medians } from './figures.mjs';
import { idle, storm } from './scenarios/connect.mjs';
import { closed, half, people } from './scenarios/deliver.mjs';
import { fanout } from './scenarios/fanout.mjs';
import { back, newest, whole } from './scenarios/history.mjs';
import { login } from './scenarios/login.mjs';
import { progress, setting, table } from './support/report.mjs';
import { Stand } from './support/stand.mjs';
import { Embedded, Hub, Peer } from './support/systems.mjs';

/** What is measured. The Node original comes first: half of its load is what all are given then. */
const SYSTEMS = { node: Peer, hub: Hub, embedded: Embedded };
const SCENARIOS = {
  closed: { run: closed },
  half: { run: half },
  people: { run: people },
  fanout: { run: fanout },
  connect: { run: storm },
  idle: { run: idle, once: true },
  newest: { run: newest, unknown: 'node' },
  back: { run: back, unknown: 'node' },
  whole: { run: whole },
  login: { run: login },
};

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: { only: { type: 'string' }, on: { type: 'string' }, runs: { type: 'string' }, seconds: { type: 'string' }, quick: { type: 'boolean' } },
});
const quick = values.quick ?? false;
const runs = Number(values.runs ?? (quick ? 1 : 3));
const seconds = Number(values.seconds ?? (quick ? 3 : 10));
const chosen = (option, of) => {
  const names = values[option]?.split(',') ?? Object.keys(of);
  for (const name of names) if (!of[name]) throw new Error(`--${option} ${name}: choose of ${Object.keys(of).join(', ')}`);
  return names;
};
const names = chosen('only', SCENARIOS);
const on = chosen('on', SYSTEMS).filter((name) => name !== 'node' || Peer.installed);
const hub = resolve(process.env.HUBBUB_BIN ?? 'target/release/hubbub');
const tool = resolve(process.env.HUBBUB_LOAD ?? 'target/release/hubbub-load');
if (!Peer.installed) progress('without the Node original: npm ci in bench/node-peer brings it');

const summary = (found) => Object.entries(found).map(([name, value]) => `${name} ${digits(value)}`).join(', ');

/**
 * Figures of one scenario on each of these systems: the medians of several runs, each on fresh nodes. The systems take turns: a machine
 * that is shared is now faster and now slower.
 */
async function measures(name, systems, earlier) {
  const { run, once } = SCENARIOS[name];
  const found = systems.map(() => []);
  for (let i = 0; i < (once ? 1 : runs); i += 1) {
    for (const [at, system] of systems.entries()) {
      found[at].push(await run({ system, tool, seconds, quick, warmUp: quick ? 1 : 4 }, earlier));
      progress(`${name}, ${system.name}: ${summary(found[at].at(-1))}`);
    }
  }
  return found.map(medians);
}

async function all(stand) {
  const systems = on.map((key) => new SYSTEMS[key](stand, { hub }));
  const found = Object.fromEntries(on.map((key) => [key, {}]));
  for (const name of names) {
    const able = systems.filter(({ key }) => key !== SCENARIOS[name].unknown);
    const measured = await measures(name, able, found);
    able.forEach(({ key }, at) => { found[key][name] = measured[at]; });
  }
  return { found, systems };
}

function text({ found, systems }, set) {
  const command = (what) => `    make bench${what ? ` BENCH="${what}"` : ''}`;
  const setup = `Two nodes of each system, with one PostgreSQL (fsync on) and one Redis; messages go from people on one node to people on the other. The hub runs
with its defaults but the rate limits, which are off since everybody comes from one address, and \`runtime.worker_threads\`, which divides the cores
among the nodes: durability, revocation, checks of receivers and metrics are on. Embedded, it is one node with SQLite and a thread a core, without Redis and PostgreSQL. The Node original (\`bench/node-peer\`)
uses the sharded adapter and tells nobody who is online. Each figure is the median of ${runs} runs of ${seconds} s (\`idle\`: one run) on fresh nodes, the systems by turns; the load generator runs on the
same cores. "must" and "aim" are what was set for the hub, against the Node original measured in the same run. Passwords: the hub hashes with ${Hub.hash}, the
original with ${Peer.hash}.`;
  const lines = names.map((name) => command(`--only ${on.includes('node') && name === 'half' ? 'closed,half' : name}`));
  const parts = details(found, Object.fromEntries(systems.map(({ key, name }) => [key, name]))).map(({ head, rows }) => table(head, rows));
  return [
    `# How fast it is, measured`, `${set}. ${new Date().toISOString().slice(0, 10)}.`, command(args.join(' ')), setup,
    '## Beside the Node original', table(HEAD, comparison(found)), '## Everything that was measured', ...parts,
    '## One figure alone', [...new Set(lines)].join('\n'),
  ].join('\n\n');
}

const stand = await Stand.opens('bench');
let faults = 0;
try {
  // What is measured is one Redis; the replica is for the tests of failover.
  await stand.redis.replica.program.stop();
  const measured = await all(stand);
  const report = text(measured, await setting(hub, stand));
  console.log(report);
  const ours = on.filter((key) => key !== 'node').flatMap((key) => Object.values(measured.found[key]));
  faults = ours.reduce((sum, figures) => sum + (figures.faults ?? 0), 0);
  const file = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
  if (!quick && !values.only && !values.on) await writeFile(file, `${report}\n`);
} finally {
  await stand.closes();
}
if (faults > 0) console.error(`${faults} times the hub did not do what was asked of it`);
process.exit(faults > 0 ? 1 : 0);
