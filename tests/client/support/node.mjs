// One hubbub process, as an operator would run it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { deadline } from './deadline.mjs';

const binary = process.env.HUBBUB_BIN ?? fileURLToPath(new URL('../../../target/debug/hubbub', import.meta.url));
const running = new Set();

// Whatever ends this process, no hubbub outlives it.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** A running node. `url` is its public address, `opsUrl` that of /ready and /metrics. */
export class Node {
  #child;
  #log = [];
  #asked = false;

  /** Starts a node with nothing in its environment but `env`; resolves when it says that it listens. */
  static async start(env, folder) {
    const node = new Node();
    await node.#start(env, folder);
    return node;
  }

  async #start(env, folder) {
    const base = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, RUST_BACKTRACE: '1' };
    const child = spawn(binary, ['serve'], { cwd: folder, env: { ...base, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(child);
    this.exit = once(child, 'exit').then(([code, signal]) => {
      running.delete(child);
      return { code, signal, asked: this.#asked };
    });
    createInterface(child.stderr).on('line', (line) => {
      if (process.env.HUBBUB_TEST_LOG) console.error(`${child.pid}: ${line}`);
      this.#log.push(line);
      if (this.#log.length > 200) this.#log.shift();
    });
    const listening = new Promise((resolve) => {
      createInterface(child.stdout).on('line', (line) => {
        this.url ??= /^hubbub listens on (http:\S+)$/.exec(line)?.[1];
        this.opsUrl ??= /^ops listens on (http:\S+)$/.exec(line)?.[1];
        if (this.url && this.opsUrl) resolve();
      });
    });
    const died = this.exit.then((exit) => {
      throw new Error(`${binary} ended at start, ${JSON.stringify(exit)}:\n${this.log}`);
    });
    died.catch(() => {});
    await deadline(Promise.race([listening, died]), 30_000, () => `${binary} did not say where it listens:\n${this.log}`);
  }

  /** The last lines that it logged. */
  get log() {
    return this.#log.join('\n');
  }

  /** SIGTERM; resolves with `{code, signal, ms}` when the process has ended. */
  async terminate() {
    const start = performance.now();
    this.#asked = true;
    this.#child.kill('SIGTERM');
    const exit = await deadline(this.exit, 30_000, () => `a node ignored SIGTERM for 30 s:\n${this.log}`);
    return { ...exit, ms: performance.now() - start };
  }

  /** Ends the process at once. Resolves with how it had ended, had it done so unasked. */
  async kill() {
    const unasked = this.#child.exitCode !== null || this.#child.signalCode !== null ? await this.exit : undefined;
    this.#asked = true;
    this.#child.kill('SIGKILL');
    await this.exit;
    return unasked?.asked ? undefined : unasked;
  }
}
