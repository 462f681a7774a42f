// People come, reload, move, vanish and log out on three nodes, while nodes and Redis fail: whatever anybody is told about who is
// online is true, and in time. SEED replays a walk, LOGS=folder keeps what the nodes said.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import '../faults/ending.mjs';
import { SHORT } from './bounds.mjs';
import { findings } from './checker.mjs';
import { report } from './excerpt.mjs';
import { PEOPLE, SEEDS, plan } from './plan.mjs';
import { Stand } from './stand.mjs';
import { walks } from './walk.mjs';

const seeds = process.env.SEED?.split(',').map(Number) ?? SEEDS;

/** How often anybody was told what. */
function told({ spans }) {
  const counts = {};
  for (const { what, state } of spans.flatMap(({ notes }) => notes)) {
    const name = what === 'state' ? state : what;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const inWords = (counts) =>
  Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');

describe('a walk at random', { concurrency: true }, () => {
  for (const seed of seeds) {
    test(`nobody is shown online who is not, nor offline who is not (seed ${seed})`, { timeout: 180_000 }, async (t) => {
      const stand = await Stand.start({ timing: SHORT, people: PEOPLE });
      t.after(() => stand.stop());
      t.diagnostic(`SEED=${seed}`);

      await walks(stand, plan(seed, PEOPLE), (line) => t.diagnostic(`SEED=${seed} ${line}`));

      const { timeline } = stand;
      const found = findings(timeline, SHORT.bounds, performance.now());
      t.diagnostic(`SEED=${seed} ${timeline.spans.length} connections were told: ${inWords(told(timeline))}`);
      assert.equal(report(timeline, found), '');
    });
  }
});
