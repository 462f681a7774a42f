// The objects of k8s/, run by podman on this machine under names of their own, so that any number of runs may stand side by side.
import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deadline } from '../../client/support/deadline.mjs';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const lib = fileURLToPath(new URL('../podman-lib.sh', import.meta.url));

/** Runs podman on the project's own store: what it prints, with `all` to both streams. */
export async function podman(args, { input, ms = 60_000, all = false } = {}) {
  // Podman takes its input from a pipe only, and what Node.js calls one is a socket.
  const command = input === undefined ? [lib, 'podman', ...args] : ['bash', '-c', 'cat | "$0" podman "$@"', lib, ...args];
  const child = spawn(command[0], command.slice(1), { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (chunk) => (said[stream] += chunk));
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  try {
    const code = await deadline(ended, ms, () => `podman ${args.join(' ')}: not done after ${ms} ms\n${said.stderr}`);
    if (code !== 0) throw new Error(`podman ${args.join(' ')}: exit code ${code}\n${said.stdout}${said.stderr}`);
    return all ? said.stdout + said.stderr : said.stdout;
  } finally {
    child.kill('SIGKILL');
  }
}

/** The objects of a folder below k8s/, as kustomize renders them. */
export async function rendered(folder) {
  // Kustomize prints YAML; a label, which needs no cluster, has kubectl print it as JSON.
  const script = 'set -o pipefail; kubectl kustomize "$0" | kubectl label --local -f - -o json hubbub.test=true';
  const { stdout } = await execute('bash', ['-c', script, `${root}/k8s/${folder}`], { timeout: 60_000, maxBuffer: 2 ** 26 });
  return stdout.split(/^(?=\{$)/m).map((text) => JSON.parse(text));
}

/** JSON is YAML. */
const documents = (objects) => objects.map((object) => JSON.stringify(object)).join('\n---\n');

export function plays(objects, ms) {
  return podman(['play', 'kube', '--quiet', '-'], { input: documents(objects), ms });
}

/** A Secret as podman keeps it for `play kube`: a JSON object in one of its own secrets. */
export function keepsSecret(name, values) {
  const encoded = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return podman(['secret', 'create', name, '-'], { input: JSON.stringify(Object.fromEntries(encoded)) });
}

/** Has every reference to the Secret `hubbub` in a pod template lead to another one. */
export function withSecret(template, name) {
  for (const container of template.spec.containers) {
    for (const { valueFrom } of container.env ?? []) if (valueFrom?.secretKeyRef) valueFrom.secretKeyRef.name = name;
  }
  return template;
}

/** Removes whatever a run has left under its name. */
export async function removes(run) {
  const listed = async (...args) => (await podman(args)).split('\n').filter((name) => name.startsWith(run));
  const each = async (names, ...args) => {
    for (const name of names) await podman([...args, name]);
  };
  await each(await listed('pod', 'ls', '--format', '{{.Name}}'), 'pod', 'rm', '--force', '--time', '0');
  await each(await listed('volume', 'ls', '--format', '{{.Name}}'), 'volume', 'rm', '--force');
  await each(await listed('secret', 'ls', '--format', '{{.Name}}'), 'secret', 'rm');
}
