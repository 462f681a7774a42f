// Three nodes with a PostgreSQL and a Redis of their own behind wires that can be cut, people with tabs, and observers of every
// kind on every node. All that is done here goes into the timeline.
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchText } from '../faults/balancer.mjs';
import { sleep, until } from '../faults/program.mjs';
import { systemNamed } from '../faults/systems.mjs';
import { World } from '../faults/world.mjs';
import { User } from '../support/user.mjs';
import { Asker } from './asker.mjs';
import { knows, thoughts } from './beliefs.mjs';
import { Client } from './client.mjs';
import { Person } from './person.mjs';
import { Timeline } from './timeline.mjs';
import { Truth } from './truth.mjs';

const NODES = [0, 1, 2];
const now = () => performance.now();
/** How long clients may take to connect. */
const SETTLING = 20_000;

export class Stand {
  people = [];
  observers = [];
  #askers = [];
  #seats = [];
  #idle = [];

  /** `timing` is one of those in bounds.mjs, `people` how many there are besides the observers. */
  static async start({ timing, people }) {
    const stand = new Stand();
    stand.bounds = timing.bounds;
    stand.timeline = new Timeline({ start: now() });
    const nobody = { people: 0, peers: 0, pages: {} };
    stand.world = await World.start(systemNamed('hubbub', { env: timing.env }), { crowd: nobody, logs: process.env.LOGS });
    try {
      await stand.#gathers(people);
    } catch (error) {
      await stand.stop();
      throw error;
    }
    return stand;
  }

  async #gathers(people) {
    await Promise.all(NODES.map((node) => this.#serves(node)));
    const signsUp = async (name, node) => {
      const user = await User.signsUp(this.#seats[node % NODES.length], name.replaceAll(' ', '-'));
      this.timeline.names.set(user.id, name);
      return user;
    };
    const observes = async (kind, node) => {
      const user = await signsUp(`${kind} observer ${node}`, node);
      // One kind of stock client begins with polling, as it does by default.
      return Client.of(this, { user, kind, node, transports: kind === 'list' ? 'upgrade' : 'websocket' });
    };
    this.observers = await Promise.all(NODES.flatMap((node) => ['list', 'diff'].map((kind) => observes(kind, node))));
    const names = Array.from({ length: people }, (_, i) => `person ${i}`);
    this.people = await Promise.all(names.map(async (name, i) => Person.with(this, await signsUp(name, i), name)));
    this.#idle = [...this.people];
    this.observers.forEach((observer) => observer.opens());
    this.#askers = NODES.map((node) => new Asker(this, { node, user: this.observers[2 * node].user }));
    await until(
      () => this.observers.every(({ connected }) => connected),
      20_000,
      () => 'the observers are connected',
    );
  }

  /** So many people who have no part in anything yet. */
  takes(count) {
    return this.#idle.splice(0, count);
  }

  get wires() {
    return this.world.wires.client;
  }

  get clients() {
    return [...this.observers, ...this.people.flatMap(({ tabs }) => tabs)];
  }

  complains(text) {
    this.timeline.complaints.push({ at: now(), text });
  }

  // Nodes.

  /** Takes a process in when it is ready, as a load balancer would. */
  async #serves(node) {
    const { opsUrl, url, port, program } = this.world.members[node];
    await until(
      async () => (await fetchText(`${opsUrl}/ready`)).status === 200,
      30_000,
      () => `node ${node} is ready\n${program.log}`,
      20,
    );
    this.timeline.births.set(program.pid, now());
    this.#seats[node] = { index: node, process: program.pid, url, opsUrl, port };
  }

  seatAt(node) {
    return this.#seats[node];
  }

  /** That node, or the next one that serves. */
  seatFor(node) {
    return NODES.map((step) => this.#seats[(node + step) % NODES.length]).find(Boolean);
  }

  fateOf(process) {
    const fault = this.timeline.faults.find((one) => one.process === process);
    return { kill: 'killed', drain: 'drained' }[fault?.kind];
  }

  async kills(node) {
    const { process } = this.#seats[node];
    this.#seats[node] = undefined;
    const fault = this.timeline.suffers('kill', { from: now(), node, process });
    const there = this.timeline.spans.filter((span) => span.process === process && span.lives);
    there.forEach((span) => span.ends('killed', fault.from));
    await this.world.members[node].kill();
    fault.to = now();
    there.forEach((span) => (span.gone ??= fault.to));
    return fault;
  }

  async revives(node) {
    await this.world.members[node].start();
    await this.#serves(node);
  }

  /** A new process takes over, and the old one is told to stop. */
  async replaces(node) {
    const { program } = this.world.members[node];
    await this.revives(node);
    const fault = this.timeline.suffers('drain', { from: now(), node, process: program.pid });
    // Questions go to the new process.
    this.timeline.spans
      .filter(({ kind, process, lives }) => kind === 'rest' && process === program.pid && lives)
      .forEach((span) => span.ends('drained', fault.from));
    const { code, signal } = await program.stop('SIGTERM', 60_000);
    fault.to = now();
    if (code !== 0) this.complains(`node ${node} ended with ${code ?? signal} when it was told to stop`);
  }

  /** process -> how many dead nodes it swept. */
  async swept() {
    const seats = this.#seats.filter(Boolean);
    const bodies = await Promise.all(seats.map(({ opsUrl }) => fetchText(`${opsUrl}/metrics`)));
    const read = ({ process, index }, i) => {
      const sample = /^hubbub_nodes_swept_total (\d+)$/m.exec(bodies[i].body);
      if (!sample) this.complains(`node ${index} does not say how many nodes it swept`);
      return [process, Number(sample?.[1] ?? 0)];
    };
    return new Map(seats.map(read));
  }

  /** node -> how often it put right what was wrong with Redis, by reason. */
  async repairs() {
    const bodies = await Promise.all(this.#seats.filter(Boolean).map(({ opsUrl }) => fetchText(`${opsUrl}/metrics`)));
    const samples = ({ body }) => [...body.matchAll(/^hubbub_reconciles_total\{reason="(\w+)"\} (\d+)$/gm)];
    return bodies.map((body) => Object.fromEntries(samples(body).map(([, reason, count]) => [reason, Number(count)])));
  }

  // Redis. Each of these resolves when Redis is back.

  async #misses(kind, where, fault) {
    const window = this.timeline.suffers(kind, { from: now(), ...where });
    try {
      await fault();
    } finally {
      window.to = now();
    }
    return window;
  }

  flushes() {
    return this.#misses('loss', {}, () => this.world.redis.primary.cli('FLUSHALL', 'SYNC'));
  }

  /** What Redis holds now, for `restarts`. */
  async saves() {
    const { primary } = this.world.redis;
    await primary.cli('SAVE');
    const dump = join(this.world.folder, `dump-${Math.round(now())}.rdb`);
    await copyFile(join(primary.folder, 'dump.rdb'), dump);
    return dump;
  }

  /** Killed, and `ms` later started again: empty, or with what it held earlier. */
  restarts(ms, dump) {
    const { redis } = this.world;
    return this.#misses('away', {}, async () => {
      const starts = await redis.kill({ keeps: false });
      await sleep(ms);
      if (dump) await copyFile(dump, join(redis.primary.folder, 'dump.rdb'));
      await starts();
    });
  }

  stalls(ms) {
    const { program } = this.world.redis.primary;
    return this.#misses('away', {}, async () => {
      program.signal('SIGSTOP');
      await sleep(ms);
      program.signal('SIGCONT');
    });
  }

  /** A replica takes over that has not heard of what `meanwhile` wrote. */
  async failsOver(meanwhile) {
    const { redis } = this.world;
    await redis.cutReplication();
    await meanwhile();
    const window = await this.#misses('away', {}, () => redis.promote());
    await redis.rejoin();
    return window;
  }

  /** One node alone loses Redis, and the others don't. */
  cutsOff(node, ms) {
    const wire = this.world.wires.redis;
    return this.#misses('cut', { node }, async () => {
      wire.cut(node);
      await sleep(ms);
      wire.heal(node);
    });
  }

  // Rest.

  /** Observers that fled from a node go back there. */
  goHome() {
    for (const observer of this.observers) {
      if (observer.connected && observer.span.node !== observer.node && this.#seats[observer.node]) observer.reopens();
    }
  }

  /** The open connections that do not think of these people what is true. */
  #mistaken(ids) {
    const online = this.timeline.online();
    const isWrong = (span) => {
      const thought = thoughts(span, ids);
      return !thought || !knows(span) || ids.some((id) => thought.has(id) !== online.has(id));
    };
    const watching = [...this.clients, ...this.#askers].map(({ span }) => span).filter((span) => span?.lives);
    return watching.filter(isWrong);
  }

  /**
   * Waits until every client thinks of these people what is true, for `ms` at most, and writes down what is; the checker
   * compares. Resolves with how long it took.
   */
  async agrees(people, ms) {
    const from = now();
    const settled = () => people.every(({ busy, tabs }) => !busy && tabs.every(({ wanted, connected }) => wanted === connected));
    await until(settled, SETTLING, () => 'everybody is connected or closed');
    const ids = people.map(({ id }) => id).filter((id) => !this.#isOpen(id, from + ms));
    await until(
      () => this.#mistaken(ids).length === 0,
      Math.max(0, from + ms - now()),
      () => '',
    ).catch(() => {});
    this.timeline.rests.push({ at: now(), people: ids, online: this.timeline.online() });
    return now() - from;
  }

  /** Whether it may take until after `end` before this person, who left a node that was told to stop, is due as offline. */
  #isOpen(id, end) {
    const gap = new Truth(this.timeline, this.bounds, now()).gaps(id, 0).at(-1);
    return !this.timeline.online().has(id) && gap?.due > end;
  }

  /** The same for everybody. */
  rests(ms) {
    const observers = this.observers.map((observer) => ({ id: observer.user.id, tabs: [observer] }));
    return this.agrees([...this.people, ...observers], ms);
  }

  async stop() {
    await Promise.all(this.#askers.map((asker) => asker.stop()));
    this.clients.forEach((client) => client.closes());
    for (const { index, unasked } of this.world.members) {
      for (const { code, signal, log } of unasked)
        this.complains(`node ${index} ended by itself (${code ?? signal}):\n${log.slice(-2_000)}`);
    }
    await this.world.stop();
  }
}
