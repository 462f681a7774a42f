// The image that `make image` has built: what is in it, and that it runs with nothing but a volume for its data.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile as execute } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execFile = promisify(execute);
const here = fileURLToPath(new URL('.', import.meta.url));
const IMAGE = process.env.HUBBUB_IMAGE ?? 'localhost/hubbub:ci';
const USER = 65532;
/** Far above what it takes; a release binary without debug information has about a quarter of it. */
const LARGEST = 200 * 2 ** 20;
const HARDENED = ['--read-only', '--read-only-tmpfs=false', '--cap-drop', 'all', '--security-opt', 'no-new-privileges'];

/** Runs podman on the project's own store; an exit code other than 0 is an error with what it printed. */
const podman = async (...args) => (await execFile(join(here, 'podman-lib.sh'), ['podman', ...args], { timeout: 60_000, maxBuffer: 2 ** 28 })).stdout;
/** The same for what is expected to fail: its exit code and what it printed. */
const refused = (...args) => podman(...args).then(() => assert.fail('it succeeded'), ({ code, stdout, stderr }) => ({ code, text: `${stdout}${stderr}` }));

async function until(what, ms, condition) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await condition().catch((error) => {
      if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`, { cause: error });
    });
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}

describe('image', { timeout: 180_000 }, () => {
  const name = `hubbub-image-test-${randomBytes(6).toString('hex')}`;
  let image, folder;

  before(async () => {
    [image] = JSON.parse(await podman('image', 'inspect', IMAGE));
    folder = await mkdtemp(join(tmpdir(), 'hubbub-image.'));
    await mkdir(join(folder, 'data'));
    // As a volume comes in Kubernetes with fsGroup: the one place that the user may write to.
    await chown(join(folder, 'data'), USER, USER);
  });
  after(async () => {
    await podman('rm', '--force', '--time', '5', '--ignore', name, `${name}-files`);
    if (folder) await rm(folder, { recursive: true });
  });

  test('says what it is, and starts as a user who is not root', (t) => {
    const { Config } = image;
    assert.equal(Config.User, `${USER}:${USER}`);
    assert.deepEqual(Config.Entrypoint, ['/app/hubbub']);
    assert.deepEqual(Config.Cmd, ['serve']);
    assert.deepEqual(Object.keys(Config.ExposedPorts).sort(), ['3000/tcp', '9464/tcp']);
    assert.equal(Config.StopSignal, 'SIGTERM');
    assert.ok(!Config.Volumes, 'a volume nobody asked for would be writable, and lost');
    assert.equal(Config.Labels['org.opencontainers.image.title'], 'hubbub');
    assert.match(Config.Labels['org.opencontainers.image.version'], /^\d+\.\d+\.\d+/);
    assert.match(Config.Labels['org.opencontainers.image.revision'], /^([0-9a-f]{40}(-dirty)?|unknown)$/);
    t.diagnostic(`${(image.Size / 2 ** 20).toFixed(1)} MiB in ${image.RootFS.Layers.length} layers`);
    assert.ok(image.Size < LARGEST, `${image.Size} bytes`);
  });

  test('has no shell, no file that makes root, and none that its user may change', async () => {
    const archive = join(folder, 'files.tar');
    await podman('create', '--name', `${name}-files`, IMAGE);
    await podman('export', '--output', archive, `${name}-files`);
    const list = (await execFile('tar', ['--numeric-owner', '-tvf', archive], { maxBuffer: 2 ** 26 })).stdout.trim().split('\n');
    const files = list.map((line) => {
      const [, mode, owner, path] = /^(\S+)\s+(\S+)\s+\d+\s+\S+\s+\S+\s+(.*?)(?: -> .*| link to .*)?$/.exec(line);
      return { mode, owner, path: path.replace(/\/$/, '') };
    });
    assert.ok(files.some(({ path }) => path === 'app/hubbub'), 'the list is read rightly');
    const programs = files.filter(({ mode, path }) => mode.startsWith('-') && mode.includes('x') && !/\.so[.\d]*$/.test(path));
    assert.deepEqual(programs.map(({ path }) => path), ['app/hubbub'], 'the only program');
    assert.deepEqual(files.filter(({ path }) => /(^|\/)(ba|da|a|z)?sh$|busybox/.test(path)), []);
    assert.deepEqual(files.filter(({ mode }) => /^...[^-]*[sS]/.test(mode)), [], 'setuid or setgid');
    const writable = files.filter(({ mode, owner }) => mode[0] !== 'l' && (mode[8] === 'w' || owner.startsWith(`${USER}/`)));
    // Empty, and as in distroless; a read-only root file system covers them.
    const usual = ['home/nonroot', 'tmp', 'var/lock', 'var/tmp'];
    assert.deepEqual(writable.map(({ path }) => path).filter((path) => !usual.includes(path)), []);

    const { stdout } = await execFile('tar', ['-xOf', archive, 'app/sbom.cdx.json'], { maxBuffer: 2 ** 26 });
    assert.equal(stdout, await readFile(join(here, '../../target/image/sbom.cdx.json'), 'utf8'), 'the bill of materials beside the image is the one in it');
    await rm(archive);
    const inside = join(folder, 'sbom.json');
    await podman('cp', `${name}-files:/app/sbom.cdx.json`, inside);
    await execFile(join(here, 'sbom-check.py'), [inside]);
    assert.match((await refused('run', '--rm', '--network', 'none', '--entrypoint', '/bin/sh', IMAGE, '-c', 'true')).text, /no such file/);
  });

  test('runs its commands without any right', async () => {
    const run = (...args) => podman('run', '--rm', '--network', 'none', ...HARDENED, IMAGE, ...args);
    assert.match(await run('--help'), /check-config/);
    assert.match(await run('check-config'), /^port = 3000 {2}# default$/m);
    const { code, text } = await refused('run', '--rm', '--network', 'none', ...HARDENED, '--env', 'HUBBUB__HTTP__PROT=1', IMAGE, 'check-config');
    assert.notEqual(code, 0);
    assert.match(text, /prot/i, 'an unknown setting is named');
    // Without a volume there is nowhere to keep anything, and it says so at once.
    const lost = await refused('run', '--rm', '--network', 'none', ...HARDENED, IMAGE, 'serve');
    assert.notEqual(lost.code, 0);
    assert.match(lost.text, /data/);
  });

  test('serves from a volume, is ready, keeps what it is told, and ends at SIGTERM', async () => {
    const settings = { DATABASE_URL: 'sqlite:///data/hubbub.db', HUBBUB__HTTP__HOST: '127.0.0.1', HUBBUB__OPS__HOST: '127.0.0.1', PORT: 0, OPS_PORT: 0,
      HUBBUB__DRAIN__NOTICE: '0s', HUBBUB__DRAIN__SPREAD: '1s', HUBBUB__DRAIN__FINISH: '5s' };
    const env = Object.entries(settings).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    // The machine's loopback, so that nothing is reached but by 127.0.0.1.
    // The timeout is for a test that is killed and cannot clean up.
    await podman('run', '--detach', '--timeout', '170', '--name', name, '--network', 'host', ...HARDENED, ...env, '--volume', `${folder}/data:/data`, IMAGE);
    const address = (who) =>
      until(`${who} listens`, 30_000, async () => new RegExp(`^${who} listens on (\\S+)$`, 'm').exec(await podman('logs', name))?.[1]);
    const [ops, http] = [await address('ops'), await address('hubbub')];
    await until('ready', 30_000, async () => (await fetch(`${ops}/ready`, { signal: AbortSignal.timeout(5_000) })).status === 200);
    assert.equal((await fetch(`${ops}/live`)).status, 200);
    // For `docker run --health-cmd` and its kind, as there is neither curl nor shell.
    await podman('exec', '--env', `OPS_PORT=${new URL(ops).port}`, name, '/app/hubbub', 'healthcheck');
    assert.match(await (await fetch(http)).text(), /<html/i, 'the web client is inside');

    const person = { fullName: 'Ada', email: 'ada@example.com', password: 'a long password' };
    const post = (path) => fetch(`${http}/api/auth/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(person) });
    assert.equal((await post('signup')).status, 201);
    assert.equal((await post('login')).status, 200);

    const [container] = JSON.parse(await podman('inspect', name));
    const status = await readFile(`/proc/${container.State.Pid}/status`, 'utf8');
    const field = (key) => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1];
    assert.deepEqual(field('Uid').split('\t'), Array(4).fill(`${USER}`));
    assert.equal(BigInt(`0x${field('CapEff')}`), 0n);
    assert.equal(field('NoNewPrivs'), '1');
    assert.equal(field('Seccomp'), '2');
    const changes = (await podman('diff', name)).split('\n').filter((line) => line && !MOUNT_POINTS.has(line));
    assert.deepEqual(changes, [], 'the root file system is as the image has it');

    const began = Date.now();
    await podman('stop', '--time', '45', name);
    const [{ State }] = JSON.parse(await podman('inspect', name));
    assert.equal(State.ExitCode, 0, await podman('logs', name));
    assert.equal(State.OOMKilled, false);
    assert.ok(Date.now() - began < 40_000, 'by itself, and not by SIGKILL');
    await readFile(join(folder, 'data/hubbub.db'));
  });
});

/** What podman itself makes on every container's file system, to mount things on. */
const MOUNT_POINTS = new Set(['C /etc', 'A /data', 'A /run', 'A /etc/mtab', 'A /etc/hosts', 'A /etc/hostname', 'A /etc/resolv.conf', 'A /run/.containerenv', 'A /run/secrets',
  'A /dev', 'A /proc', 'A /sys', 'C /run']);
