// haproxy.cfg as it stands in a cluster, where names are asked for nodes; and without stickiness, where long-polling fails unless nodes
// forward polls.
import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import '../../client/faults/ending.mjs';
import { until } from '../../client/faults/program.mjs';
import { CLIENTS, opens } from './crowd.mjs';
import { NameServer } from './dns.mjs';
import { standBehindHAProxy } from './stand.mjs';

const HOSTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
const PEOPLE = 9;

/** Round robin without a cookie: each request may go to another node. */
function withoutStickiness(config) {
  const edited = config
    .replace('balance leastconn', 'balance roundrobin')
    .split('\n')
    .filter((line) => !/^ *(cookie|dynamic-cookie-key|force-persist|acl in_session|retry-on|http-request disable-l7-retry) ?/.test(line))
    .join('\n');
  assert.ok(!/HUBNODE insert|leastconn/.test(edited), 'the configuration has changed, and this control with it');
  return edited;
}

describe('HAProxy with a headless Service', () => {
  let names;
  const places = async ({ nodes: [first] }) => {
    names = await NameServer.of(HOSTS);
    const [port, opsPort] = [first.url, first.opsUrl].map((url) => new URL(url).port);
    return { HUBBUB_SERVICE: 'hubbub.test', HUBBUB_PORT: port, HUBBUB_OPS_PORT: opsPort, HUBBUB_NAMESERVER: names.at };
  };
  const stand = standBehindHAProxy({ nodes: { hosts: HOSTS, samePort: true }, people: PEOPLE, places });
  after(() => names?.close());

  test('finds the nodes by name, and clients of all kinds are well', { timeout: 60_000 }, async () => {
    const { cluster, haproxy, crowd } = stand;
    for (const options of Object.values(CLIENTS)) await crowd.opens(haproxy, options);

    await crowd.converses(haproxy);

    crowd.assertUndisturbed();
    const sockets = await cluster.counts('hubbub_sockets');
    assert.ok(sockets.every((count) => count > 0), `not on all nodes: ${sockets}`);
  });

  test('takes a node in that the name has come to include, and leaves the WebSockets of one that it has lost', { timeout: 90_000 }, async () => {
    const { cluster, haproxy, crowd } = stand;
    names.addresses = HOSTS.slice(0, 2);
    await haproxy.sees(2, 30_000);
    await crowd.opens(haproxy, CLIENTS['polling only']);
    assert.equal((await cluster.counts('hubbub_sockets'))[2], 0);

    names.addresses = HOSTS;
    await haproxy.sees(3, 30_000);
    await crowd.converses(haproxy);
    crowd.assertUndisturbed();
    crowd.close();
    await crowd.opens(haproxy);
    assert.ok((await cluster.counts('hubbub_sockets'))[2] > 0, 'nobody came to the new one');

    names.addresses = HOSTS.slice(1);
    await haproxy.sees(2, 30_000);
    await crowd.converses(haproxy);
    crowd.assertUndisturbed();
    names.addresses = HOSTS;
  });
});

describe('without stickiness and without nodes that forward polls', () => {
  const stand = standBehindHAProxy({ people: PEOPLE, edit: withoutStickiness });

  test('clients that only poll fail', { timeout: 60_000 }, async () => {
    const { haproxy, crowd } = stand;
    const tabs = crowd.users.map((user) => opens(user, haproxy, { transports: ['polling'], reconnection: false }));

    const failed = (tab) => tab.pending('connect_error') + tab.pending('disconnect') > 0;
    await until(() => tabs.every(failed), 20_000, () => `all fail; but ${tabs.filter((tab) => !failed(tab)).length} do not`);

    for (const tab of tabs) tab.close();
  });

  test('clients that only speak WebSocket are well', { timeout: 60_000 }, async () => {
    const { haproxy, crowd } = stand;
    await crowd.opens(haproxy, CLIENTS['WebSocket only']);

    await crowd.converses(haproxy);

    crowd.assertUndisturbed();
  });
});

describe('without stickiness, with nodes that forward polls', () => {
  const stand = standBehindHAProxy({ nodes: { forwards: true }, people: PEOPLE, edit: withoutStickiness });

  for (const name of ['default', 'polling only']) {
    test(`${name}: clients are well`, { timeout: 60_000 }, async () => {
      const { cluster, haproxy, crowd } = stand;
      // An upgrade that comes to another node fails, and the client stays with polling.
      await crowd.opens(haproxy, CLIENTS[name], { upgrades: false });

      await crowd.converses(haproxy);

      crowd.assertUndisturbed();
      const forwarded = await cluster.counts('hubbub_polls_forwarded_total{result="answered"}');
      assert.ok(forwarded.every((count) => count > 0), `forwarded: ${forwarded}`);
    });
  }
});
