// A process that the suite starts, signals and ends: a node, PostgreSQL, Redis. None outlives the suite, whatever ends it.
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { deadline } from '../support/deadline.mjs';

export const run = promisify(execFile);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const running = new Map(); // child -> the signal that ends it

process.on('exit', () => running.forEach((signal, child) => child.kill(signal)));

/** Asks again and again until the answer is true, or fails after `ms`. */
export async function until(ask, ms, what, every = 50) {
  const end = performance.now() + ms;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what()}`);
    await sleep(every);
  }
}

const given = new Set();

/**
 * A port that was free a moment ago, for a server that must come back to the port where it was. None is given twice: the kernel may
 * offer one again before anybody listens on it.
 */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  if (given.has(port)) return freePort();
  given.add(port);
  return port;
}

export class Program {
  #child;
  #lines = [];
  #kept;
  #file;

  /** `privileges` are options of setpriv; `keep` is how many lines of output to keep; all go to `logFile`. */
  constructor(command, args, { cwd, env, privileges = [], keep = 400, onLine, logFile, deathSignal = 'KILL' } = {}) {
    this.#kept = keep;
    // The kernel ends it if this process dies without a word.
    const child = spawn('setpriv', [`--pdeathsig=${deathSignal}`, ...privileges, command, ...args], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C comes to the suite, which then ends things in order.
      detached: true,
    });
    this.#child = child;
    this.name = command;
    running.set(child, `SIG${deathSignal}`);
    child.on('error', () => {});
    this.exit = once(child, 'close').then(([code, signal]) => {
      running.delete(child);
      this.#file?.end();
      this.ended = { code, signal };
      return this.ended;
    });
    this.exit.catch(() => {});
    if (logFile) this.#file = createWriteStream(logFile, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) this.#reads(stream, onLine);
  }

  #reads(stream, onLine) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        this.#lines.push(line);
        this.#file?.write(`${line}\n`);
        onLine?.(line);
      }
      if (this.#lines.length > 2 * this.#kept) this.#lines.splice(0, this.#lines.length - this.#kept);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get log() {
    return this.#lines.join('\n');
  }

  get alive() {
    return this.ended === undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The letter of its state in /proc: R, S, T (stopped) …, or undefined when it is gone. */
  get state() {
    try {
      return /^\d+ \(.*\) (\w)/s.exec(readFileSync(`/proc/${this.pid}/stat`, 'latin1'))?.[1];
    } catch {
      return undefined;
    }
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Sends the signal and waits for the end; insists with SIGKILL after `ms`. */
  async stop(signal = 'SIGKILL', ms = 30_000) {
    if (this.alive) this.signal(signal);
    try {
      return await deadline(this.exit, ms, () => `${this.name} did not end`);
    } catch {
      this.signal('SIGKILL');
      return { ...(await this.exit), insisted: true };
    }
  }
}
