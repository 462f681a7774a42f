// Stories that a random schedule does not tell: a minute without Redis, a node alone that is killed again and again, a hub that
// does not repair, and thousands of peers that stop reading.
import { fileURLToPath } from 'node:url';
import { fetchText } from './balancer.mjs';
import { Pair, percentile } from './pair.mjs';
import { Program, sleep, until } from './program.mjs';
import { Run } from './run.mjs';
import { ask } from './senders.mjs';
import { schedule } from './schedule.mjs';
import { World } from './world.mjs';

/** A small crowd for a node alone. */
const FEW = { people: 6, peers: 20, pages: { websocket: 6, upgrade: 3, polling: 1, own: 6 } };

/**
 * Redis is gone for `ms` under load. `pairs` on the same node and across nodes show what people notice meanwhile; the books of
 * `run` show that nothing is lost.
 */
export async function outage(run, ms) {
  const { world } = run;
  const [same, across] = [await Pair.meets(world, 0, 0), await Pair.meets(world, 1, 2)];
  const calmFrom = performance.now();
  await sleep(Math.min(10_000, ms));
  const from = performance.now();
  const failuresBefore = new Map(world.senders.failures);
  const [window] = await run.step({ faults: [{ kind: 'redis-kill', parameters: { ms, keeps: false } }], gap: 0 });
  const to = window.end;
  const failed = [...world.senders.failures].reduce((sum, [status, count]) => sum + count - (failuresBefore.get(status) ?? 0), 0);
  const times = (after, before) => world.senders.latencies.filter(({ at }) => at >= after && at < before).map((latency) => latency.ms);
  const [calm, without] = [times(calmFrom, from), times(from, to)];
  await sleep(5_000);
  await Promise.all([same.parts(), across.parts()]);
  const late = across.messages.filter(({ began, shown }) => began < to && !(shown <= to + 5_000)).length;
  return {
    seconds: Math.round((to - from) / 1_000),
    sent: without.length,
    failed,
    calmMs: { p50: percentile(calm, 0.5), p99: percentile(calm, 0.99) },
    sendMs: { p50: percentile(without, 0.5), p99: percentile(without, 0.99) },
    sameNode: same.report(from, to),
    acrossNodes: { ...across.report(from, to), laterThan5s: late },
  };
}

/** A node alone, with SQLite, killed under load until `kills` of them count. Resolves with the outcome of its run. */
export async function embedded(system, { kills, random, print, rate = 150, reconnection, pace = 1 }) {
  const world = await World.start(system, { alone: true, crowd: FEW, rate, reconnection });
  try {
    const run = new Run(world, { print });
    await sleep(500);
    for (let i = 0, counted = 0; i < 2 * kills && counted < kills; i += 1) {
      const faults = [{ kind: 'node-kill', parameters: { node: 0, ms: random.between(0, 300) } }];
      const [{ counts }] = await run.step({ faults, gap: Math.round(random.between(200, 1_000) * pace) });
      if (counts) counted += 1;
    }
    return await run.settles();
  } finally {
    await world.stop();
  }
}

/** Faults in which sockets stay: nobody is helped by a resume. */
const SILENT = ['redis-flushall', 'redis-kill', 'redis-kill-pubsub', 'redis-pause', 'redis-cut'];

/** The control: `system` has its repair switched off, so each of these faults must cost messages. Resolves with the outcome. */
export async function control(system, { seed, print, reconnection }) {
  const world = await World.start(system, { reconnection });
  try {
    const run = new Run(world, { print });
    const steps = schedule(seed, { kinds: SILENT, pace: 0.4, alone: true });
    for (let i = 0; i < SILENT.length; i += 1) await run.step(steps.next().value);
    return await run.settles({ patience: 2_000 });
  } finally {
    await world.stop();
  }
}

async function sockets(world) {
  const bodies = await Promise.all(world.members.map(({ opsUrl }) => fetchText(`${opsUrl}/metrics`)));
  return bodies.reduce((sum, { body }) => sum + Number(/^hubbub_sockets (\d+)$/m.exec(body)?.[1] ?? 0), 0);
}

const ACCOUNTS = 20;

/** Opens `count` peers that say CONNECT and then stop reading, and compares what a pair notices without and with them. */
export async function stuck(world, { count, seconds, print }) {
  const pair = await Pair.meets(world, 0, 1);
  const quietFrom = performance.now();
  await sleep(seconds * 1_000);
  const quietTo = performance.now();
  const accounts = [];
  for (let i = 0; i < ACCOUNTS; i += 1) accounts.push(await world.signsUp(`stuck ${i}`, i % world.members.length));
  const before = await sockets(world);
  const opening = performance.now();

  // Straight to the nodes, from a process of its own: its open files are its own, too.
  const script = fileURLToPath(new URL('stuck-peers.mjs', import.meta.url));
  const plan = JSON.stringify({ count, urls: world.members.map(({ url }) => url), tokens: accounts.map(({ token }) => token) });
  const peers = new Program(process.execPath, [script, plan], { env: { PATH: process.env.PATH } });
  const connected = () => Number(/connected (\d+)\D*$/.exec(peers.log)?.[1] ?? 0);
  await until(() => !peers.alive || connected() >= count, 120_000, () => `${count} stuck peers\n${peers.log}`);
  if (!peers.alive) throw new Error(`the stuck peers ended:\n${peers.log}`);
  const most = (await sockets(world)) - before;
  print?.(`${most} stuck peers`);

  // Something for them not to read: each message goes to all sockets of its account.
  const stuckFrom = performance.now();
  const writing = feeds(world, accounts, stuckFrom + seconds * 1_000);
  // Pings are not answered either: all are gone within interval and timeout, at the latest.
  const cut = async () => (await sockets(world)) <= before;
  const watching = until(cut, 90_000, () => 'all stuck peers are cut', 1_000).then(() => performance.now(), () => undefined);
  await sleep(seconds * 1_000);
  const stuckTo = performance.now();
  const fed = await writing;
  const goneAt = await watching;
  const left = (await sockets(world)) - before;
  await peers.stop();
  await pair.parts();
  return {
    peers: most,
    fed,
    without: pair.report(quietFrom, quietTo),
    beside: pair.report(stuckFrom, stuckTo),
    connectedWithinSeconds: Math.round((stuckFrom - opening) / 1_000),
    cutWithinSeconds: goneAt && Math.round((goneAt - stuckFrom) / 1_000),
    left,
  };
}

async function feeds(world, accounts, end) {
  let sent = 0;
  while (performance.now() < end) {
    const writer = world.people[sent % world.people.length];
    const to = accounts[sent % accounts.length];
    const answer = await ask({
      url: world.nodeUrls[sent % world.nodeUrls.length],
      method: 'POST',
      path: `/api/messages/send/${to.id}`,
      token: writer.token,
      body: { text: 'x'.repeat(1_900) },
    });
    if (answer.status === 201) sent += 1;
    await sleep(200);
  }
  return sent;
}
