// A hub to test against: the real process, with a database of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { within } from './wait';

const binary = resolve(process.env['HUBBUB_BIN'] ?? '../target/debug/hubbub');

const running = new Set<ChildProcess>();

// Whatever ends the tests, no hub outlives them.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class TestNode {
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  url = '';

  private constructor(folder: string, env: Record<string, string>) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Starts a hub; resolves when it listens. `env` changes its settings. */
  static async start(env: Record<string, string> = {}): Promise<TestNode> {
    const node = new TestNode(await mkdtemp(join(tmpdir(), 'hubtest-')), env);
    try {
      await node.#start();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  async #start(): Promise<void> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      OPS_PORT: '0',
      DATABASE_URL: `sqlite://${this.#folder}/hub.db`,
      HUBBUB__HTTP__HOST: '127.0.0.1',
      HUBBUB__OPS__HOST: '127.0.0.1',
      HUBBUB__DRAIN__NOTICE: '0s',
      ...this.#env,
    };
    const child = spawn(binary, ['serve'], { cwd: this.#folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const log: string[] = [];
    createInterface(child.stderr).on('line', (line) => {
      log.push(line);
      if (log.length > 50) log.shift();
    });
    const listens = new Promise<string>((found, failed) => {
      createInterface(child.stdout).on('line', (line) => {
        const url = /^hubbub listens on (http:\S+)$/.exec(line)?.[1];
        if (url !== undefined) found(url);
      });
      child.once('error', failed);
      child.once('exit', () => failed(new Error(`${binary} ended at start:\n${log.join('\n')}`)));
    });
    this.url = await within(listens, 'the hub listens', 20_000);
  }

  /** Ends the process, and removes its data. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await within(ended, 'the hub ends');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
