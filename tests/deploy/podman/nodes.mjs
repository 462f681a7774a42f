// Three nodes in pods, made of k8s/overlays/podman.
import { fetchText } from '../../client/faults/balancer.mjs';
import { freePort, until } from '../../client/faults/program.mjs';
import { plays, podman, rendered, withSecret } from './podman.mjs';

/** As long as Kubernetes would wait before it kills. */
const GRACE = 90;

class Pod {
  constructor(index, name, { port, opsPort }) {
    Object.assign(this, { index, name });
    this.url = `http://127.0.0.1:${port}`;
    this.opsUrl = `http://127.0.0.1:${opsPort}`;
  }

  async isReady() {
    const ready = async () => {
      if ((await fetchText(`${this.opsUrl}/ready`)).status === 200) return true;
      const { status, code } = await this.ended();
      if (status === 'exited') throw new Error(`node ${this.index + 1} ended at start with exit code ${code}`);
      return false;
    };
    await until(ready, 60_000, () => `node ${this.index + 1} is ready`, 200).catch(async (error) => {
      throw new Error(`${error.message}\n${await this.log(60)}`);
    });
  }

  /** SIGTERM, as for a pod that is to go; resolves when it has ended. */
  stop() {
    return podman(['pod', 'stop', '-t', String(GRACE), this.name], { ms: (GRACE + 30) * 1_000 });
  }

  async start() {
    await podman(['pod', 'start', this.name]);
    await this.isReady();
  }

  async #container() {
    const names = await podman(['ps', '--all', '--filter', `pod=${this.name}`, '--format', '{{.Names}} {{.IsInfra}}']);
    return names.split('\n').map((line) => line.split(' ')).find(([name, infra]) => name && infra !== 'true')[0];
  }

  /** How the node ended last, and whether its memory did not suffice. */
  async ended() {
    const [status, code, killed] = (await this.#inspects('{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}')).split(' ');
    return { status, code: Number(code), killed: killed === 'true' };
  }

  async #inspects(format) {
    return (await podman(['inspect', '--format', format, await this.#container()])).trim();
  }

  /** The last lines that it logged. */
  async log(lines) {
    return podman(['logs', '--tail', String(lines), await this.#container()], { all: true });
  }
}

/** Starts them under the run's name. `settings` win over those of the overlay. */
export async function startNodes(run, { image, settings }) {
  const objects = await rendered('overlays/podman');
  const kinds = (kind) => objects.filter((object) => object.kind === kind);
  const [claim] = kinds('PersistentVolumeClaim');
  const pods = [];
  for (const [index, deployment] of kinds('Deployment').entries()) {
    const config = kinds('ConfigMap').find(({ metadata }) => metadata.name === deployment.metadata.name);
    const ports = { port: await freePort(), opsPort: await freePort() };
    const name = `${run}-${index + 1}`;
    Object.assign(config.data, settings, { PORT: String(ports.port), OPS_PORT: String(ports.opsPort) });
    config.data.HUBBUB__CLUSTER__ADDRESS = `127.0.0.1:${ports.port}`;
    const { template } = deployment.spec;
    const [container] = template.spec.containers;
    container.image = image;
    for (const { configMapRef } of container.envFrom) configMapRef.name = name;
    for (const { persistentVolumeClaim } of template.spec.volumes) persistentVolumeClaim.claimName = `${run}-media`;
    withSecret(template, run);
    config.metadata.name = name;
    deployment.metadata.name = name;
    pods.push(new Pod(index, `${name}-pod-0`, ports));
  }
  claim.metadata.name = `${run}-media`;
  await plays(objects, 120_000);
  await Promise.all(pods.map((pod) => pod.isReady()));
  return pods;
}

/** Runs the Job of k8s/base so many times at once; resolves with what each said. */
export async function migrate(run, { image, times }) {
  const job = (await rendered('base')).find(({ kind }) => kind === 'Job');
  const attempts = Array.from({ length: times }, (_, i) => {
    const template = withSecret(structuredClone(job.spec.template), run);
    const { spec } = template;
    delete spec.serviceAccountName;
    spec.hostNetwork = true;
    spec.containers[0].image = image;
    return { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name: `${run}-migrate-${i}` }, spec };
  });
  await Promise.all(attempts.map((pod) => plays([pod], 120_000)));
  return Promise.all(
    attempts.map(async ({ metadata, spec }) => {
      const container = `${metadata.name}-${spec.containers[0].name}`;
      const code = Number(await podman(['wait', container], { ms: 120_000 }));
      const log = await podman(['logs', container], { all: true });
      return { code, log };
    }),
  );
}
