// A walk, from a seed alone: rounds of people who come and go, each around a fault or two. Nothing in it depends on what happens.
import { Random } from '../faults/random.mjs';

const NODES = [0, 1, 2];
const TABS = [0, 1, 2];
const ACTS = 12;

/** What people do and how often, each on a tab that is open or, to arrive, one that is not. */
const HABITS = { arrives: 8, leaves: 5, reloads: 4, moves: 3, blips: 2, types: 2, logsOut: 2 };
const DECK = Object.entries(HABITS).flatMap(([what, weight]) => Array(weight).fill(what));

/** How long each lasts at the least and at the most; some shorter and some longer than a lease of 2 s. */
const FAULTS = {
  kill: [300, 3_000],
  drain: [0, 0],
  flush: [0, 0],
  empty: [200, 2_500],
  older: [200, 2_500],
  stall: [500, 4_000],
  cut: [500, 4_000],
};

/** Together they are worse. */
export const ROUNDS = [
  ['kill'],
  ['drain'],
  ['flush'],
  ['empty'],
  ['older'],
  ['stall'],
  ['cut'],
  ['kill', 'flush'],
  ['kill', 'empty'],
];
/** As many of them make a walk. */
const LENGTH = 6;
/** Of these walks, each of ROUNDS is in one at least. */
export const SEEDS = [20261125, 20261126, 20261127];
export const PEOPLE = 12;

class Planner {
  #random;
  #tabs; // person -> tab -> node, or undefined: closed

  constructor(seed, people) {
    this.#random = new Random(seed);
    this.#tabs = Array.from({ length: people }, () => [undefined, undefined, undefined]);
  }

  rounds() {
    const arrivals = this.#tabs.map(() => ({ wait: this.#random.between(10, 80), ...this.#act('arrives') }));
    const kinds = this.#random.shuffled(ROUNDS).slice(0, LENGTH);
    // The last one is calm: what a fault left behind would be seen there.
    return [{ acts: arrivals, when: 0, faults: [] }, ...[...kinds, []].map((together) => this.#round(together))];
  }

  #round(kinds) {
    const random = this.#random;
    const when = random.between(2, 5);
    // A peer that vanished is noticed late, and would make every rest long.
    const vanishes = random.next() < 0.4;
    const acts = [];
    let faults = [];
    for (let i = 0; i < ACTS; i += 1) {
      if (i === when) faults = kinds.map((kind) => this.#fault(kind));
      acts.push({
        wait: random.between(30, 250),
        ...(vanishes && i === 0 ? this.#act('vanishes') : this.#act(random.pick(DECK))),
      });
    }
    return { when, faults, acts };
  }

  #act(what) {
    const random = this.#random;
    const open = this.#tabs.flatMap((tabs, person) =>
      TABS.filter((tab) => tabs[tab] !== undefined).map((tab) => ({ person, tab })),
    );
    if (what === 'arrives' || open.length === 0) return this.#arrival();
    const { person, tab } = random.pick(open);
    const act = { what, person, tab };
    switch (what) {
      case 'leaves':
      case 'vanishes':
        this.#tabs[person][tab] = undefined;
        return act;
      case 'moves':
        return { ...act, node: (this.#tabs[person][tab] = random.pick(NODES)) };
      case 'logsOut':
        this.#tabs[person].fill(undefined);
        return { what, person, node: random.pick(NODES) };
      case 'reloads':
        return { ...act, gap: random.between(10, 700) };
      case 'types':
        return { ...act, to: random.between(0, this.#tabs.length - 1) };
      default:
        return act;
    }
  }

  #arrival() {
    const random = this.#random;
    const person = random.between(0, this.#tabs.length - 1);
    const tab = this.#tabs[person].indexOf(undefined);
    if (tab < 0) return this.#act('leaves');
    return { what: 'arrives', person, tab, node: (this.#tabs[person][tab] = random.pick(NODES)) };
  }

  #fault(kind) {
    const node = this.#random.pick(NODES);
    const ms = this.#random.between(...FAULTS[kind]);
    return kind === 'kill' ? { kind, node, ms, leavers: this.#leavers(node) } : { kind, node, ms };
  }

  /** Some of those who are on the node do not come back; the others go on at the next one. */
  #leavers(node) {
    const there = this.#tabs.flatMap((tabs, person) => (tabs.includes(node) ? [person] : []));
    const leavers = this.#random.shuffled(there).slice(0, Math.ceil(there.length / 2));
    for (const person of leavers) this.#tabs[person].fill(undefined);
    for (const person of there)
      this.#tabs[person] = this.#tabs[person].map((at) => (at === node ? (node + 1) % NODES.length : at));
    return leavers;
  }
}

/** `[{acts, when, faults}]`: the faults begin before act number `when`. */
export function plan(seed, people) {
  return new Planner(seed, people).rounds();
}

/** As it is printed. */
export function describe({ faults }) {
  const one = ({ kind, node, ms, leavers }) => {
    const where = kind === 'kill' || kind === 'drain' || kind === 'cut' ? ` node ${node}` : '';
    return `${kind}${where}${ms ? ` ${ms} ms` : ''}${leavers ? ` (${leavers.length} do not come back)` : ''}`;
  };
  return faults.map(one).join(' + ') || 'calm';
}
