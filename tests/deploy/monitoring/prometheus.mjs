// A Prometheus of our own that scrapes some nodes each second, with the rules of k8s/base/prometheus-rule.yaml.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../client/faults/program.mjs';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Asks `done` again until it gives something true; fails after `ms`, or at once if `over` says why it is no use. */
export async function until(done, ms, what, over = () => undefined) {
  const end = performance.now() + ms;
  for (;;) {
    const result = await done();
    if (result) return result;
    const why = over();
    if (why || performance.now() > end) throw new Error(`${what}: ${why ?? `not within ${ms} ms`}`);
    await pause(100);
  }
}

export class Prometheus {
  #child;
  #log = '';

  /** `folder` takes its configuration and data; `rules` is the text of a rule file; `opsUrls` are the nodes' ops ports. */
  static async start({ folder, rules, opsUrls }) {
    for (let attempt = 1; ; attempt += 1) {
      const prometheus = new Prometheus();
      try {
        await prometheus.#start(folder, rules, opsUrls);
        return prometheus;
      } catch (error) {
        await prometheus.stop();
        // Somebody else may have taken the port meanwhile.
        if (attempt === 5 || !prometheus.#log.includes('address already in use')) throw error;
      }
    }
  }

  async #start(folder, rules, opsUrls) {
    await writeFile(join(folder, 'rules.yml'), rules);
    const targets = opsUrls.map((url) => new URL(url).host);
    const job = { job_name: 'hubbub', static_configs: [{ targets }] };
    const timing = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
    // JSON is YAML.
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify({ global: timing, rule_files: ['rules.yml'], scrape_configs: [job] }));
    const address = `127.0.0.1:${await freePort()}`;
    const options = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/tsdb`, `--web.listen-address=${address}`];
    // It ends with us, whatever ends us.
    const child = spawn('setpriv', ['--pdeathsig=KILL', 'prometheus', ...options], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.on('error', (error) => (this.#log += error));
    child.stderr.on('data', (data) => (this.#log = (this.#log + data).slice(-20_000)));
    this.url = `http://${address}`;
    await until(() => this.#allUp(targets.length), 30_000, 'Prometheus scrapes every node', () => this.#ended());
  }

  #ended() {
    const { exitCode, signalCode } = this.#child;
    return exitCode === null && signalCode === null ? undefined : `it ended:\n${this.#log}`;
  }

  async #allUp(count) {
    try {
      const response = await fetch(`${this.url}/api/v1/targets`, { signal: AbortSignal.timeout(2_000) });
      const { data } = await response.json();
      return data.activeTargets.filter(({ health }) => health === 'up').length === count;
    } catch {
      return false; // it is starting
    }
  }

  /** Ends it; resolves when it has ended. */
  async stop() {
    if (!this.#child?.pid || this.#ended()) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exit;
    clearTimeout(patience);
  }
}
