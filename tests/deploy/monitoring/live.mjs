#!/usr/bin/env node
// live.mjs, run by live.sh: two real nodes under load, scraped by a real Prometheus. Then the exposition must be as Prometheus wants it, and
// every metric that rules and dashboard use, every panel and every rule must be there and work.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../client/faults/program.mjs';
import { Node } from '../../client/support/node.mjs';
import { freshCluster } from '../../client/support/services.mjs';
import { load } from './load.mjs';
import { Prometheus } from './prometheus.mjs';

const run = promisify(execFile);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const python = (...args) => run(here('python.sh'), [here(args[0]), ...args.slice(1)], { timeout: 120_000, maxBuffer: 1 << 24 });

// In the order of making; undone in the opposite one, whatever happens.
const undo = [];

async function startNodes(folder) {
  const fresh = await freshCluster(folder);
  undo.push(fresh.drop);
  const limits = ['SEND', 'EVENT', 'HANDSHAKE', 'SIGN_UP', 'FAILED_LOG_IN'].map((name) => [`HUBBUB__LIMITS__${name}__BURST`, '0']);
  const env = {
    ...Object.fromEntries(limits),
    OPS_PORT: '0',
    HUBBUB__HTTP__HOST: '127.0.0.1',
    HUBBUB__OPS__HOST: '127.0.0.1',
    JWT_SECRET: 'a secret for tests only, and long enough',
    ...fresh.env,
  };
  const nodes = [];
  for (let i = 0; i < 2; i += 1) {
    const port = String(await freePort());
    const node = await Node.start({ ...env, PORT: port, HUBBUB__CLUSTER__ADDRESS: `127.0.0.1:${port}` }, folder);
    undo.push(() => node.kill());
    nodes.push(node);
  }
  return nodes;
}

async function exposition(nodes) {
  for (const node of nodes) {
    const text = await (await fetch(`${node.opsUrl}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8', timeout: 30_000 });
    assert.equal(status, 0, `promtool check metrics:\n${stdout}${stderr}`);
    assert.ok(!/\b(user|email|conversation|message)(_id)?="/.test(text), 'something is labelled by a person');
  }
}

async function main() {
  const folder = await mkdtemp(join(tmpdir(), 'hubbub-monitoring-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const { stdout: rules } = await python('rules.py', 'extract');
  const nodes = await startNodes(folder);
  const opsUrls = nodes.map(({ opsUrl }) => opsUrl);
  const prometheus = await Prometheus.start({ folder, rules, opsUrls });
  undo.push(() => prometheus.stop());

  const done = await load(nodes, { forwards: true });
  console.log(`load: ${JSON.stringify(done)}`);

  // All of them, so that one run tells everything.
  const checks = [
    ['exposition', exposition(nodes).then(() => 'promtool finds no fault in the exposition')],
    ['names', python('queries.py', 'names', ...opsUrls).then(({ stdout }) => stdout.trim())],
    ['panels', python('queries.py', 'panels', prometheus.url).then(({ stdout }) => stdout.trim())],
  ];
  const results = await Promise.allSettled(checks.map(([, check]) => check));
  results.forEach(({ value, reason }, i) => console.log(`${checks[i][0]}: ${value ?? `FAILED\n${reason.stderr || reason.message}`}`));
  return results.every(({ status }) => status === 'fulfilled');
}

let good = false;
try {
  good = await main();
} finally {
  for (const step of undo.reverse()) await step();
}
process.exitCode = good ? 0 : 1;
