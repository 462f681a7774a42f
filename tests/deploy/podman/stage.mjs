// Everything that a deployment consists of, on this machine: PostgreSQL, Redis, the Job that migrates, three nodes in pods, HAProxy and
// Prometheus.
import { mkdtemp, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Postgres } from '../../client/faults/postgres.mjs';
import { Redis } from '../../client/faults/redis.mjs';
import { HAProxy } from '../load-balancers/haproxy.mjs';
import { Prometheus } from '../monitoring/prometheus.mjs';
import { migrate, startNodes } from './nodes.mjs';
import { keepsSecret, removes, rendered } from './podman.mjs';

export const SPREAD = 15;
export const NOTICE = 3;
const MIGRATORS = 5;

const IMAGE = process.env.HUBBUB_IMAGE ?? 'localhost/hubbub:ci';
// What has to be removed in any case: run.sh looks, too.
const RUN = process.env.HUBBUB_TEST_RUN ?? `hubbub-test-${randomBytes(4).toString('hex')}`;

// Everybody comes from one address and sends more than a person would; a drain in a quarter of the time.
const SETTINGS = {
  ...Object.fromEntries(['SEND', 'EVENT', 'HANDSHAKE', 'SIGN_UP', 'FAILED_LOG_IN'].map((limit) => [`HUBBUB__LIMITS__${limit}__BURST`, '0'])),
  HUBBUB__DRAIN__NOTICE: `${NOTICE}s`,
  HUBBUB__DRAIN__SPREAD: `${SPREAD}s`,
};

export class Stage {
  #cleanUp = [];

  static async sets(says) {
    const stage = new Stage();
    try {
      await stage.#sets(says);
    } catch (error) {
      await stage.strikes();
      throw error;
    }
    return stage;
  }

  async #sets(says) {
    this.folder = await mkdtemp(join(tmpdir(), 'hubbub-deploy-'));
    this.#cleanUp.push(() => rm(this.folder, { recursive: true, force: true }));
    this.postgres = await Postgres.start(this.folder, { fsync: false });
    this.#cleanUp.push(() => this.postgres.stop());
    this.redis = await Redis.start(this.folder);
    this.#cleanUp.push(() => this.redis.stop());
    says('PostgreSQL and Redis run');

    this.#cleanUp.push(() => removes(RUN));
    await keepsSecret(RUN, {
      DATABASE_URL: `postgres://postgres@127.0.0.1:${this.postgres.port}/faults`,
      REDIS_URL: `redis://127.0.0.1:${this.redis.primary.port}`,
      JWT_SECRET: randomBytes(32).toString('hex'),
    });
    this.migrations = await migrate(RUN, { image: IMAGE, times: MIGRATORS });
    says(`${MIGRATORS} migrate Jobs have ended`);

    this.nodes = await startNodes(RUN, { image: IMAGE, settings: SETTINGS });
    says('three nodes are ready');
    this.haproxy = await HAProxy.start(this.nodes, { folder: this.folder });
    this.#cleanUp.push(() => this.haproxy.stop());
    await this.haproxy.sees(3);
    const { spec } = (await rendered('base')).find(({ kind }) => kind === 'PrometheusRule');
    const opsUrls = this.nodes.map(({ opsUrl }) => opsUrl);
    this.prometheus = await Prometheus.start({ folder: this.folder, rules: JSON.stringify(spec), opsUrls });
    this.#cleanUp.push(() => this.prometheus.stop());
    says('HAProxy and Prometheus see them');
  }

  /** Takes everything down, however far it came. */
  async strikes() {
    const errors = [];
    for (const cleanUp of this.#cleanUp.splice(0).reverse()) await Promise.resolve(cleanUp()).catch((error) => errors.push(error));
    if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join('\n'));
  }
}
