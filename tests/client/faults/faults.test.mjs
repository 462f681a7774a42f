// Every kind of fault, under load, on three nodes with PostgreSQL and Redis of their own. Nothing may be lost, doubled or out of
// order. SEED replays a schedule, FAULT=redis-flushall,node-kill restricts it.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import './ending.mjs';
import { FAULTS } from './faults.mjs';
import { plays, RECONNECTION } from './plays.mjs';
import { faultsOf } from './run.mjs';
import { control } from './scenarios.mjs';
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

  const outcome = await control(system, { seed: SEEDS[0], print: (line) => t.diagnostic(line), reconnection: RECONNECTION });

  const { ledger, findings, history } = outcome;
  t.diagnostic(`${findings.lost.length} lost of ${ledger.shownCount + findings.lost.length}`);
  for (const { kind, bit } of ledger.windows) {
    assert.ok(bit, `${kind} did not bite`);
    assert.ok(findings.lost.some((loss) => loss.kind === kind), `${kind} cost nothing: a suite that cannot see a loss proves nothing`);
  }
  assert.equal(history.missing, 0, 'they are lost on the way only, not in the database');
});
