// nginx as a process, with the configuration that operators use.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchText } from '../../client/faults/balancer.mjs';
import { freePort, Program, run, until } from '../../client/faults/program.mjs';

const CONFIG = fileURLToPath(new URL('../../../k8s/load-balancers/nginx.conf', import.meta.url));
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

export class Nginx {
  static cookie = 'hubnode';
  #nodes;

  /** What `nginx -t` says besides that all is well: '' if it is content. */
  static async faults(config, folder) {
    try {
      const { stderr } = await run('nginx', [...arguments_(config, folder), '-t'], { env: { PATH }, timeout: 10_000 });
      return stderr.split('\n').filter((line) => line && !/syntax is ok$|test is successful$/.test(line)).join('\n');
    } catch (error) {
      return error.stderr || error.message;
    }
  }

  /** The nodes are `{url}` each. */
  static async start(nodes, { folder, edit = (text) => text }) {
    const nginx = new Nginx();
    nginx.#nodes = nodes;
    const port = await freePort();
    const values = { HUBBUB_BIND: `127.0.0.1:${port}`, HUBBUB_COOKIE_ATTR: 'SameSite=Lax', HUBBUB_ACCESS_LOG: 'access.log' };
    nodes.forEach(({ url }, i) => (values[`HUBBUB_NODE_${i + 1}`] = new URL(url).host));
    const home = join(folder, `nginx-${port}`);
    await mkdir(home);
    const config = join(home, 'nginx.conf');
    // As envsubst does; a name that nobody sets stays, and nginx refuses it.
    const text = edit(await readFile(CONFIG, 'utf8')).replace(/\$\{(HUBBUB_\w+)\}/g, (all, name) => values[name] ?? all);
    await writeFile(config, text);
    const wrong = await Nginx.faults(config, home);
    if (wrong) throw new Error(`nginx does not like its configuration:\n${wrong}`);
    nginx.url = `http://127.0.0.1:${port}`;
    nginx.program = new Program('nginx', arguments_(config, home), { cwd: home, env: { PATH }, deathSignal: 'TERM', onLine: logs });
    await until(
      async () => {
        if (!nginx.program.alive) throw new Error(`nginx ended at start:\n${nginx.program.log}`);
        return (await fetchText(nginx.url)).status !== 0;
      },
      15_000,
      () => `nginx answers\n${nginx.program.log}`,
    );
    return nginx;
  }

  /** It asks nobody, and finds out with the first request; so this only waits until the nodes themselves answer. */
  async sees() {
    for (const { url } of this.#nodes) await until(async () => (await fetchText(url)).status !== 0, 15_000, () => `${url} answers`);
  }

  stop() {
    return this.program.stop('SIGTERM', 5_000);
  }
}

/** Nothing of the machine's own nginx is used: pid file, error log. Debian's user, so that its folders keep their owner. */
function arguments_(config, folder) {
  const user = process.getuid() === 0 ? 'user www-data; ' : '';
  return ['-p', folder, '-e', 'stderr', '-c', config, '-g', `${user}daemon off; pid ${join(folder, 'nginx.pid')};`];
}

function logs(line) {
  if (process.env.HUBBUB_TEST_LOG) console.error(`nginx: ${line}`);
}
