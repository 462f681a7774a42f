// Every kind of fault once, under load, on three nodes with PostgreSQL and Redis of their own. Nothing may be lost, doubled or
// out of order. SEED replays a schedule, FAULT=redis-flushall,node-kill restricts it, STEPS makes it longer.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { FAULTS } from './faults.mjs';
import { Run, faultsOf } from './run.mjs';
import { schedule } from './schedule.mjs';
import { systemNamed } from './systems.mjs';
import { World } from './world.mjs';

const SEEDS = process.env.SEED ? [Number(process.env.SEED)] : [20261124];
const kinds = process.env.FAULT?.split(',') ?? Object.keys(FAULTS);
const RECONNECTION = { reconnectionDelay: 200, reconnectionDelayMax: 1_000 };

/** Runs a schedule until every kind has bitten once, or `tries` times as many faults came. */
async function runs(t, { seed, system, kinds: chosen = kinds, pace = 0.4, patience, steps: most = 2 * chosen.length }) {
  const world = await World.start(system, { rate: 220, reconnection: RECONNECTION });
  t.after(() => world.stop());
  t.diagnostic(`SEED=${seed} FAULT=${chosen.join(',')}`);
  const run = new Run(world, { print: (line) => t.diagnostic(line) });
  const steps = schedule(seed, { kinds: chosen, pace });
  const left = new Set(chosen);
  for (let i = 0; i < most && left.size > 0; i += 1) {
    await run.step(steps.next().value);
    for (const window of world.ledger.windows) if (window.counts) left.delete(window.kind);
  }
  return { outcome: await run.settles({ patience }), left: [...left] };
}

for (const seed of SEEDS) {
  test(`whatever fails, nobody misses a message, sees one twice or out of order (seed ${seed})`, { timeout: 300_000 }, async (t) => {
    const { outcome, left } = await runs(t, { seed, system: systemNamed('hubbub', { timings: 'short' }) });

    const { ledger, findings } = outcome;
    t.diagnostic(`${ledger.acknowledgedCount} acknowledged, ${ledger.shownCount} shown, ${findings.missed.length} missed, ${JSON.stringify(ledger.reconnects())}`);
    assert.deepEqual(faultsOf(outcome), []);
    assert.deepEqual(left, [], 'faults that did not bite, or with too few messages around them');
  });
}

test('with repair switched off, the same books are red', { timeout: 120_000 }, async (t) => {
  const system = systemNamed('hubbub', { timings: 'short', repair: false });
  // Faults in which sockets stay: nobody is helped by a resume.
  const silent = ['redis-flushall', 'redis-kill', 'redis-kill-pubsub', 'redis-pause', 'redis-cut'];

  const { outcome } = await runs(t, { seed: SEEDS[0], system, kinds: silent, patience: 2_000, steps: silent.length });

  t.diagnostic(`${outcome.findings.lost.length} lost of ${outcome.ledger.acknowledgedCount} acknowledged`);
  assert.ok(outcome.findings.lost.length > 0, 'a suite that cannot see a loss proves nothing');
  assert.equal(outcome.history.missing, 0, 'they are lost on the way only, not in the database');
});
