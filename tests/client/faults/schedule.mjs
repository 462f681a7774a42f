// What happens when, from a seed alone: every kind of fault once, in random order, then every kind again, and so on.
import { FAULTS } from './faults.mjs';
import { Random } from './random.mjs';

/** How often two faults come at the same time. */
const TOGETHER = 0.2;

/** How often it is calm after a fault, for so long that a late delivery finds no excuse in the next one. */
const CALM = 0.15;
const LONG_ENOUGH = 6_000;

/**
 * Endless steps `{faults: [{kind, parameters}], gap}`; `gap` is the pause after it in milliseconds. `pace` below 1 makes faults
 * and pauses shorter. `alone`: never two faults at the same time.
 */
export function* schedule(seed, { kinds = Object.keys(FAULTS), pace = 1, alone = false } = {}) {
  for (const kind of kinds) if (!FAULTS[kind]) throw new Error(`FAULT=${kind}: choose among ${Object.keys(FAULTS).join(', ')}`);
  const random = new Random(seed);
  for (;;) {
    const deck = random.shuffled(kinds);
    while (deck.length > 0) {
      const faults = [draws(deck.shift(), random, pace)];
      if (!alone && deck.length > 0 && random.next() < TOGETHER) {
        const other = draws(deck[0], random, pace);
        const held = FAULTS[faults[0].kind].holds(faults[0].parameters);
        if (!FAULTS[other.kind].holds(other.parameters).some((thing) => held.includes(thing))) {
          deck.shift();
          faults.push(other);
        }
      }
      const gap = random.next() < CALM ? LONG_ENOUGH : random.between(100, 1_200);
      yield { faults, gap: Math.round(gap * pace) };
    }
  }
}

function draws(kind, random, pace) {
  return { kind, parameters: FAULTS[kind].plan(random, pace) };
}

/** As it is printed. */
export function describe({ kind, parameters }) {
  const { node, ms, ...rest } = parameters;
  const where = 'node' in parameters ? ` ${node === undefined ? 'all nodes' : `node ${node}`}` : '';
  const more = Object.entries(rest).map(([key, value]) => ` ${key}=${value}`).join('');
  return `${kind}${where}${ms === undefined ? '' : ` ${ms} ms`}${more}`;
}
