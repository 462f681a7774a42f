// Each way in which a stock client may connect, and each way in which it may say who it is.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { onEachDeployment } from './support/deployment.mjs';
import { User } from './support/user.mjs';
import { Tab } from './support/tab.mjs';

const WAYS = [
  { name: 'polling with upgrade', options: {}, ends: 'websocket' },
  { name: 'polling only', options: { transports: ['polling'] }, ends: 'polling' },
  { name: 'WebSocket only', options: { transports: ['websocket'] }, ends: 'websocket' },
];
const PROOFS = [
  { name: 'the cookie', connect: (user, node, options) => user.connects(node, options) },
  {
    name: 'auth.token',
    connect: async (user, node, options) => {
      const tab = new Tab(node.url, { auth: { token: user.token }, ...options });
      await tab.connected();
      return tab;
    },
  },
];

const transport = (tab) => tab.socket.io.engine.transport.name;

onEachDeployment((hub) => {
  for (const way of WAYS) {
    for (const proof of PROOFS) {
      test(`${way.name} with ${proof.name} carries messages in both directions`, async () => {
        const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
        const [aliceTab, bobTab] = await Promise.all([
          proof.connect(alice, hub.node(0), way.options),
          proof.connect(bob, hub.node(1), way.options),
        ]);
        await Promise.all([aliceTab, bobTab].map((tab) => tab.speaks(way.ends)));

        const clientId = randomUUID();
        const ack = await aliceTab.asks('sendMessage', { receiverId: bob.id, text: 'by socket', clientId });
        const reply = await bob.sends(hub.node(1), alice, 'by REST');

        assert.equal(ack.ok, true, JSON.stringify(ack));
        assert.equal(ack.message.text, 'by socket');
        assert.equal(ack.message.clientId, clientId);
        for (const tab of [aliceTab, bobTab]) {
          await tab.shows(ack.message);
          await tab.showsOnly(reply);
          assert.equal(transport(tab), way.ends);
        }
      });
    }

    test(`${way.name} answers an event that cannot be served with an error`, async () => {
      const alice = await User.signsUp(hub.node(0), 'alice');
      const tab = await alice.connects(hub.node(0), way.options);

      const ack = await tab.asks('sendMessage', { receiverId: alice.id, text: 'to myself', clientId: randomUUID() });

      assert.deepEqual(ack, { ok: false, error: { code: 'message.to_self', message: 'Cannot send messages to yourself.' } });
    });
  }

  test('messages that arrive around the upgrade are neither lost nor doubled', async () => {
    const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
    const tab = await bob.connects(hub.node(1));

    const sent = [];
    for (let i = 0; i < 50; i += 1) sent.push(await alice.sends(hub.node(0), bob, `message ${i}`));
    await tab.speaks('websocket');
    const marker = await alice.sends(hub.node(0), bob, 'marker');

    for (const message of sent) await tab.shows(message);
    await tab.showsOnly(marker);
  });

  test('a send that is repeated with the same clientId is answered with the first message and shown once', async () => {
    const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
    const [first, second, bobTab] = await Promise.all([
      alice.connects(hub.node(0)),
      alice.connects(hub.node(1)),
      bob.connects(hub.node(1)),
    ]);
    const draft = { receiverId: bob.id, text: 'once', clientId: randomUUID() };

    const acks = await Promise.all([first.asks('sendMessage', draft), second.asks('sendMessage', draft)]);
    const marker = await alice.sends(hub.node(0), bob, 'marker');

    assert.equal(acks[0].ok, true, JSON.stringify(acks[0]));
    assert.deepEqual(acks[1], acks[0]);
    for (const tab of [first, second, bobTab]) {
      await tab.shows(acks[0].message);
      await tab.showsOnly(marker);
    }
  });

  test('what one tab has read, every tab of that person shows as read', async () => {
    const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
    const tabs = await Promise.all([bob.connects(hub.node(1)), bob.connects(hub.node(0))]);
    const aliceTab = await alice.connects(hub.node(0));
    const message = await alice.sends(hub.node(0), bob, 'read me');
    await Promise.all(tabs.map((tab) => tab.shows(message)));

    const ack = await tabs[0].asks('messagesRead', { userId: alice.id, upTo: message._id });

    assert.equal(ack.ok, true, JSON.stringify(ack));
    for (const tab of tabs) {
      const [mark] = await tab.next('messagesRead');
      assert.deepEqual(mark, { userId: alice.id, upTo: message._id, unreadCount: 0 });
    }
    await aliceTab.shows(message);
    await aliceTab.showsOnly(await bob.sends(hub.node(1), alice, 'marker'));
    assert.equal(aliceTab.pending('messagesRead'), 0, 'a reading mark is for the reader only');
  });
});
