// What a benchmark stands on: a folder, a PostgreSQL that flushes to the disk and a Redis of its own, nodes, and processes full of
// sockets. All of them end with it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Postgres } from '../../tests/client/faults/postgres.mjs';
import { Program, until } from '../../tests/client/faults/program.mjs';
import { Redis } from '../../tests/client/faults/redis.mjs';
import { Helper } from './helper.mjs';

// Everybody comes from one address, and faster than people do.
const LIMITS = ['SEND', 'EVENT', 'ADMISSION', 'HANDSHAKE'];
const WITHOUT_LIMITS = Object.fromEntries(LIMITS.map((name) => [`HUBBUB__LIMITS__${name}__BURST`, '0']));

export class Stand {
  #cleanUp = [];
  #closing;
  secret = randomBytes(32).toString('hex');

  static async opens(name) {
    const stand = new Stand();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stand.closes().finally(() => process.exit(1)));
    try {
      stand.folder = await mkdtemp(join(tmpdir(), `hubbub-${name}-`));
      stand.#cleanUp.push(() => rm(stand.folder, { recursive: true, force: true }));
      stand.postgres = await Postgres.start(stand.folder, { fsync: true });
      stand.#cleanUp.push(() => stand.postgres.stop());
      stand.redis = await Redis.start(stand.folder);
      stand.#cleanUp.push(() => stand.redis.stop());
      return stand;
    } catch (error) {
      await stand.closes();
      throw error;
    }
  }

  #urls(database) {
    const { postgres, redis } = this;
    return { DATABASE_URL: `postgres://postgres@127.0.0.1:${postgres.port}/${database}`, REDIS_URL: `redis://127.0.0.1:${redis.primary.port}` };
  }

  /** A node: `{url, ops, program}`. `says` are patterns of the lines in which it tells its addresses. */
  async #starts(command, args, env, says) {
    const node = {};
    const onLine = (line) => Object.entries(says).forEach(([what, pattern]) => (node[what] ??= pattern.exec(line)?.[1]));
    const base = { PATH: process.env.PATH, JWT_SECRET: this.secret, PORT: '0' };
    node.program = new Program(command, args, { cwd: this.folder, env: { ...base, ...env }, onLine });
    this.#cleanUp.push(() => node.program.stop('SIGKILL'));
    await until(() => node.url || !node.program.alive, 30_000, () => `a node listens\n${node.program.log}`);
    if (!node.program.alive) throw new Error(`a node ended at start:\n${node.program.log}`);
    return node;
  }

  hubbub(binary, env = {}) {
    const own = {
      OPS_PORT: '0', HUBBUB__HTTP__HOST: '127.0.0.1', HUBBUB__OPS__HOST: '127.0.0.1', HUBBUB__DATABASE__MIGRATE_ON_START: 'true',
      HUBBUB__MEDIA__SHARED: 'true', HUBBUB__REALTIME__SOCKETS_PER_USER: '1000', ...this.#urls('faults'), ...WITHOUT_LIMITS, ...env,
    };
    return this.#starts(binary, ['serve'], own, { url: /^hubbub listens on (http:\S+)$/, ops: /^ops listens on (http:\S+)$/ });
  }

  /** A node of bench/node-peer on a database of its own. */
  nodePeer(server, database, env = {}) {
    const own = { NODE_ENV: 'production', ...this.#urls(database), ...env };
    return this.#starts(process.execPath, [server], own, { url: /^listens on (http:\S+)$/ });
  }

  helper(url, order) {
    const helper = new Helper(url, order);
    this.#cleanUp.push(() => helper.ends());
    return helper;
  }

  /** Whoever asks again waits for the same end. */
  closes() {
    return (this.#closing ??= this.#close());
  }

  async #close() {
    for (const step of this.#cleanUp.reverse()) await step();
  }
}
