// What the stories stand on: a node alone with SQLite, or nodes with PostgreSQL and Redis behind HAProxy.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../../client/faults/ending.mjs';
import { Node } from '../../client/support/node.mjs';
import { freshCluster } from '../../client/support/services.mjs';
import { HAProxy } from '../../deploy/load-balancers/haproxy.mjs';

const STARTING = { timeout: 60_000 };

// Limits are off, since everybody comes from one address; waits that a person would not notice are shortened.
const COMMON = {
  PORT: '0',
  OPS_PORT: '0',
  JWT_SECRET: 'a secret for tests only, and long enough',
  HUBBUB__HTTP__HOST: '127.0.0.1',
  HUBBUB__HTTP__TRUSTED_PROXIES: '127.0.0.1',
  HUBBUB__OPS__HOST: '127.0.0.1',
  ...Object.fromEntries(
    ['SEND', 'EVENT', 'HANDSHAKE', 'SIGN_UP', 'FAILED_LOG_IN'].map((limit) => [`HUBBUB__LIMITS__${limit}__BURST`, '0']),
  ),
  HUBBUB__PRESENCE__GRACE: '300ms',
  HUBBUB__PRESENCE__INTERVAL: '100ms',
};

/** What signs the tokens of all nodes. */
export const SECRET = COMMON.JWT_SECRET;

/** Nodes that stay the same for all stories of a file; with HAProxy before them, `url` is its address, and otherwise the first node's. */
class Stand {
  nodes = [];
  #cleanUp = [];

  async start({ count, postgres = false, balanced = false, env: own = {} }) {
    this.folder = await mkdtemp(join(tmpdir(), 'hubbub-browser-'));
    this.#cleanUp.push(() => rm(this.folder, { recursive: true, force: true }));
    let env = { ...COMMON, ...own };
    if (postgres) {
      const cluster = await freshCluster(this.folder);
      this.#cleanUp.push(cluster.drop);
      this.database = cluster.env.DATABASE_URL;
      env = { ...env, ...cluster.env };
    }
    this.nodes = await Promise.all(Array.from({ length: count }, () => Node.start(env, this.folder)));
    this.url = this.nodes[0].url;
    if (!balanced) return;
    const haproxy = await HAProxy.start(this.nodes, { folder: this.folder, edit: (text) => text.replace(/^ *server node3 .*\n/m, '') });
    this.#cleanUp.push(() => haproxy.stop());
    await haproxy.sees(count);
    this.url = haproxy.url;
  }

  async stop() {
    const unasked = await Promise.all(this.nodes.map((node) => node.kill()));
    for (const cleanUp of this.#cleanUp.reverse()) await cleanUp();
    unasked.forEach((exit, index) => assert.equal(exit, undefined, `node ${index} ended by itself:\n${this.nodes[index].log}`));
  }
}

function stand(options) {
  const its = new Stand();
  before(() => its.start(options), STARTING);
  after(() => its.stop(), STARTING);
  return its;
}

/** A node alone, with SQLite. */
export const oneNode = () => stand({ count: 1 });

/** A node with PostgreSQL, for what is put into the database in bulk or changed there. `env` are settings of its own. */
export const oneNodeWithPostgres = (env) => stand({ count: 1, postgres: true, env });

/** Two nodes with PostgreSQL and Redis, each at its own address. */
export const twoNodes = () => stand({ count: 2, postgres: true });

/** Two nodes with PostgreSQL and Redis behind HAProxy, which keeps each browser on its node. */
export const twoNodesBehindHAProxy = () => stand({ count: 2, postgres: true, balanced: true });
