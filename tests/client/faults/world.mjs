// Everything that a run stands on: PostgreSQL, Redis, nodes, wires, balancer, people, their pages, and the senders.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { request } from '../support/user.mjs';
import { Balancer } from './balancer.mjs';
import { Ledger } from './ledger.mjs';
import { Network } from './network.mjs';
import { KINDS, Page } from './page.mjs';
import { Postgres } from './postgres.mjs';
import { until } from './program.mjs';
import { Redis } from './redis.mjs';
import { Senders } from './senders.mjs';
import { Member } from './systems.mjs';

/** People, each writing to others on `peers` devices at the same time; and how many of them have a page of each kind. */
const CROWD = { people: 12, peers: 10, pages: { websocket: 12, upgrade: 6, polling: 3, own: 12 } };

export class World {
  members = [];
  #cleanUp = [];

  /** `alone`: one node with SQLite instead of `nodes` with PostgreSQL and Redis. `logs`: a folder for the nodes' logs. */
  static async start(system, { nodes = 3, alone = false, fsync = false, crowd = CROWD, rate = 200, reconnection, logs } = {}) {
    const world = new World();
    Object.assign(world, { system, alone, crowd, rate, reconnection, logs });
    try {
      await world.#start(alone ? 1 : nodes, fsync);
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  async #start(nodes, fsync) {
    this.folder = await mkdtemp(join(tmpdir(), 'hubbub-faults-'));
    this.#cleanUp.push(() => rm(this.folder, { recursive: true, force: true }));
    this.wires = { client: new Network(), database: new Network(), redis: new Network() };
    Object.values(this.wires).forEach((network) => this.#cleanUp.push(() => network.close()));
    if (!this.alone) await this.#startServices(fsync);
    for (let i = 0; i < nodes; i += 1) {
      this.members.push(new Member(this.system, i, { folder: this.folder, logs: this.logs, urls: this.alone ? {} : await this.#urls(i) }));
    }
    // The first one makes the schema; all at once would work, too, but a log of lock waits is no good start.
    await this.members[0].start();
    await Promise.all(this.members.slice(1).map((member) => member.start()));
    this.#cleanUp.push(() => Promise.all(this.members.map((member) => member.kill())));
    this.balancer = new Balancer(this.members, this.wires.client);
    this.#cleanUp.push(() => this.balancer.close());
    this.nodeUrls = await Promise.all(this.members.map((member) => this.balancer.straightTo(member.index)));
    await this.#gather();
  }

  async #startServices(fsync) {
    this.postgres = await Postgres.start(this.folder, { fsync });
    this.#cleanUp.push(() => this.postgres.stop());
    this.redis = await Redis.start(this.folder);
    this.#cleanUp.push(() => this.redis.stop());
  }

  /** Each node has wires of its own, so that it can be cut off alone. */
  async #urls(tag) {
    const database = await this.wires.database.listen(() => ({ port: this.postgres.port, tag }));
    const redis = await this.wires.redis.listen(() => ({ port: this.redis.primary.port, tag }));
    return { database: `postgres://postgres@127.0.0.1:${database}/faults`, redis: `redis://127.0.0.1:${redis}` };
  }

  async #gather() {
    const { people, peers, pages } = this.crowd;
    this.ledger = new Ledger(this.system);
    this.people = [];
    for (let i = 0; i < people; i += 1) this.people.push(await this.signsUp(`person ${i}`, i % this.members.length));
    for (const [i, from] of this.people.entries()) {
      for (let device = 0; device < peers; device += 1) {
        // In turns to the left and to the right, so that both directions of a conversation are there.
        const distance = 1 + (Math.floor(device / 2) % (people - 1));
        const other = (i + (device % 2 ? people - distance : distance)) % people;
        this.ledger.addStream(from, this.people[other]);
      }
    }
    const inTurn = await this.balancer.inTurn();
    let sticky = 0;
    for (const [kind, count] of Object.entries(pages)) {
      if (KINDS[kind].own && !this.system.ownClients) continue;
      for (let i = 0; i < count; i += 1) {
        const url = KINDS[kind].sticky ? await this.balancer.sticky((sticky += 1)) : inTurn;
        this.opens({ user: this.people[i % people], kind, url });
      }
    }
    await until(() => this.pages.every((page) => page.connectedAt > 0), 30_000, () => 'all pages are connected');
    this.senders = new Senders({ streams: this.ledger.streams, ledger: this.ledger, urls: this.nodeUrls, rate: this.rate });
  }

  get pages() {
    return this.ledger.pages;
  }

  async signsUp(fullName, node) {
    const account = { fullName, email: `${randomUUID()}@example.org`, password: 'correct horse' };
    const { status, body, token } = await request({ url: this.nodeUrls[node] }, 'POST', '/api/auth/signup', { body: account });
    if (status !== 201) throw new Error(`sign-up: ${status} ${JSON.stringify(body)}`);
    return { id: body._id, token };
  }

  opens({ user, kind, url }) {
    const onMessage = (page, message, place) => this.ledger.shown(page, message, place);
    const page = new Page({ user, kind, url, onMessage, reconnection: this.reconnection });
    this.ledger.addPage(page);
    return page;
  }

  async stop() {
    this.senders?.halt();
    this.ledger?.pages.forEach((page) => page.close());
    for (const cleanUp of this.#cleanUp.reverse()) await cleanUp();
    this.#cleanUp = [];
  }
}
