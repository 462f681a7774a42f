// What a node needs: two nodes with a PostgreSQL (fsync on) and a Redis of their own, idle crowds of growing size, and conversations across
// the nodes at growing rates. Prints the tables of docs/sizing.md.
//
//   HUBBUB_BIN=target/release/hubbub node bench/sizing/sizing.mjs [--sockets 0,5000,10000,15000] [--rates 250,500,1000,2000] [--seconds 15]
//     [--chatters 400]  people who write to each other, with one socket each
//     [--crowd 100]     people who only listen, with many sockets each: those of --sockets
import { Agent, request } from 'node:http';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep, until } from '../../tests/client/faults/program.mjs';
import { costs, quantile, rss, scrape } from '../support/meter.mjs';
import { mib, percent, progress, setting, table } from '../support/report.mjs';
import { seed } from '../support/seed.mjs';
import { Stand } from '../support/stand.mjs';

const numbers = (text) => text.split(',').map(Number);
const defaults = { sockets: '0,5000,10000,15000', rates: '250,500,1000,2000', seconds: '15', chatters: '400', crowd: '100' };
const options = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }]));
const { values } = parseArgs({ options });
const [sizes, rates, seconds, CHATTERS, CROWD] = [numbers(values.sockets), numbers(values.rates), ...['seconds', 'chatters', 'crowd'].map((name) => Number(values[name]))];
const binary = resolve(process.env.HUBBUB_BIN ?? 'target/release/hubbub');
const stand = await Stand.opens('sizing');

/** Sockets in a process of their own; resolves when all are connected. */
async function listeners(count, tokens, nodes) {
  const helper = stand.helper(new URL('peers.mjs', import.meta.url), { count, urls: nodes.map(({ url }) => url), tokens });
  if (count > 0) await helper.hears();
  return helper;
}

function send(agent, url, from, to, text) {
  const body = JSON.stringify({ text, image: null });
  const headers = { cookie: `jwt=${from.token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((done, failed) => {
    const asking = request(`${url}/api/messages/send/${to.id}`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume().on('end', () => (answer.statusCode === 201 ? done() : failed(new Error(`a send was answered ${answer.statusCode}`))));
    });
    asking.on('error', failed).end(body);
  });
}

/** Conversations at a steady rate, sender and receiver on different nodes. */
async function chats(people, nodes, rate) {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 });
  const [begin, sending] = [performance.now(), []];
  for (let sent = 0; sent < rate * seconds; ) {
    const due = Math.min(rate * seconds, ((performance.now() - begin) / 1000) * rate);
    for (; sent < due; sent += 1) {
      // Socket i is on node i % 2, and so is whoever sends.
      const [from, to] = [(sent * 7) % people.length, (sent * 7 + 1) % people.length];
      sending.push(send(agent, nodes[from % 2].url, people[from], people[to], `message ${sent} of some length, as people write them`));
    }
    await sleep(5);
  }
  await Promise.all(sending);
  agent.destroy();
}

const ms = (seconds, count) => ((seconds * 1000) / count).toFixed(2);

async function measure() {
  const { postgres, redis } = stand;
  const world = { postgres, redis, nodes: [await stand.hubbub(binary), await stand.hubbub(binary)] };
  const people = await seed((statement) => postgres.sql(statement), stand.secret, CHATTERS + CROWD);
  const [chatters, crowd] = [people.slice(0, CHATTERS), people.slice(CHATTERS)];
  const chatting = await listeners(CHATTERS, chatters.map(({ token }) => token), world.nodes);
  const [connections, messages] = [[], []];
  let there;
  for (const size of sizes) {
    progress(`${size} idle sockets on two nodes`);
    there?.ends();
    await until(async () => (await scrape(world.nodes[0].ops)).get('hubbub_sockets') <= CHATTERS / 2, 60_000, () => 'the former crowd has left');
    const connecting = await costs(world, async () => (there = await listeners(size, crowd.map(({ token }) => token), world.nodes)));
    await sleep(12_000); // the graces of those who left are over, and lists are told
    const idle = await costs(world, () => sleep(seconds * 1000));
    const memory = Math.max(...world.nodes.map(({ program }) => rss(program.pid)));
    const perConnect = size > 0 ? [ms(connecting.nodes, size), ms(connecting.postgres, size), ms(connecting.redis, size), (size / connecting.seconds).toFixed(0)] : ['', '', '', ''];
    connections.push([size / 2, mib(memory), percent(idle.nodes / 2, idle.seconds), (idle.commands / idle.seconds / 2).toFixed(1), ...perConnect]);
  }
  for (const rate of rates) {
    progress(`${rate} messages a second across the nodes, ${sizes.at(-1)} idle sockets beside them`);
    await chatting.asks({});
    const chat = await costs(world, () => chats(chatters, world.nodes, rate));
    await sleep(1000);
    const { messages: came } = await chatting.asks({});
    const count = rate * seconds;
    if (came !== 2 * count) throw new Error(`${count} messages have to reach two sockets each, but ${came} came`);
    const p = (share, path) => Math.max(...chat.before.map((before, i) => quantile(share, 'hubbub_delivery_seconds', `path="${path}"`, before, chat.after[i]))) * 1000;
    const used = [chat.nodes, chat.postgres, chat.redis].map((part) => ms(part, count));
    messages.push([rate, (count / chat.seconds).toFixed(0), ...used, (chat.commands / count).toFixed(1), `${p(0.5, 'remote')} / ${p(0.99, 'remote')}`]);
  }
  const stored = "SELECT sum(pg_total_relation_size(name)) / (SELECT count(*) FROM messages) FROM unnest(ARRAY['messages', 'user_events']) name";
  const bytes = Number(await postgres.sql(stored)).toFixed(0);
  console.log(`${await setting(binary, stand)}\n`);
  console.log(table(['idle sockets a node', 'memory a node (MiB)', 'CPU a node (% of a core)', 'Redis commands/s a node', 'connect: node CPU ms', 'PostgreSQL ms', 'Redis ms', 'connects/s'], connections));
  console.log(`\n${table(['messages/s offered', 'sent/s', 'nodes CPU ms each', 'PostgreSQL ms', 'Redis ms', 'Redis commands each', 'commit to socket on the other node p50 / p99 ≤ ms'], messages)}`);
  console.log(`\nA message takes ${bytes} bytes in PostgreSQL, with its entries in both logs and their indexes.`);
}

try {
  await measure();
} finally {
  await stand.closes();
}
process.exit(0);
