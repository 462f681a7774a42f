// A fifth of a crowd is cut off at once and comes back, some on the other node; then another fifth is, and stays away.
import { sleep } from '../../tests/client/faults/program.mjs';
import { costs } from '../support/meter.mjs';
import { progress } from '../support/report.mjs';
import { inTime } from './crowd.mjs';
import { withCrowd } from './systems.mjs';

const LIMIT = 180_000; // ms: how long they may take to believe the truth
const SHARE = 5; // one of so many is cut off

export const HEAD = ['clients', 'what they do', 'presence messages', 'presence MiB', 'nodes CPU s', 'Redis CPU s', 'PostgreSQL CPU s',
  'measured for s', 'quiet after s', 'wrong beliefs'];

/** What an act costs, from the moment when the people of it are cut off. */
async function act(crowd, world, people, { grace, then }) {
  const before = await crowd.counts();
  const begin = Date.now();
  let end;
  const cost = await costs(world, async () => {
    await crowd.cut(people);
    await then();
    // Longer than the grace: who came back must not be gone after all.
    end = await crowd.settles({ ms: LIMIT, calm: (grace + 3) * 1000 });
  });
  const after = await crowd.counts();
  const [messages, bytes] = ['messages', 'bytes'].map((what) => after.told[what] - before.told[what]);
  const quiet = inTime(end, messages > 0 ? (after.toldAt - begin) / 1000 : 0);
  const used = [cost.nodes, cost.redis, cost.postgres].map((part) => part.toFixed(2));
  const row = [messages, (bytes / 2 ** 20).toFixed(2), ...used, cost.seconds.toFixed(0), quiet, end.wrong];
  progress(await crowd.summary());
  return { row, faults: end.wrong };
}

/** Answers the rows of a system, and how much is believed that is not so. `grace` in seconds. */
export function returns(stand, system, count, { grace }) {
  return withCrowd(stand, system, count, async ({ crowd, world, everybody }) => {
    await crowd.gathers(everybody, 5_000);
    const [some, others] = [everybody.filter((person) => person % SHARE === 0), everybody.filter((person) => person % SHARE === 1)];
    const comeBack = async () => {
      await sleep(grace * 100);
      // Within half the grace, every second one to the other node.
      await crowd.arrives(some, some.length / (grace * 0.4), (person, nth) => person + nth);
    };
    const acts = [['come back', some, comeBack], ['stay away', others, () => {}]];
    const rows = [];
    let faults = 0;
    for (const [name, people, then] of acts) {
      progress(`  ${people.length} are cut off and ${name}`);
      const { row, faults: found } = await act(crowd, world, people, { grace, then });
      rows.push([system.name, `${people.length} of ${count} ${name}`, ...row]);
      faults += found;
    }
    return { rows, faults };
  });
}
