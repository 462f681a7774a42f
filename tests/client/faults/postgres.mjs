// A PostgreSQL server of our own that can crash and come back on the same port, with the same data.
import { chown, chmod, mkdir, readdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, freePort, run, until } from './program.mjs';

const asRoot = process.getuid() === 0;
const privileges = asRoot ? ['--reuid=postgres', '--regid=postgres', '--init-groups'] : [];

/** Where Debian keeps the newest server's programs, which are not on the PATH. */
async function programs() {
  const root = '/usr/lib/postgresql';
  const versions = (await readdir(root).catch(() => [])).filter((name) => /^\d+$/.test(name)).sort((a, b) => b - a);
  return versions.length > 0 ? join(root, versions[0], 'bin') : '';
}

export class Postgres {
  #bin;
  #data;
  #fsync;

  /** With `fsync` off nothing reaches the disk in time: enough to survive the server's crash, and faster. */
  static async start(folder, { fsync }) {
    const postgres = new Postgres();
    postgres.#bin = await programs();
    postgres.#fsync = fsync;
    postgres.#data = join(folder, 'postgres');
    postgres.port = await freePort();
    await chmod(folder, 0o711);
    await mkdir(postgres.#data, { mode: 0o700 });
    if (asRoot) {
      const { stdout } = await run('id', ['-u', 'postgres']);
      await chown(postgres.#data, Number(stdout), -1);
    }
    const initdb = ['-D', postgres.#data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await run('setpriv', [...privileges, join(postgres.#bin, 'initdb'), ...initdb].filter((arg) => arg !== ''), { cwd: postgres.#data });
    await postgres.up();
    await postgres.sql('CREATE DATABASE faults', 'postgres');
    return postgres;
  }

  async up() {
    const options = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: 300, fsync: this.#fsync ? 'on' : 'off' };
    // Some room, so that checkpoints do not add waits that no fault made.
    Object.assign(options, { shared_buffers: '128MB', max_wal_size: '2GB', full_page_writes: this.#fsync ? 'on' : 'off' });
    const args = ['-D', this.#data, '-p', String(this.port), ...Object.entries(options).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    this.program = new Program(join(this.#bin, 'postgres'), args, { cwd: this.#data, privileges, deathSignal: 'INT' });
    await until(() => this.#isReady(), 60_000, () => `PostgreSQL\n${this.program.log}`, 20);
  }

  #isReady() {
    if (!this.program.alive) throw new Error(`PostgreSQL ended:\n${this.program.log}`);
    try {
      const lines = readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n');
      return Number(lines[0]) === this.program.pid && lines[7]?.trim() === 'ready';
    } catch {
      return false;
    }
  }

  /** What `pg_ctl stop -m immediate` does: no checkpoint, no good-bye; the next start recovers from the log. */
  async crash() {
    await this.program.stop('SIGQUIT');
  }

  async sql(statement, database = 'faults') {
    const url = `postgres://postgres@127.0.0.1:${this.port}/${database}`;
    const { stdout } = await run('psql', ['-qAt', '-v', 'ON_ERROR_STOP=1', url, '-c', statement], { timeout: 60_000, maxBuffer: 1e8 });
    return stdout.trim();
  }

  async version() {
    return (await this.sql('SHOW server_version')).split(' ')[0];
  }

  async stop() {
    await this.program?.stop('SIGINT', 15_000);
  }
}
