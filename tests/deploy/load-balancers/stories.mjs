// What every load balancer must do for stock clients, told once.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { fetchText } from '../../client/faults/balancer.mjs';
import { until } from '../../client/faults/program.mjs';
import { Cluster } from './cluster.mjs';
import { CLIENTS, Crowd } from './crowd.mjs';

const PEOPLE = 12;
const ACCEPTED = 'hubbub_handshakes_total{result="accepted"}';

/**
 * `Balancer` is a class as in haproxy.mjs. `asks`: whether it asks nodes for their health, and so knows who drains. `forwards`: whether nodes
 * pass on polls of sessions that another one holds.
 */
export function onThreeNodes(Balancer, { asks, forwards = false }) {
  describe(`${Balancer.name} before three nodes${forwards ? ' that forward polls' : ''}`, () => {
    let cluster, balancer, crowd, gone;

    before(
      async () => {
        cluster = await Cluster.start({ forwards });
        balancer = await Balancer.start(cluster.nodes, { folder: cluster.folder });
        await balancer.sees(3);
        crowd = await Crowd.signsUp(balancer, PEOPLE);
      },
      { timeout: 90_000 },
    );
    after(
      async () => {
        await balancer?.stop();
        await cluster?.stop();
      },
      { timeout: 60_000 },
    );
    afterEach(
      async () => {
        crowd.close();
        if (gone === undefined) return;
        await cluster.nodes[gone].kill();
        await cluster.starts(gone);
        await balancer.sees(3);
        gone = undefined;
      },
      { timeout: 60_000 },
    );

    const sockets = () => cluster.counts('hubbub_sockets');

    for (const [name, options] of Object.entries(CLIENTS)) {
      test(`${name}: all connect, stay where they are, and see each message once`, { timeout: 60_000 }, async (t) => {
        const tabs = await crowd.opens(balancer, options);

        await crowd.converses(balancer);

        crowd.assertUndisturbed();
        const spread = await sockets();
        t.diagnostic(`sockets of the nodes: ${spread}`);
        assert.equal(spread.reduce((sum, count) => sum + count), PEOPLE);
        assert.ok(spread.filter((count) => count > 0).length > 1, `all on one node: ${spread}`);
        // The one that a request without `sid` was answered with is the one that stays.
        if (options.transports?.[0] !== 'websocket') for (const { socket } of tabs) assert.ok(cookieOf(socket), 'no cookie was set');
      });
    }

    test('a node that drains gets nobody new, loses the others bit by bit, and all are back', { timeout: 120_000 }, async (t) => {
      for (const options of Object.values(CLIENTS)) await crowd.opens(balancer, options);
      const before = await sockets();
      const index = before.indexOf(Math.max(...before));
      gone = index;
      const node = cluster.nodes[index];

      const exit = node.terminate();
      await until(async () => (await fetchText(`${node.opsUrl}/ready`)).status === 503, 5_000, () => 'it is not ready');
      if (asks) {
        await balancer.sees(2);
        const accepted = (await cluster.counts(ACCEPTED))[index];
        const late = await Crowd.signsUp(balancer, 6);
        for (const options of Object.values(CLIENTS)) await late.opens(balancer, options);
        late.assertUndisturbed();
        late.close();
        const [still, now] = [(await sockets())[index], (await cluster.counts(ACCEPTED))[index]];
        assert.equal(now, accepted, 'new clients came to a node that drains');
        assert.equal(still, before[index], 'clients were cut off when the node was not ready any more');
        assert.equal(crowd.troubles.disconnects, 0);
      }
      const { code } = await exit;
      assert.equal(code, 0, node.log);
      await crowd.isBack(20_000);

      const { disconnects, errors } = crowd.troubles;
      t.diagnostic(`sockets before: ${before}, after: ${await afterwards(index)}; ${disconnects} disconnects, ${errors} connection errors`);
      movedOnce(disconnects, before[index]);
      await crowd.converses(balancer);
    });

    test('when a node is killed, its clients are back on the others', { timeout: 120_000 }, async (t) => {
      for (const options of Object.values(CLIENTS)) await crowd.opens(balancer, options);
      const before = await sockets();
      const index = before.indexOf(Math.max(...before));
      gone = index;

      await cluster.nodes[index].kill();
      await until(() => crowd.troubles.disconnects >= before[index], 20_000, () => 'its clients noticed');
      await crowd.isBack(20_000);

      const { disconnects, errors } = crowd.troubles;
      t.diagnostic(`sockets before: ${before}, after: ${await afterwards(index)}; ${disconnects} disconnects, ${errors} connection errors`);
      movedOnce(disconnects, before[index]);
      await crowd.converses(balancer);
    });

    test('X-Forwarded-For of a client is not believed', { timeout: 60_000 }, async () => {
      const body = JSON.stringify({ email: 'nobody@example.org', password: 'a guess' });
      const statuses = [];
      for (let i = 0; i < 8; i += 1) {
        const headers = { 'content-type': 'application/json', 'x-forwarded-for': `203.0.113.${i}` };
        const response = await fetch(`${balancer.url}/api/auth/login`, { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) });
        await response.text();
        statuses.push(response.status);
      }
      // Five failures are allowed from one address, which this is.
      assert.ok(statuses.slice(0, 5).every((status) => status < 429), statuses.join());
      assert.equal(statuses.at(-1), 429, statuses.join());
    });

    // Who asks nobody may lead a client back to the node that it just had to leave.
    function movedOnce(disconnects, clients) {
      if (asks) assert.equal(disconnects, clients, 'each of its clients, and nobody else, had to move once');
      else assert.ok(disconnects >= clients && disconnects <= 2 * clients, `${clients} clients moved ${disconnects} times`);
    }

    async function afterwards(index) {
      return (await sockets()).map((count, i) => (i === index ? '-' : count)).join();
    }

    function cookieOf(socket) {
      return new Map(socket.io.engine._cookieJar.cookies).get(Balancer.cookie)?.value;
    }
  });
}
