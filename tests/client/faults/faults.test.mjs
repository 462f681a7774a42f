// Every kind of fault, under load, on three nodes with PostgreSQL and Redis of their own. Nothing may be lost, doubled or out of
// order. SEED replays a schedule, FAULT=redis-flushall,node-kill restricts it.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { FAULTS } from './faults.mjs';
import { plays } from './plays.mjs';
import { faultsOf } from './run.mjs';
import { systemNamed } from './systems.mjs';

const SEEDS = process.env.SEED ? process.env.SEED.split(',').map(Number) : [20261124];
const kinds = process.env.FAULT?.split(',') ?? Object.keys(FAULTS);

for (const seed of SEEDS) {
  test(`whatever fails, nobody misses a message, sees one twice or out of order (seed ${seed})`, { timeout: 300_000 }, async (t) => {
    const { outcome, left } = await plays(t, { seed, kinds, system: systemNamed('hubbub', { timings: 'short' }) });

    const { ledger, history } = outcome;
    t.diagnostic(`${ledger.acknowledgedCount} acknowledged, ${ledger.shownCount} shown, reconnects: ${JSON.stringify(ledger.reconnects())}`);
    assert.deepEqual(faultsOf(outcome), []);
    assert.equal(history.stored, ledger.acknowledgedCount);
    assert.deepEqual(left, [], 'faults that did not bite, or with too few messages around them');
  });
}

test('with repair switched off, the same books are red', { timeout: 120_000 }, async (t) => {
  const system = systemNamed('hubbub', { timings: 'short', repair: false });
  // Faults in which sockets stay: nobody is helped by a resume.
  const silent = ['redis-flushall', 'redis-kill', 'redis-kill-pubsub', 'redis-pause', 'redis-cut'];

  const { outcome } = await plays(t, { seed: SEEDS[0], system, kinds: silent, patience: 2_000, steps: silent.length });

  t.diagnostic(`${outcome.findings.lost.length} lost of ${outcome.ledger.acknowledgedCount} acknowledged`);
  assert.ok(outcome.findings.lost.length > 0, 'a suite that cannot see a loss proves nothing');
  assert.equal(outcome.history.missing, 0, 'they are lost on the way only, not in the database');
});
