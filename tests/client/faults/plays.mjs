// How the tests play a schedule: short, and until every kind of fault has bitten.
import { Run } from './run.mjs';
import { schedule } from './schedule.mjs';
import { World } from './world.mjs';

/** Pages come back sooner than by default, which is 1 to 5 s. */
export const RECONNECTION = { reconnectionDelay: 200, reconnectionDelayMax: 1_000 };

/**
 * Plays until each of `kinds` counts, twice at most: `{outcome, left}`, where `left` are the kinds that do not. The output of the
 * test `t` has the seed, and one line a fault.
 */
export async function plays(t, { seed, system, kinds }) {
  const world = await World.start(system, { rate: 220, reconnection: RECONNECTION });
  t.after(() => world.stop());
  t.diagnostic(`SEED=${seed} FAULT=${kinds.join(',')}`);
  const run = new Run(world, { print: (line) => t.diagnostic(line) });
  const steps = schedule(seed, { kinds, pace: 0.4 });
  const left = new Set(kinds);
  for (let i = 0; i < 2 * kinds.length && left.size > 0; i += 1) {
    for (const window of await run.step(steps.next().value)) if (window.counts) left.delete(window.kind);
  }
  return { outcome: await run.settles(), left: [...left] };
}
