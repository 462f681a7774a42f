// HAProxy as a process, with the configuration that operators use.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchText } from '../../client/faults/balancer.mjs';
import { freePort, Program, run, until } from '../../client/faults/program.mjs';

export const CONFIG = fileURLToPath(new URL('../../../k8s/load-balancers/haproxy.cfg', import.meta.url));
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** What the master says of each worker. */
const FORKED = 'forked';

const portOf = (url) => new URL(url).port;

/** What names the nodes, `{url, opsUrl}` each, in the environment. */
export function nodesIn(nodes) {
  const entries = nodes.flatMap(({ url, opsUrl }, i) => [
    [`HUBBUB_NODE_${i + 1}`, new URL(url).host],
    [`HUBBUB_OPS_${i + 1}`, portOf(opsUrl)],
  ]);
  return Object.fromEntries(entries);
}

export class HAProxy {
  static cookie = 'HUBNODE';

  /** What `haproxy -c` says, with warnings as failures: '' if it is content. */
  static async faults(env, config = CONFIG) {
    try {
      await run('haproxy', ['-c', '-dW', '-f', config], { env: { PATH, ...env }, timeout: 10_000 });
      return '';
    } catch (error) {
      return error.stderr || error.message;
    }
  }

  /** `names`: environment that names the nodes, or the nodes themselves. `edit` changes the configuration's text. */
  static async start(names, { folder, edit }) {
    const haproxy = new HAProxy();
    const [port, metrics] = [await freePort(), await freePort()];
    const env = {
      PATH,
      HUBBUB_BIND: `127.0.0.1:${port}`,
      HUBBUB_METRICS_BIND: `127.0.0.1:${metrics}`,
      HUBBUB_COOKIE_KEY: 'a key for tests only',
      ...(Array.isArray(names) ? nodesIn(names) : names),
    };
    let config = CONFIG;
    if (edit) {
      config = join(folder, `haproxy-${port}.cfg`);
      await writeFile(config, edit(await readFile(CONFIG, 'utf8')));
    }
    const wrong = await HAProxy.faults(env, config);
    if (wrong) throw new Error(`haproxy does not like its configuration:\n${wrong}`);
    haproxy.url = `http://127.0.0.1:${port}`;
    haproxy.metricsUrl = `http://127.0.0.1:${metrics}/metrics`;
    haproxy.program = new Program('haproxy', ['-W', '-db', '-f', config], { cwd: folder, env, onLine: logs });
    await until(
      async () => {
        if (!haproxy.program.alive) throw new Error(`haproxy ended at start:\n${haproxy.program.log}`);
        return (await fetchText(haproxy.metricsUrl)).status === 200;
      },
      15_000,
      () => `haproxy answers\n${haproxy.program.log}`,
    );
    return haproxy;
  }

  /** How many servers it holds for up. */
  async up() {
    const { body } = await fetchText(this.metricsUrl);
    return [...body.matchAll(/^haproxy_server_status\{.*state="UP"\} 1$/gm)].length;
  }

  /** Until it holds as many servers for up. */
  async sees(count, ms = 15_000) {
    let up;
    await until(async () => (up = await this.up()) === count, ms, () => `haproxy has ${count} servers up, but ${up}\n${this.program.log}`);
  }

  /** As `systemctl reload` does: another process takes over, and the old one keeps its connections. */
  async reloads() {
    const from = this.program.log.split(FORKED).length;
    this.program.signal('SIGUSR2');
    await until(() => this.program.log.split(FORKED).length > from, 10_000, () => `it forks another worker\n${this.program.log}`);
    await this.sees(3);
  }

  stop() {
    return this.program.stop('SIGTERM', 5_000);
  }
}

function logs(line) {
  if (process.env.HUBBUB_TEST_LOG) console.error(`haproxy: ${line}`);
}
