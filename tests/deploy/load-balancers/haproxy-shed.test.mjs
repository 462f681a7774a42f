// Scaling out behind HAProxy: a new node gets its share, from clients that a cookie keeps where they are, too.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import '../../client/faults/ending.mjs';
import { until } from '../../client/faults/program.mjs';
import { CLIENTS } from './crowd.mjs';
import { HAProxy } from './haproxy.mjs';
import { standBehindHAProxy } from './stand.mjs';

const PEOPLE = 30;
const SHEDS = {
  HUBBUB__CLUSTER__SHED: 'true',
  HUBBUB__CLUSTER__SHED_AFTER: '1s',
  HUBBUB__CLUSTER__SHED_OVER: '10s',
  // Nodes tell one another their loads with each beat.
  HUBBUB__CLUSTER__BEAT: '500ms',
  HUBBUB__CLUSTER__LEASE: '2s',
  HUBBUB__CLUSTER__SHED_COOKIE: HAProxy.cookie,
};

/** As long as the default `shed_after` is above `slowstart`, so must this be. */
function startsFaster(config) {
  assert.match(config, /slowstart 20s/);
  return config.replace('slowstart 20s', 'slowstart 500ms');
}

describe('nodes that shed behind HAProxy', () => {
  const stand = standBehindHAProxy({ nodes: { env: SHEDS }, people: PEOPLE, edit: startsFaster });

  test('share the load with one that joins, and everybody stays well', { timeout: 120_000 }, async (t) => {
    const { cluster, haproxy, crowd } = stand;
    await cluster.nodes[2].kill();
    await haproxy.sees(2);
    for (const name of ['default', 'polling only']) await crowd.opens(haproxy, CLIENTS[name]);
    const before = await cluster.counts('hubbub_sockets');

    await cluster.starts(2);
    await haproxy.sees(3);
    const even = (2 * PEOPLE) / 3;
    let now;
    const shared = async () => {
      now = await cluster.counts('hubbub_sockets');
      // Without those that are on their way.
      const all = now.reduce((sum, count) => sum + count) === crowd.tabs.length;
      return all && Math.max(...now) <= even + 5 && Math.min(...now) > 0;
    };
    await until(shared, 60_000, () => `the load is shared: ${now}`, 200);
    await crowd.isBack(20_000);

    const { disconnects, errors } = crowd.troubles;
    t.diagnostic(`shed: ${await cluster.counts('hubbub_sockets_shed_total')}; sent away: ${await cluster.counts('hubbub_handshakes_total{result="shed"}')}`);
    t.diagnostic(`sockets before: ${before}, after: ${now}; ${disconnects} disconnects, ${errors} connection errors`);
    assert.ok(disconnects <= crowd.tabs.length, `${disconnects} had to move, of whom a third would have done`);
    await crowd.converses(haproxy);
  });
});
