// The ways to run hubbub that the tests cover. A test names nodes 0 and 1; where there is only one, both are that one.
import { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Node } from './node.mjs';
import { freshCluster } from './services.mjs';
import { closeAllTabs } from './tab.mjs';

/** An origin that the deployments allow besides their own. */
export const ALLOWED_ORIGIN = 'http://frontend.example:5173';

// Limits are off, since all tests come from one address; waits that a person would not notice are shortened.
const COMMON = {
  PORT: '0',
  OPS_PORT: '0',
  JWT_SECRET: 'a secret for tests only, and long enough',
  CLIENT_URL: ALLOWED_ORIGIN,
  HUBBUB__HTTP__HOST: '127.0.0.1',
  HUBBUB__OPS__HOST: '127.0.0.1',
  HUBBUB__LIMITS__SEND__BURST: '0',
  HUBBUB__LIMITS__EVENT__BURST: '0',
  HUBBUB__LIMITS__HANDSHAKE__BURST: '0',
  HUBBUB__LIMITS__SIGN_UP__BURST: '0',
  HUBBUB__LIMITS__FAILED_LOG_IN__BURST: '0',
  HUBBUB__PRESENCE__GRACE: '300ms',
  HUBBUB__PRESENCE__INTERVAL: '100ms',
  HUBBUB__DRAIN__NOTICE: '200ms',
  HUBBUB__DRAIN__SPREAD: '1s',
  HUBBUB__DRAIN__FINISH: '60s',
};

const KINDS = [
  { name: 'on two nodes with Redis and PostgreSQL', nodes: 2 },
  { name: 'on one node with SQLite', nodes: 1 },
];

class Deployment {
  #kind;
  #env;
  #nodes = [];
  #cleanUp = [];

  constructor(kind, env) {
    this.#kind = kind;
    this.#env = env;
  }

  get isCluster() {
    return this.#kind.nodes > 1;
  }

  get nodes() {
    return [...this.#nodes];
  }

  node(index) {
    return this.#nodes[index % this.#kind.nodes];
  }

  async start() {
    const folder = await mkdtemp(join(tmpdir(), 'hubbub-client-'));
    this.#cleanUp.push(() => rm(folder, { recursive: true, force: true }));
    this.folder = folder;
    this.#env = { ...COMMON, ...(this.isCluster ? await this.#cluster(folder) : {}), ...this.#env };
    // At the same time, as a deployment would: both find an empty database.
    this.#nodes = await Promise.all(Array.from({ length: this.#kind.nodes }, (_, index) => this.#starts(index)));
  }

  /** Every second node works with one thread, the others with several: they are different schedulers. */
  #starts(index) {
    const threads = index % 2 === 1 ? { HUBBUB__RUNTIME__WORKER_THREADS: '1' } : {};
    return Node.start({ ...threads, ...this.#env }, this.folder);
  }

  async #cluster(folder) {
    const { env, drop } = await freshCluster(folder);
    this.#cleanUp.push(drop);
    return env;
  }

  /** Who serves when node `index`, of which `stopped` is the end, is gone: the other node, or a new one on the same data. */
  async successorOf(index, stopped) {
    if (this.isCluster) return this.node(index + 1);
    await stopped;
    this.#nodes[0] = await this.#starts(0);
    return this.#nodes[0];
  }

  /** Kills a node and starts another in its place; resolves with the new one. */
  async replaces(index) {
    const at = index % this.#kind.nodes;
    await this.#nodes[at].kill();
    this.#nodes[at] = await this.#starts(at);
    return this.#nodes[at];
  }

  async stop() {
    closeAllTabs();
    const unasked = await Promise.all(this.#nodes.map((node) => node.kill()));
    for (const cleanUp of this.#cleanUp.reverse()) await cleanUp();
    unasked.forEach((exit, i) => assert.equal(exit, undefined, `node ${i} ended by itself:\n${this.#nodes[i].log}`));
  }
}

/** Runs the tests that `body` declares on each kind of deployment. `env` changes the configuration. */
export function onEachDeployment(body, env = {}) {
  for (const kind of KINDS) on(kind, body, env);
}

/** Runs the tests that `body` declares on so many nodes with Redis and PostgreSQL. */
export function onCluster(nodes, name, body, env = {}) {
  on({ name, nodes }, body, env);
}

function on(kind, body, env) {
  describe(kind.name, () => {
    const deployment = new Deployment(kind, env);
    before(() => deployment.start(), { timeout: 60_000 });
    after(() => deployment.stop(), { timeout: 60_000 });
    body(deployment);
  });
}
