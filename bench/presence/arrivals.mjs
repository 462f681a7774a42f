// People come one after another and stay: what it costs until everybody knows who is there.
import { costs, peak } from '../support/meter.mjs';
import { mib, progress } from '../support/report.mjs';
import { inTime } from './crowd.mjs';
import { withCrowd } from './systems.mjs';

const LIMIT = 120_000; // ms: how long they may take to believe the truth
const CALM = 2_000; // ms: what comes late counts, too

export const HEAD = ['people', 'told about', 'messages to each', 'KiB to each', 'of it presence', 'presence in all (MiB)',
  'nodes CPU s', 'Redis CPU s', 'PostgreSQL CPU s', 'peak memory of a node (MiB)',
  'all are there after s', 'and all know s later', 'wrong beliefs'];

async function measure({ crowd, world, everybody }, { patience }, rate) {
  const begin = Date.now();
  let end;
  const cost = await costs(world, async () => {
    await crowd.arrives(everybody, rate);
    end = await crowd.settles({ ms: LIMIT, calm: CALM, patience });
  });
  const came = await crowd.counts();
  progress(await crowd.summary());
  return { cost, end, came, begin, memory: Math.max(...world.nodes.map(({ program }) => peak(program.pid))) };
}

function row(count, { cost, end, came, begin, memory }) {
  const each = (amount, digits = 1) => (amount / count).toFixed(digits);
  const sent = [each(came.told.messages), each(came.bytes / 1024), each(came.told.bytes / 1024), (came.told.bytes / 2 ** 20).toFixed(1)];
  const used = [cost.nodes, cost.redis, cost.postgres].map((part) => part.toFixed(2));
  const late = inTime(end, (end.changedAt - came.connectedAt) / 1000);
  return [count, end.scope, ...sent, ...used, mib(memory), ((came.connectedAt - begin) / 1000).toFixed(1), late, end.wrong];
}

/** Answers a row for a system and a number of people, and how much is believed that is not so. */
export async function arrivals(stand, system, count, rate) {
  const found = await withCrowd(stand, system, count, (stage) => measure(stage, system, rate));
  return { row: row(count, found), faults: found.end.wrong, dropped: found.came.dropped };
}
