// The image, our Kubernetes objects, HAProxy and Prometheus together: clients of all kinds are served, and a rolling restart of all
// nodes under load costs nobody anything.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import '../../client/faults/ending.mjs';
import { until } from '../../client/faults/program.mjs';
import { faultsOf } from '../../client/faults/run.mjs';
import { CLIENTS, Crowd } from '../load-balancers/crowd.mjs';
import { parts, table } from './histogram.mjs';
import { Load, sockets } from './load.mjs';
import { brokenRules, targets, values } from './prometheus.mjs';
import { SPREAD, NOTICE, Stage } from './stage.mjs';

const REPORT = fileURLToPath(new URL('../../../target/deploy/rolling-restart.md', import.meta.url));
/** A stock client comes back 0.5 to 1.5 s after it lost its connection. */
const RETRY = 1.5;

const byUrl = (a, b) => a.url.localeCompare(b.url);
const begun = performance.now();
const says = (what) => console.error(`[${((performance.now() - begun) / 1_000).toFixed(1).padStart(6)} s] ${what}`);

describe('a deployment of three nodes', () => {
  let stage;

  before(async () => (stage = await Stage.sets(says)), { timeout: 180_000 });
  after(() => stage?.strikes(), { timeout: 180_000 });

  test('of five migrate Jobs at once, one applies', () => {
    const said = stage.migrations.map(({ code, log }) => {
      assert.equal(code, 0, log);
      return /^Applied [1-9]\d* migration/m.test(log) ? 'applied' : /nothing to apply/.test(log) ? 'nothing' : log;
    });

    assert.deepEqual(said.sort(), ['applied', 'nothing', 'nothing', 'nothing', 'nothing']);
  });

  test('Prometheus scrapes all three', async () => {
    const expected = stage.nodes.map(({ opsUrl }) => ({ url: `${opsUrl}/metrics`, health: 'up' }));

    assert.deepEqual((await targets(stage.prometheus)).sort(byUrl), expected.sort(byUrl));
    assert.deepEqual(await values(stage.prometheus, 'count(hubbub_build_info)'), [3]);
  });

  for (const [name, options] of Object.entries(CLIENTS)) {
    test(`${name}: stock clients connect through HAProxy, stay, and see each message once`, { timeout: 60_000 }, async (t) => {
      const crowd = await Crowd.signsUp(stage.haproxy, 9);
      t.after(() => crowd.close());
      await crowd.opens(stage.haproxy, options);

      await crowd.converses(stage.haproxy);

      crowd.assertUndisturbed();
    });
  }

  test('a rolling restart of all under load loses nothing, doubles nothing, and spreads who has to move', { timeout: 240_000 }, async (t) => {
    await until(async () => (await sockets(stage.nodes)).every((count) => count === 0), 20_000, () => 'the tests before have left');
    const load = await Load.starts(stage.haproxy);
    t.after(() => load.close());
    says(`${load.pages.length} pages are connected: ${await sockets(stage.nodes)}`);

    const restarts = [];
    for (const node of stage.nodes) restarts.push(await restart(load, node));
    const outcome = await load.ends();

    const { ledger, failures } = outcome;
    says(`${ledger.acknowledgedCount} messages acknowledged, ${ledger.shownCount} shown; failed sends by status: ${JSON.stringify([...failures])}`);
    assert.deepEqual(faultsOf(outcome), []);
    assert.equal(outcome.history.stored, ledger.acknowledgedCount);
    for (const restart of restarts) assertSpread(restart);
    await writeReport(load, restarts);
    assert.deepEqual(await values(stage.prometheus, 'max_over_time(hubbub_draining[10m])'), [1, 1, 1], 'Prometheus saw each of them drain');
    assert.deepEqual(await brokenRules(stage.prometheus), []);
  });

  /** Stops a node, starts it again, and waits until everything is as before. */
  async function restart(load, node) {
    const before = (await sockets(stage.nodes))[node.index];
    const window = load.ledger.opens(`restart-${node.index + 1}`);
    await node.stop();
    const { code, killed } = await node.ended();
    assert.deepEqual({ code, killed }, { code: 0, killed: false }, await node.log(40));
    const ended = performance.now();
    says(`node ${node.index + 1} with ${before} sockets left after ${((ended - window.start) / 1_000).toFixed(1)} s`);
    await node.start();
    await stage.haproxy.sees(3, 30_000);
    await load.allConnected(20_000);
    window.end = performance.now();
    const { lost, back } = load.between(window.start, window.end);
    says(`node ${node.index + 1} is back; ${lost.length} connections were lost, ${back.length} came back: ${await sockets(stage.nodes)}`);
    const seconds = back.map((at) => (at - window.start) / 1_000);
    return { node, before, seconds, lost: lost.length, took: ended - window.start };
  }

  function assertSpread({ node, before, seconds, lost }) {
    const which = `node ${node.index + 1}`;
    assert.equal(lost, before, `${which}: each of its clients lost its connection once, and nobody else did`);
    assert.equal(seconds.length, lost, `${which}: and came back once`);
    const [first, last] = [Math.min(...seconds), Math.max(...seconds)];
    assert.ok(last - first > SPREAD / 2, `${which}: all were back within ${last - first} s`);
    const tenths = parts(seconds, { from: NOTICE, to: NOTICE + SPREAD + RETRY, parts: 10 });
    assert.ok(Math.max(...tenths) <= seconds.length / 3, `${which}: a herd: ${tenths}`);
  }

  async function writeReport(load, restarts) {
    const errors = load.pages.reduce((sum, page) => sum + page.errors, 0);
    const columns = restarts.map(({ node, seconds }) => ({ title: `node ${node.index + 1}`, seconds }));
    const { acknowledgedCount, shownCount } = load.ledger;
    const facts = [
      `${load.pages.length} clients, ${acknowledgedCount} messages acknowledged and ${shownCount} shown while all three nodes were restarted;`,
      `sockets of each when it was told to go: ${restarts.map(({ before }) => before).join(', ')}; attempts to connect that failed: ${errors};`,
      `each left within ${restarts.map(({ took }) => `${(took / 1_000).toFixed(1)} s`).join(', ')}.`,
    ];
    await mkdir(fileURLToPath(new URL('.', `file://${REPORT}`)), { recursive: true });
    await writeFile(REPORT, `${facts.join('\n')}\n\n${table(columns)}\n`);
    says(`the histogram is in ${REPORT}`);
    console.error(`${facts.join('\n')}\n\n${table(columns)}`);
  }
});
