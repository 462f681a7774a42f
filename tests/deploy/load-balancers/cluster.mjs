// Three nodes on the PostgreSQL and the Redis that tests/services/with.sh started, each at an address that outlives it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchText } from '../../client/faults/balancer.mjs';
import { freePort, until } from '../../client/faults/program.mjs';
import { Node } from '../../client/support/node.mjs';
import { freshCluster } from '../../client/support/services.mjs';
import { closeAllTabs } from '../../client/support/tab.mjs';

// Everybody comes from one address. A drain lasts long enough to look at it.
const COMMON = {
  JWT_SECRET: 'a secret for tests only, and long enough',
  HUBBUB__HTTP__TRUSTED_PROXIES: '127.0.0.1',
  ...Object.fromEntries(['SEND', 'EVENT', 'HANDSHAKE', 'SIGN_UP'].map((limit) => [`HUBBUB__LIMITS__${limit}__BURST`, '0'])),
  HUBBUB__LIMITS__FAILED_LOG_IN__BURST: '5',
  HUBBUB__LIMITS__FAILED_LOG_IN__EVERY: '1h',
  HUBBUB__PRESENCE__GRACE: '300ms',
  HUBBUB__DRAIN__NOTICE: '3s',
  HUBBUB__DRAIN__SPREAD: '4s',
  HUBBUB__DRAIN__FINISH: '5s',
};

export class Cluster {
  nodes = [];
  #places = [];
  #env;
  #cleanUp = [];

  /** `hosts`: a loopback address for each node; `samePort`: all have the same ports there. `forwards`: polls between nodes. */
  static async start({ hosts = ['127.0.0.1', '127.0.0.1', '127.0.0.1'], samePort = false, forwards = false, env = {} } = {}) {
    const cluster = new Cluster();
    try {
      await cluster.#start(hosts, samePort, forwards, env);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async #start(hosts, samePort, forwards, env) {
    this.folder = await mkdtemp(join(tmpdir(), 'hubbub-balanced-'));
    this.#cleanUp.push(() => rm(this.folder, { recursive: true, force: true }));
    const fresh = await freshCluster(this.folder);
    this.#cleanUp.push(fresh.drop);
    this.#env = { ...COMMON, ...fresh.env, ...env };
    const shared = samePort ? { port: await freePort(), opsPort: await freePort() } : undefined;
    for (const host of hosts) {
      const place = { host, ...(shared ?? { port: await freePort(), opsPort: await freePort() }) };
      this.#places.push({ ...place, address: forwards ? `${host}:${place.port}` : '' });
    }
    await Promise.all(this.#places.map((_, index) => this.starts(index)));
  }

  /** Starts a node at its place, where none runs. */
  async starts(index) {
    const { host, port, opsPort, address } = this.#places[index];
    const env = {
      ...this.#env,
      PORT: String(port),
      OPS_PORT: String(opsPort),
      HUBBUB__HTTP__HOST: host,
      HUBBUB__OPS__HOST: host,
      ...(address && { HUBBUB__CLUSTER__ADDRESS: address }),
    };
    const node = await Node.start(env, this.folder);
    this.nodes[index] = node;
    await until(async () => (await fetchText(`${node.opsUrl}/ready`)).status === 200, 15_000, () => `node ${index} is ready\n${node.log}`);
    return node;
  }

  /** The value of a series of each node, as `hubbub_sockets` or `name{label="value"}`; 0 where it is not (yet). */
  async counts(series) {
    const bodies = await Promise.all(this.nodes.map(({ opsUrl }) => fetchText(`${opsUrl}/metrics`)));
    return bodies.map(({ body }) => {
      const line = body.split('\n').find((line) => line.startsWith(`${series} `));
      return line === undefined ? 0 : Number(line.slice(series.length + 1));
    });
  }

  async stop() {
    closeAllTabs();
    const unasked = await Promise.all(this.nodes.map((node) => node?.kill()));
    for (const cleanUp of this.#cleanUp.reverse()) await cleanUp();
    unasked.forEach((exit, i) => {
      if (exit) throw new Error(`node ${i} ended by itself, ${JSON.stringify(exit)}:\n${this.nodes[i].log}`);
    });
  }
}
