// People with a socket each, spread over the nodes, in as many processes as they need.
import { sleep, until } from '../../tests/client/faults/program.mjs';
import { TELLS } from './belief.mjs';

/** Sockets of one process: the usual limit of open files is not far above. */
const SOCKETS = 10_000;
const LOOK = 500; // ms between two looks at what they believe
const STEP = 10; // ms: how finely a rate is kept
const AT_ONCE = 200; // who gather without a rate
const GATHERED_WITHIN = 120_000; // ms

const sum = (all, what) => all.reduce((total, one) => total + what(one), 0);
const most = (all, what) => Math.max(...all.map(what));

/** The cell of a table for what took so many seconds until all had settled, if they have. */
export function inTime({ settled, silent, seconds: waited }, seconds) {
  if (settled) return Math.max(0, seconds).toFixed(1);
  return silent ? 'never' : `not within ${waited.toFixed(0)}`;
}

export class Crowd {
  #helpers = [];
  #nodes;
  #scope;
  #away; // nobody is connected yet

  /** `people` are those of people.mjs, all of `kind`; `scope` says of how many online whom everybody is told about. */
  constructor(stand, { kind, nodes, people, scope }) {
    const [ids, urls] = [people.map(({ id }) => id), nodes.map(({ url }) => url)];
    this.#nodes = nodes.length;
    this.#scope = scope;
    this.#away = new Set(people.keys());
    for (let from = 0; from < people.length; from += SOCKETS) {
      const own = people.map((one, person) => (person >= from && person < from + SOCKETS ? one : null));
      this.#helpers.push(stand.helper(new URL('clients.mjs', import.meta.url), { urls, kind, people: own, ids }));
    }
    this.size = people.length;
  }

  get #here() {
    return this.size - this.#away.size;
  }

  #all(order) {
    return Promise.all(this.#helpers.map((helper) => helper.asks(order)));
  }

  /** Gives each process the part of an order that is about its people. */
  #each(what, entries, personOf) {
    const parts = this.#helpers.map((_, at) => entries.filter((entry) => Math.floor(personOf(entry) / SOCKETS) === at));
    return Promise.all(parts.map((part, at) => part.length > 0 && this.#helpers[at].asks({ [what]: part })));
  }

  /** They connect one after another, so many a second; `nodeOf` a person and the number of those before says to which node. */
  async arrives(people, rate, nodeOf = (person) => person) {
    const [begin, count] = [performance.now(), people.length];
    for (let done = 0; done < count; ) {
      const due = Math.min(count, Math.ceil(((performance.now() - begin) / 1000) * rate));
      const some = people.slice(done, due).map((person, i) => [person, nodeOf(person, done + i) % this.#nodes]);
      some.forEach(([person]) => this.#away.delete(person));
      await this.#each('open', some, ([person]) => person);
      done = due;
      await sleep(STEP);
    }
  }

  /** They connect as fast as the nodes let them in; resolves when they believe the truth, and still do after `calm` ms. */
  async gathers(people, calm) {
    for (let at = 0; at < people.length; at += AT_ONCE) {
      await this.arrives(people.slice(at, at + AT_ONCE), Infinity);
      await until(async () => (await this.counts()).sockets === this.#here, GATHERED_WITHIN, () => 'all are connected', STEP);
    }
    const { settled, wrong, seconds } = await this.settles({ ms: GATHERED_WITHIN, calm });
    if (!settled) throw new Error(`after ${seconds.toFixed(0)} s without change there are ${wrong} wrong beliefs, or not all are connected`);
  }

  /** Their sockets end all at once. */
  async cut(people) {
    people.forEach((person) => this.#away.add(person));
    await this.#each('cut', people, (person) => person);
  }

  /** What came so far, in all. */
  async counts() {
    const all = await this.#all({ counts: true });
    const both = (of) => ({ messages: sum(all, (counts) => of(counts).messages), bytes: sum(all, (counts) => of(counts).bytes) });
    const events = TELLS.map((event) => [event, both((counts) => counts.events[event])]);
    const told = { messages: sum(events, ([, { messages }]) => messages), bytes: sum(events, ([, { bytes }]) => bytes) };
    const dropped = { dropped: sum(all, (counts) => counts.dropped.times), why: all.map((counts) => counts.dropped.why).find((why) => why) };
    const times = { toldAt: most(all, ({ told: at }) => at), connectedAt: most(all, ({ connected: at }) => at) };
    const sockets = sum(all, (counts) => counts.sockets);
    return { bytes: both((counts) => counts).bytes, told, events: Object.fromEntries(events), sockets, ...dropped, ...times };
  }

  /** What they were told so far, by event, and how often they were dropped. */
  async summary() {
    const { events, dropped, why } = await this.counts();
    const came = Object.entries(events).filter(([, { messages }]) => messages > 0);
    const told = came.map(([event, { messages, bytes }]) => `${event} ${messages} (${bytes} bytes)`);
    return `  in all: ${told.join(', ')}; dropped and back ${dropped} times${why ? `: ${why}` : ''}`;
  }

  async #check() {
    const scope = this.#scope(this.#here);
    const all = await this.#all({ check: { offline: [...this.#away], scope } });
    return { wrong: sum(all, ({ wrong }) => wrong), changedAt: most(all, ({ changedAt }) => changedAt), scope };
  }

  /**
   * Waits until all who came are connected and believe the truth, and still do after `calm` ms. Gives up after `ms`, or when nobody was told
   * anything for `patience` ms. Answers what they believe then; `settled` is whether it is the truth, and in time.
   */
  async settles({ ms, calm, patience = ms }) {
    const begin = performance.now();
    for (let since; ; await sleep(LOOK)) {
      const { sockets, toldAt } = await this.counts();
      const found = await this.#check();
      const now = performance.now();
      const good = sockets === this.#here && found.wrong === 0;
      since = good ? (since ?? now) : undefined;
      const settled = good && now - since >= calm;
      const silent = !good && Date.now() - toldAt > patience;
      if (settled || silent || now - begin > ms) return { ...found, settled, silent, seconds: (now - begin) / 1000 };
    }
  }

  /** As if they had never been here. */
  ends() {
    this.#helpers.forEach((helper) => helper.ends());
  }
}
