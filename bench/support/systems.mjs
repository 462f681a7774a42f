// The systems that are compared: the hub on Redis and PostgreSQL, the hub with nothing but itself, and the stack that it replaces.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { peerPeople } from '../presence/people.mjs';
import { ofHub, ofPeer, settles } from '../scenarios/stored.mjs';
import { asBytes, seed } from './seed.mjs';

const PEER = 'peer';
const server = fileURLToPath(new URL('../node-peer/server.js', import.meta.url));
/** One account made for many people, one after another, from one address. */
const SIGN_UPS = { HUBBUB__LIMITS__SIGN_UP__BURST: '0', HUBBUB__LIMITS__FAILED_LOG_IN__BURST: '0' };

/** Makes an account as everybody does. Answers `{id, token, email, password}`. */
export async function signsUp(url, number) {
  const account = { fullName: `Person ${number}`, email: `person-${number}-${process.pid}@example.org`, password: 'correct horse battery' };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/auth/signup`, { method: 'POST', headers, body: JSON.stringify(account) });
  if (answer.status !== 201) throw new Error(`sign-up: ${answer.status} ${await answer.text()}`);
  const token = /jwt=([^;]+)/.exec(answer.headers.get('set-cookie'))[1];
  return { id: (await answer.json())._id, token, email: account.email, password: account.password };
}

/** Lines of JSON, as the load generator reads them. */
export async function writePeople(stand, name, people) {
  const file = join(stand.folder, `${name}.jsonl`);
  await writeFile(file, people.map((person) => `${JSON.stringify(person)}\n`).join(''));
  return file;
}

class System {
  /** Everybody that was made so far: people are made once and serve all scenarios. */
  people = [];

  constructor(stand, settings) {
    Object.assign(this, { stand, settings });
  }

  /** A file with so many people. */
  async crowd(world, count) {
    const missing = count - this.people.length;
    if (missing > 0) this.people.push(...(await this.makes(world, missing)));
    return writePeople(this.stand, `${this.key}-${count}`, this.people.slice(0, count));
  }

  /** Conversations of so many messages each, between pairs of people of whom nothing else is known. */
  async converses(_world, pairs, count) {
    const { postgres } = this.stand;
    for (const [one, other] of pairs) await postgres.sql(this.conversations([[one.id, other.id]], count), this.database);
    await settles(postgres, this.database);
  }

  /** Nodes for as long as `work` takes, and nothing of them in Redis after it. */
  async runs(count, work) {
    const { stand } = this;
    const nodes = [];
    try {
      await this.prepares?.();
      while (nodes.length < Math.min(count, this.most)) nodes.push(await this.starts(nodes.length, count));
      const urls = nodes.map(({ url }) => url);
      return await work({ nodes, urls, ...(this.embedded ? {} : { postgres: stand.postgres, redis: stand.redis }) });
    } finally {
      await Promise.all(nodes.map(({ program }) => program.stop('SIGKILL')));
      await stand.redis.primary.cli('FLUSHALL');
      await this.forgets?.();
    }
  }
}

export class Hub extends System {
  key = 'hub';
  name = 'hubbub';
  most = 6;
  database = 'faults';
  static hash = 'argon2id (19 MiB, 2 rounds)';
  conversations = ofHub;

  /** One of so many nodes, which divide the cores among them. */
  starts(_index, nodes) {
    const threads = Math.max(1, Math.floor(availableParallelism() / nodes));
    return this.stand.hubbub(this.settings.hub, { ...SIGN_UPS, HUBBUB__RUNTIME__WORKER_THREADS: String(threads), ...this.settings.env });
  }

  makes(_world, count) {
    return seed((statement) => this.stand.postgres.sql(statement), this.stand.secret, count);
  }

  /** Nodes that were killed are for those who come next neither to be seen nor to be swept. */
  forgets() {
    return this.stand.postgres.sql('DELETE FROM nodes');
  }
}

export class Embedded extends System {
  key = 'embedded';
  name = 'hubbub embedded';
  most = 1;
  embedded = true;

  get #file() {
    return join(this.stand.folder, 'embedded', 'hubbub.db');
  }

  async starts() {
    await mkdir(dirname(this.#file), { recursive: true });
    return this.stand.hubbub(this.settings.hub, { ...SIGN_UPS, ...this.settings.env, DATABASE_URL: `sqlite://${this.#file}`, REDIS_URL: '' });
  }

  makes(_world, count) {
    // The node has the file open, too: whoever comes second waits.
    const sql = (statement) => promisify(execFile)('sqlite3', ['-cmd', '.timeout 10000', this.#file, statement]);
    return seed(sql, this.stand.secret, count, asBytes);
  }

  /** By sending them, all conversations at once. */
  async converses({ urls }, pairs, count) {
    await Promise.all(pairs.map(async ([one, other]) => {
      for (let n = 0; n < count; n += 1) {
        const [from, to] = n % 2 === 0 ? [one, other] : [other, one];
        const headers = { 'content-type': 'application/json', cookie: `jwt=${from.token}` };
        const body = JSON.stringify({ text: `message ${n} of a conversation, as long as others` });
        const answer = await fetch(`${urls[0]}/api/messages/send/${to.id}`, { method: 'POST', headers, body });
        if (answer.status !== 201) throw new Error(`send: ${answer.status} ${await answer.text()}`);
        await answer.arrayBuffer();
      }
    }));
  }
}

export class Peer extends System {
  key = 'node';
  name = 'Node original';
  most = 6;
  database = PEER;
  static hash = 'bcrypt (cost 10)';
  conversations = ofPeer;

  static get installed() {
    return existsSync(fileURLToPath(new URL('../node-peer/node_modules', import.meta.url)));
  }

  async prepares() {
    await (this.prepared ??= this.stand.postgres.sql(`CREATE DATABASE ${PEER}`, 'postgres'));
  }

  starts() {
    return this.stand.nodePeer(server, PEER, { ADAPTER: 'sharded', ONLINE: 'off', BCRYPT_COST: '10' });
  }

  makes(_world, count) {
    return peerPeople(this.stand, PEER, count);
  }
}
