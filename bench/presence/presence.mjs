// What presence costs: two nodes with a PostgreSQL (fsync on) and a Redis of their own, and people who come, come back and stay. Prints
// the tables of docs/presence-figures.md, and writes that file when everything was measured. Fails if anybody ends up believing of the
// hub what is not so.
//
//   HUBBUB_BIN=target/release/hubbub node bench/presence/presence.mjs [--only arrivals,return,idle] [--quick]
//     [--people 100,400,1000,10000]  who come one after another
//     [--rate 200]                   of them a second
//     [--crowd 10000]                people of whom a fifth is cut off
//     [--idle 15000]                 people who do nothing,
//     [--seconds 20]                 and for how long that is measured
//     [--grace 10]                   presence.grace in seconds
//     [--quick]                      smaller numbers, in less than two minutes
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setting, table } from '../support/report.mjs';
import { Stand } from '../support/stand.mjs';
import { HEAD as ARRIVALS, arrivals } from './arrivals.mjs';
import { idle } from './idle.mjs';
import { PARTNERS } from './people.mjs';
import { HEAD as RETURNS, returns } from './returns.mjs';
import { systems } from './systems.mjs';

const FULL = {
  only: 'arrivals,return,idle', people: '100,400,1000,10000', rate: '200', crowd: '10000', idle: '15000', seconds: '20', grace: '10',
};
const QUICK = { people: '100,400', crowd: '1000', idle: '1000', seconds: '5', grace: '2' };
/** The Node original tells everybody about everybody at each arrival: more people than this would take it an hour. */
const PEER_UP_TO = 1_000;

const args = process.argv.slice(2);
const options = Object.fromEntries(Object.keys(FULL).map((name) => [name, { type: 'string' }]));
const { values: given } = parseArgs({ args, options: { ...options, quick: { type: 'boolean' } } });
const chosen = { ...FULL, ...(given.quick ? QUICK : {}), ...given };
const [rate, crowd, still, seconds, grace] = ['rate', 'crowd', 'idle', 'seconds', 'grace'].map((name) => Number(chosen[name]));
const sizes = chosen.people.split(',').map(Number);
const binary = resolve(process.env.HUBBUB_BIN ?? 'target/release/hubbub');
const { diff, list, node } = systems({ binary, grace });
let faults = 0;

async function arrivalTables(stand) {
  const sections = [`## Arrivals\n\nPeople come one after another, ${rate} a second, with a socket each, and stay.`];
  for (const system of [diff, list, node]) {
    const counts = sizes.filter((size) => system !== node || size <= PEER_UP_TO);
    const [rows, notes] = [[], []];
    for (const count of counts) {
      const found = await arrivals(stand, system, count, rate);
      rows.push(found.row);
      if (found.dropped > 0) notes.push(`\n\nOf the ${count}, connections were dropped ${found.dropped} times and tried again.`);
      if (system !== node) faults += found.faults;
    }
    if (counts.length < sizes.length) notes.push(`\n\nNot tried with more than ${PEER_UP_TO}: what is sent grows with the square.`);
    if (rows.length > 0) sections.push(`### ${system.name}\n\n${table(ARRIVALS, rows)}${notes.join('')}`);
  }
  return sections.join('\n\n');
}

async function returnTable(stand) {
  const rows = [];
  for (const system of [diff, list]) {
    const found = await returns(stand, system, crowd, { grace });
    rows.push(...found.rows);
    faults += found.faults;
  }
  const first = `Of ${crowd} who are connected, a fifth is cut off at once and is back within ${grace / 2} s, half of them on the other node;`;
  return `## Returns\n\n${first}\nthen another fifth is, and is offline after a grace of ${grace} s.\n\n${table(RETURNS, rows)}`;
}

async function idleTable(stand) {
  const { head, rows } = await idle(stand, diff, still, { seconds, grace });
  return `## Idle\n\nRedis commands, those inside scripts included, on ${seconds} s in which nobody comes or goes.\n\n${table(head, rows)}`;
}

const scenarios = { arrivals: arrivalTables, return: returnTable, idle: idleTable };
const names = chosen.only.split(',');
for (const name of names) if (!scenarios[name]) throw new Error(`--only ${name}: choose of ${Object.keys(scenarios).join(', ')}`);

const stand = await Stand.opens('presence');
try {
  const sections = [];
  for (const name of names) sections.push(await scenarios[name](stand));
  const command = `make bench-presence${args.length > 0 ? ` PRESENCE="${args.join(' ')}"` : ''}`;
  const setup = `Two nodes; everybody has ${PARTNERS} conversation partners, who are "told about" where not everyone is. CPU seconds
are those of both nodes together. Wrong beliefs are counted at the end of what was waited for, client by client and person by person.`;
  const report = [`# What presence costs, measured`, `${await setting(binary, stand)}.\n\n    ${command}`, setup, ...sections].join('\n\n');
  console.log(report);
  const file = fileURLToPath(new URL('../../docs/presence-figures.md', import.meta.url));
  if (!given.quick && !given.only) await writeFile(file, `${report}\n`);
} finally {
  await stand.closes();
}
if (faults > 0) console.error(`${faults} beliefs about who is online are wrong`);
process.exit(faults > 0 ? 1 : 0);
