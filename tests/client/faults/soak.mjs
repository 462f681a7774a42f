// `make soak`: a random schedule for as long as one likes, and the stories of scenarios.mjs. Its figures are added to those of
// earlier runs of the same build (data/soak.jsonl), and docs/delivery-ledger.md is written from all of them.
import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAULTS } from './faults.mjs';
import { run as execute, sleep } from './program.mjs';
import { Random } from './random.mjs';
import { writeReport } from './report.mjs';
import { Run, faultsOf } from './run.mjs';
import { control, embedded, outage, stuck } from './scenarios.mjs';
import { schedule } from './schedule.mjs';
import { summary } from './summary.mjs';
import { systemNamed } from './systems.mjs';
import { World } from './world.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { env } = process;
const given = (name, fallback) => (env[name] === undefined || env[name] === '' ? fallback : Number(env[name]));

const SECONDS = given('SECONDS', 300);
const long = SECONDS >= 300 && env.SYSTEM !== 'node';
const plan = {
  SYSTEM: env.SYSTEM || 'hubbub',
  ADAPTER: env.ADAPTER || 'redis',
  SEED: given('SEED', Date.now() % 1_000_000),
  RATE: given('RATE', 220),
  PACE: given('PACE', 0.8),
  FAULT: env.FAULT || '',
  // Seconds without Redis, kills of a node alone, whether to show what a hub without repair loses, peers that stop reading. 0: not at all.
  OUTAGE: given('OUTAGE', long ? 60 : 0),
  KILLS: given('KILLS', long ? 50 : 0),
  CONTROL: given('CONTROL', long ? 1 : 0),
  STUCK: given('STUCK', 0),
};
const books = env.LEDGER || join(root, 'data/soak.jsonl');
const print = (line) => console.log(line);
let asked = false;

const digest = async (files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
};

/** What the figures belong to: those of another build are not added to those of this one. */
async function build(system) {
  if (system.binary) {
    const { stdout } = await execute(system.binary, ['--version']);
    return { name: system.name, version: stdout.trim(), digest: await digest([system.binary]) };
  }
  const peer = join(root, 'bench/node-peer');
  const { dependencies } = JSON.parse(await readFile(join(peer, 'package.json'), 'utf8'));
  const sources = ['package-lock.json', 'server.js', 'accounts.js', 'database.js', 'presence.js'].map((file) => join(peer, file));
  return { name: system.name, version: `socket.io ${dependencies['socket.io']}`, digest: await digest(sources) };
}

/** A copy, so that a build meanwhile does not change what is tested. */
async function keepsBinary(folder) {
  const copy = join(folder, 'hubbub');
  await copyFile(systemNamed('hubbub').binary, copy);
  env.HUBBUB_BIN = copy;
}

async function machine(world) {
  const [{ stdout: redis }, postgres] = [await execute('redis-server', ['--version']), await world.postgres.version()];
  return {
    cores: os.cpus().length,
    cpu: os.cpus()[0].model.trim(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    postgres,
    redis: /v=(\S+)/.exec(redis)?.[1],
  };
}

async function main() {
  const logs = join(root, 'data/soak-logs', `${plan.SYSTEM}-${plan.SEED}`);
  await rm(logs, { recursive: true, force: true });
  await mkdir(logs, { recursive: true });
  if (plan.SYSTEM === 'hubbub') await keepsBinary(logs);
  const sockets = { HUBBUB__REALTIME__SOCKETS_PER_USER: '2000' };
  const system = systemNamed(plan.SYSTEM, { adapter: plan.ADAPTER, env: plan.STUCK > 0 ? sockets : {} });
  const settings = Object.entries(plan).filter(([name, value]) => value !== '' && (name !== 'ADAPTER' || plan.SYSTEM === 'node'));
  const command = `make soak SECONDS=${SECONDS} ${settings.map(([name, value]) => `${name}=${value}`).join(' ')}`;
  print(`${command}\nlogs: ${logs}`);

  const record = { at: new Date().toISOString(), command, seconds: SECONDS, seed: plan.SEED, build: await build(system) };
  const wrong = [];
  const world = await World.start(system, { rate: plan.RATE, fsync: true, logs });
  try {
    record.machine = await machine(world);
    const run = new Run(world, { print });
    const steps = schedule(plan.SEED, { kinds: plan.FAULT ? plan.FAULT.split(',') : Object.keys(FAULTS), pace: plan.PACE });
    const end = performance.now() + SECONDS * 1_000;
    await sleep(2_000);
    while (performance.now() < end && !asked) await run.step(steps.next().value);
    if (system.ownClients && plan.OUTAGE > 0) {
      record.outage = await outage(run, plan.OUTAGE * 1_000);
      print(`${plan.OUTAGE} s without Redis: ${JSON.stringify(record.outage)}`);
    }
    const outcome = await run.settles({ patience: 60_000 });
    record.figures = summary(outcome);
    wrong.push(...faultsOf(outcome));
    if (system.ownClients && plan.STUCK > 0) {
      record.stuck = await stuck(world, { count: plan.STUCK, seconds: 30, print });
      print(`stuck peers: ${JSON.stringify(record.stuck)}`);
    }
  } finally {
    await world.stop();
  }
  if (system.ownClients && plan.KILLS > 0) {
    const outcome = await embedded(system, { kills: plan.KILLS, random: new Random(plan.SEED), print });
    record.embedded = { kills: plan.KILLS, figures: summary(outcome) };
    wrong.push(...faultsOf(outcome).map((sentence) => `a node alone: ${sentence}`));
  }
  if (system.ownClients && plan.CONTROL > 0) {
    const outcome = await control(systemNamed(plan.SYSTEM, { repair: false }), { seed: plan.SEED, print });
    record.control = summary(outcome);
    if (outcome.findings.lost.length === 0) wrong.push('with repair switched off nothing was lost: the suite is blind');
  }
  record.wrong = wrong;
  await mkdir(join(root, 'data'), { recursive: true });
  await appendFile(books, `${JSON.stringify(record)}\n`);
  await writeReport(books, join(root, 'docs/delivery-ledger.md'));

  const { acknowledged, shown } = record.figures;
  print(`${acknowledged} acknowledged, ${shown} shown; docs/delivery-ledger.md is written`);
  wrong.forEach((sentence) => print(`WRONG: ${sentence}`));
  // The original is measured, not judged.
  if (!system.ownClients || wrong.length === 0) await rm(logs, { recursive: true, force: true });
  return system.ownClients && wrong.length > 0 ? 1 : 0;
}

// The first Ctrl-C ends the schedule early, and the books are still balanced; the second ends everything.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (asked) process.exit(130);
    print('no more faults; again to end at once');
    asked = true;
  });
}
process.exit(await main());
