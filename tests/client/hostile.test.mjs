// What a careless or hostile client sends costs only itself.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { onEachDeployment } from './support/deployment.mjs';
import { User, request } from './support/user.mjs';
import { Polling } from './support/polling.mjs';

const HUGE = 'x'.repeat(1024 * 1024);

onEachDeployment((hub) => {
  const people = (...names) => Promise.all(names.map((name, i) => User.signsUp(hub.node(i), name)));

  test('events that nobody knows are ignored, and the socket goes on working', async () => {
    const [alice, bob] = await people('alice', 'bob');
    const tab = await bob.connects(hub.node(1));

    tab.socket.emit('noSuchEvent');
    tab.socket.emit('noSuchEvent', { deep: { er: [1, null, 'x'] } }, 2);
    tab.socket.emit('newMessage', { text: 'forged' });
    tab.socket.emit('getOnlineUsers', []);

    await tab.showsOnly(await alice.sends(hub.node(0), bob, 'hello'));
    assert.equal(tab.pending('disconnect'), 0);
  });

  test('payloads of the wrong shape are answered with an error and store nothing', async () => {
    const [alice, bob] = await people('alice', 'bob');
    const tab = await alice.connects(hub.node(0));
    const clientId = randomUUID();

    const payloads = [
      [], [null], [7], ['text'], [[]], [{}], [{ receiverId: 7, text: 'x', clientId }], [{ receiverId: 'no id', text: 'x', clientId }],
      [{ receiverId: bob.id, text: { not: 'text' }, clientId }], [{ receiverId: bob.id, text: '   ', clientId }],
      [{ receiverId: bob.id, text: 'x'.repeat(2_001), clientId }], [{ receiverId: bob.id, text: 'x', clientId: 'no uuid' }],
      [{ receiverId: randomUUID(), text: 'nobody', clientId }],
    ];
    for (const payload of payloads) {
      const ack = await tab.asks('sendMessage', ...payload);
      assert.equal(ack.ok, false, JSON.stringify(payload));
      assert.equal(typeof ack.error.code, 'string', JSON.stringify(payload));
      assert.equal(typeof ack.error.message, 'string', JSON.stringify(payload));
    }

    const { body } = await alice.asks(hub.node(0), 'GET', `/api/messages/${bob.id}`);
    assert.deepEqual(body, []);
  });

  test('a packet before CONNECT does nothing, even with a good cookie', async () => {
    const [alice, bob] = await people('alice', 'bob');
    const tab = await bob.connects(hub.node(1));
    const early = JSON.stringify(['sendMessage', { receiverId: bob.id, text: 'too early', clientId: randomUUID() }]);

    const silent = await Polling.opens(hub.node(0), { cookie: alice.cookie });
    await silent.posts(`421${early}`);
    const refused = await Polling.opens(hub.node(0));
    await refused.posts('40{"token":"not.a.token"}');
    await refused.posts(`421${early}`);

    const marker = await alice.sends(hub.node(0), bob, 'marker');
    await tab.showsOnly(marker);
    const { body } = await bob.asks(hub.node(1), 'GET', `/api/messages/${alice.id}`);
    assert.deepEqual(body, [marker]);
  });

  for (const transports of [['websocket'], ['polling']]) {
    test(`a packet of 1 MiB by ${transports} disconnects the socket that sent it and no other`, async () => {
      const [alice, bob] = await people('alice', 'bob');
      const [big, other, bobTab] = await Promise.all([
        alice.connects(hub.node(0), { transports, reconnection: false }),
        alice.connects(hub.node(0), { transports }),
        bob.connects(hub.node(0), { transports }),
      ]);

      big.socket.emit('sendMessage', { receiverId: bob.id, text: HUGE, clientId: randomUUID() });
      await big.next('disconnect');

      const marker = await alice.sends(hub.node(0), bob, 'marker');
      await Promise.all([other, bobTab].map((tab) => tab.showsOnly(marker)));
      assert.equal(other.pending('disconnect') + bobTab.pending('disconnect'), 0);
    });
  }

  test('REST answers every refusal in JSON with a message and a code', async () => {
    const [alice, bob] = await people('alice', 'bob');
    const send = `/api/messages/send/${bob.id}`;

    const answers = [
      [400, await alice.asks(hub.node(0), 'POST', send, '{"text": ')],
      [400, await alice.asks(hub.node(0), 'POST', send, '[1, 2]')],
      [400, await alice.asks(hub.node(0), 'POST', send, { text: '', image: '' })],
      [400, await alice.asks(hub.node(0), 'POST', send, { text: 'x', image: '/etc/passwd' })],
      [413, await alice.asks(hub.node(0), 'POST', send, { text: 'x', image: `data:image/png;base64,${HUGE.repeat(6)}` })],
      [400, await alice.asks(hub.node(0), 'GET', '/api/messages/no-id')],
      [404, await alice.asks(hub.node(0), 'POST', `/api/messages/send/${randomUUID()}`, { text: 'nobody' })],
      [404, await alice.asks(hub.node(0), 'GET', '/api/no/such/thing')],
      [401, await request(hub.node(0), 'GET', '/api/messages/contacts')],
    ];

    for (const [status, answer] of answers) {
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(typeof answer.body.message, 'string', JSON.stringify(answer.body));
      assert.equal(typeof answer.body.code, 'string', JSON.stringify(answer.body));
    }
  });
});
