// Two Redis servers: one is the primary, the other its replica, until a failover swaps them.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Network } from './network.mjs';
import { Program, freePort, run, until } from './program.mjs';

class Server {
  constructor(folder, port) {
    this.folder = folder;
    this.port = port;
  }

  async start() {
    const args = ['--port', this.port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.folder];
    // A replica that lost its primary goes on with what it has; and a full copy must not wait for others to join in.
    args.push('--daemonize', 'no', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1');
    this.program = new Program('redis-server', args.map(String), { cwd: this.folder });
    await until(() => this.cli('PING').then((pong) => pong === 'PONG', () => false), 15_000, () => `Redis\n${this.program.log}`, 20);
  }

  /** One command; the answer as redis-cli prints it. */
  async cli(...args) {
    const { stdout } = await run('redis-cli', ['-p', String(this.port), ...args.map(String)], { timeout: 20_000 });
    return stdout.trim();
  }

  async info(section, key) {
    return new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(await this.cli('INFO', section))?.[1];
  }
}

export class Redis {
  #servers = [];
  #primary = 0;
  #replication = new Network();

  static async start(folder) {
    const redis = new Redis();
    for (const name of ['redis-a', 'redis-b']) {
      await mkdir(join(folder, name), { recursive: true });
      redis.#servers.push(new Server(join(folder, name), await freePort()));
    }
    await Promise.all(redis.#servers.map((server) => server.start()));
    redis.replicationPort = await redis.#replication.listen(() => ({ port: redis.primary.port, tag: 'replication' }));
    await redis.#follows();
    return redis;
  }

  get primary() {
    return this.#servers[this.#primary];
  }

  get replica() {
    return this.#servers[1 - this.#primary];
  }

  #follows() {
    return this.replica.cli('REPLICAOF', '127.0.0.1', this.replicationPort);
  }

  async inSync() {
    await until(async () => (await this.replica.info('replication', 'master_link_status')) === 'up', 15_000, () => 'replica in sync');
  }

  /** From now on the replica hears nothing: it grows stale. */
  async cutReplication() {
    await this.inSync();
    this.#replication.cut('replication');
  }

  async staleness() {
    const offsets = [this.primary.info('replication', 'master_repl_offset'), this.replica.info('replication', 'slave_repl_offset')];
    const [ahead, behind] = (await Promise.all(offsets)).map(Number);
    return ahead - behind;
  }

  /** The stale replica becomes the primary. The old one is killed; `rejoin` starts it again, as replica. */
  async promote() {
    await this.replica.cli('REPLICAOF', 'NO', 'ONE');
    const old = this.primary;
    this.#primary = 1 - this.#primary;
    await old.program.stop();
  }

  async rejoin() {
    await rm(join(this.replica.folder, 'dump.rdb'), { force: true });
    await this.replica.start();
    this.#replication.heal('replication');
    await this.#follows();
  }

  /** Kills the primary. With `keeps` it comes back with what it had, else empty. */
  async kill({ keeps }) {
    const { primary } = this;
    const dump = join(primary.folder, 'dump.rdb');
    await rm(dump, { force: true });
    if (keeps) await primary.cli('SAVE');
    await primary.program.stop();
    return async () => {
      await primary.start();
      await rm(dump, { force: true });
    };
  }

  runId() {
    return this.primary.info('server', 'run_id');
  }

  async stop() {
    await Promise.all(this.#servers.map((server) => server.program?.stop()));
    this.#replication.close();
  }
}
