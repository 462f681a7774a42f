// Three nodes behind a load balancer without stickiness: each request of a polling client comes to another node.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { onCluster } from './support/deployment.mjs';
import { Dealer } from './support/dealer.mjs';
import { User } from './support/user.mjs';

const WAYS = [
  { name: 'default transports', options: {} },
  { name: 'polling only', options: { transports: ['polling'] } },
  { name: 'WebSocket only', options: { transports: ['websocket'] } },
];

// Short, so that sessions live through some of them.
const heartbeat = { HUBBUB__REALTIME__PING_INTERVAL: '1s', HUBBUB__REALTIME__PING_TIMEOUT: '10s' };
// Port 0: the one that the node got.
const reachable = { ...heartbeat, HUBBUB__CLUSTER__ADDRESS: '127.0.0.1:0' };

const engine = (tab) => tab.socket.io.engine;
const people = (hub) => Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);

async function dealer(t, hub, options) {
  const balancer = await Dealer.before(hub.nodes, options);
  t.after(() => balancer.close());
  return balancer;
}

/** `{answered, failed}` of all nodes together. */
async function forwarded(nodes) {
  const sum = { answered: 0, failed: 0 };
  for (const node of nodes) {
    const text = await (await fetch(`${node.opsUrl}/metrics`)).text();
    for (const [, result, count] of text.matchAll(/^hubbub_polls_forwarded_total\{result="(\w+)"\} (\d+)$/gm)) {
      sum[result] += Number(count);
    }
  }
  return sum;
}

/** Sends `count` messages by socket, one after the other, as the acknowledgements come; resolves with them. */
async function says(tab, receiver, count) {
  const sent = [];
  for (let i = 0; i < count; i += 1) {
    const ack = await tab.asks('sendMessage', { receiverId: receiver.id, text: `message ${i}`, clientId: randomUUID() });
    assert.equal(ack.ok, true, JSON.stringify(ack));
    sent.push(ack.message);
  }
  return sent;
}

/** The next `count` messages that a tab shows. */
async function heard(tab, count) {
  const shown = [];
  for (let i = 0; i < count; i += 1) shown.push((await tab.next('newMessage'))[0]);
  return shown;
}

/** Waits until the session has lived through some heartbeats. */
async function beats(tab, times) {
  for (let i = 0; i < times; i += 1) await new Promise((resolve) => engine(tab).once('ping', resolve));
}

onCluster(3, 'on three nodes that reach each other', (hub) => {
  for (const { name, options } of WAYS) {
    test(`${name}: messages go both ways at once, each once and in order, and nobody is disconnected`, async (t) => {
      const [alice, bob] = await people(hub);
      const balancer = await dealer(t, hub);
      const before = await forwarded(hub.nodes);
      const tabs = await Promise.all([alice, bob].map((user) => user.connects(balancer, options)));

      const [byAlice, byBob] = await Promise.all([says(tabs[0], bob, 40), says(tabs[1], alice, 40)]);
      const shown = await Promise.all(tabs.map((tab) => heard(tab, 80)));

      for (const messages of shown) {
        for (const [user, sent] of [[alice, byAlice], [bob, byBob]]) {
          assert.deepEqual(messages.filter(({ senderId }) => senderId === user.id), sent);
        }
      }
      const marker = await alice.sends(balancer, bob, 'marker');
      await Promise.all(tabs.map((tab) => tab.showsOnly(marker)));
      await Promise.all(tabs.map((tab) => beats(tab, 2)));
      for (const tab of tabs) {
        assert.equal(tab.pending('disconnect') + tab.pending('connect_error'), 0);
        if (engine(tab).transport.name === 'polling') {
          assert.equal(balancer.servedBy(engine(tab).id).size, 3, 'every node served it');
        }
      }
      const after = await forwarded(hub.nodes);
      assert.equal(after.failed, before.failed);
      if (name === 'polling only') assert.ok(after.answered - before.answered > 80, JSON.stringify({ before, after }));
      if (name === 'WebSocket only') assert.deepEqual(after, before);
    });

    test(`${name}: when the node that holds a session is killed, the client goes on elsewhere and misses nothing`, async (t) => {
      const [alice, bob] = await people(hub);
      const balancer = await dealer(t, hub);
      const tab = await bob.connects(balancer, options);
      const sent = [];
      for (let i = 0; i < 10; i += 1) sent.push(await alice.sends(balancer, bob, `before ${i}`));
      assert.deepEqual(await heard(tab, 10), sent);
      const at = hub.nodes.indexOf(balancer.holderOf(engine(tab).id) ?? balancer.websocketAt);

      balancer.dismisses(hub.node(at));
      await hub.replaces(at);
      const others = hub.nodes.filter((_, index) => index !== at);
      const missed = [];
      for (let i = 0; i < 10; i += 1) missed.push(await alice.sends(others[i % 2], bob, `after ${i}`));

      assert.deepEqual(await heard(tab, 10), missed);
      assert.equal(tab.pending('disconnect'), 1);
      assert.equal(tab.socket.recovered, true);
      if (name === 'polling only') assert.equal(balancer.servedBy(engine(tab).id).size, 2, 'both others serve it');
      await tab.showsOnly(await alice.sends(others[0], bob, 'marker'));
    });
  }

  test('an upgrade that reaches another node fails once, and the client stays where it is, by polling', async (t) => {
    const [alice, bob] = await people(hub);
    const wrong = (holder, nodes) => nodes.find((node) => node !== holder);
    const balancer = await dealer(t, hub, { upgradesTo: wrong });
    const tab = bob.opens(balancer);
    let errors = 0;
    const failed = new Promise((resolve) => {
      engine(tab).on('upgradeError', () => resolve((errors += 1)));
    });
    await tab.connected();
    await failed;
    const { id } = engine(tab);

    for (let i = 0; i < 10; i += 1) await tab.shows(await alice.sends(balancer, bob, `message ${i}`));
    await beats(tab, 3);
    await says(tab, alice, 3);

    assert.deepEqual([engine(tab).id, engine(tab).transport.name, errors], [id, 'polling', 1]);
    assert.equal(tab.pending('disconnect') + tab.pending('connect_error'), 0);
  });

  test('an upgrade that reaches the node itself succeeds, while polls come in by the others', async (t) => {
    const [alice, bob] = await people(hub);
    const balancer = await dealer(t, hub, { upgradesTo: (holder) => holder });
    const tabs = await Promise.all(Array.from({ length: 5 }, () => bob.connects(balancer)));
    const sent = [];
    for (let i = 0; i < 10; i += 1) sent.push(await alice.sends(balancer, bob, `message ${i}`));
    for (const tab of tabs) {
      await tab.speaks('websocket');
      assert.deepEqual(await heard(tab, 10), sent);
    }
    const marker = await alice.sends(balancer, bob, 'marker');
    for (const tab of tabs) {
      await tab.showsOnly(marker);
      assert.equal(tab.pending('disconnect'), 0);
    }
  });
}, reachable);

// Last, since it takes a node away.
onCluster(3, 'on three nodes of which one leaves', (hub) => {
  test('a node that drains costs the sessions of the others no message', async (t) => {
    const [alice, bob] = await people(hub);
    const balancer = await dealer(t, hub);
    const tabs = await Promise.all(Array.from({ length: 6 }, () => bob.connects(balancer, { transports: ['polling'] })));
    const leaving = hub.node(2);
    const sent = [];
    let over = false;
    const ended = leaving.terminate().finally(() => (over = true));
    balancer.dismisses(leaving);
    while (!over || sent.length < 20) sent.push(await alice.sends(balancer, bob, `message ${sent.length}`));
    const { code, ms } = await ended;

    assert.equal(code, 0);
    assert.ok(ms < 20_000, `it waited ${ms} ms for polls`);
    for (const tab of tabs) assert.deepEqual(await heard(tab, sent.length), sent);
    const marker = await alice.sends(balancer, bob, 'marker');
    for (const tab of tabs) await tab.showsOnly(marker);
  });
}, reachable);

onCluster(3, 'on three nodes that do not know where they are', (hub) => {
  test('a client that polls never settles, which the tests above would notice', async (t) => {
    const [, bob] = await people(hub);
    const balancer = await dealer(t, hub);
    const tab = bob.opens(balancer, { transports: ['polling'] });
    for (let i = 0; i < 5; i += 1) await tab.next('disconnect');
    assert.equal(tab.pending('connect'), 0);
  });

  test('a client that speaks WebSocket only does not care', async (t) => {
    const [alice, bob] = await people(hub);
    const balancer = await dealer(t, hub);
    const tab = await bob.connects(balancer, { transports: ['websocket'] });
    await tab.showsOnly(await alice.sends(balancer, bob, 'hello'));
  });
}, heartbeat);
