// Without Redis for a while; a node alone that is killed again and again; peers that stop reading.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import './ending.mjs';
import { RECONNECTION } from './plays.mjs';
import { Random } from './random.mjs';
import { Run, faultsOf } from './run.mjs';
import { embedded, outage } from './scenarios.mjs';
import { systemNamed } from './systems.mjs';
import { World } from './world.mjs';

const SEED = Number(process.env.SEED ?? 20261124);
const KILLS = Number(process.env.KILLS ?? 10);
const OUTAGE = Number(process.env.OUTAGE ?? 8);

test(`Redis is gone for ${OUTAGE} s: sends are answered, the same node delivers, and the rest follows`, { timeout: 120_000 + OUTAGE * 1_000 }, async (t) => {
  const world = await World.start(systemNamed('hubbub', { timings: 'short' }), { rate: 150, reconnection: RECONNECTION });
  t.after(() => world.stop());
  const run = new Run(world, { print: (line) => t.diagnostic(line) });

  const story = await outage(run, OUTAGE * 1_000);
  const outcome = await run.settles();

  t.diagnostic(JSON.stringify(story));
  assert.deepEqual(faultsOf(outcome), []);
  assert.equal(story.failed, 0, 'a send failed because Redis was away');
  assert.equal(story.sameNode.unseen, 0);
  // It doesn't wait for Redis to come back.
  assert.ok(story.sameNode.delayMs.p99 < OUTAGE * 500, `on the same node a message took ${story.sameNode.delayMs.p99} ms`);
  assert.equal(story.acrossNodes.unseen, 0);
  assert.equal(story.acrossNodes.laterThan5s, 0);
});

test(`a node alone is killed ${KILLS} times: every acknowledged message is there once, and shown once`, { timeout: 60_000 + KILLS * 6_000 }, async (t) => {
  const system = systemNamed('hubbub', { timings: 'short' });
  t.diagnostic(`SEED=${SEED} KILLS=${KILLS}`);

  const outcome = await embedded(system, {
    kills: KILLS,
    random: new Random(SEED),
    print: (line) => t.diagnostic(line),
    reconnection: RECONNECTION,
    pace: 0.5,
  });

  const { ledger, history } = outcome;
  t.diagnostic(`${ledger.acknowledgedCount} acknowledged, reconnects: ${JSON.stringify(ledger.reconnects())}`);
  assert.deepEqual(faultsOf(outcome), []);
  assert.equal(history.stored, ledger.acknowledgedCount);
  assert.equal(ledger.windows.filter(({ counts }) => counts).length, KILLS, 'kills with too few messages around them');
});
