import { expect, test, vi } from 'vitest';
import { ApiError, Hub } from '.';
import { lost } from './testing/faulty';
import { Person, Tab, TestStorage } from './testing/people';
import { alice, bob, carol, faulty, history, network, node, scene } from './testing/scene';
import { until } from './testing/wait';

scene({ HUBBUB__LIMITS__SEND__BURST: '0' });

test('what is sent quickly arrives in that order, and each once', async () => {
  const [from, to] = await Promise.all([Tab.opens(node.url, alice), Tab.opens(node.url, bob)]);
  const texts = Array.from({ length: 20 }, (_, i) => `${i}`);

  texts.forEach((text) => from.hub.send({ receiverId: bob.id, text }));

  await from.emptied();
  await Promise.all([from.shows(...texts), to.shows(...texts)]);
  expect(await history(bob, alice)).toEqual(texts);
});

test('a message leaves the outbox before it is told, with its clientId', async () => {
  const tab = await Tab.opens(node.url, alice);

  const { clientId } = tab.hub.send({ receiverId: bob.id, text: 'hi' });

  await tab.shows('hi');
  expect(tab.messages[0]?.clientId).toBe(clientId);
  expect(tab.log.filter((line) => !line.startsWith('reset'))).toEqual(['outbox 1', 'outbox 1', 'outbox 0', 'message hi']);
});

test('sends to different people don’t wait for each other, and at most four go at the same time', async () => {
  const others = await Promise.all(Array.from({ length: 6 }, (_, i) => Person.signsUp(node.url, `Other ${i}`)));
  const api = faulty(alice);
  let most = 0;
  let running = 0;
  let release = (): void => undefined;
  const gate = new Promise<void>((done) => (release = done));
  api.before = async () => {
    running += 1;
    most = Math.max(most, running);
    await gate;
    running -= 1;
  };
  const tab = await Tab.opens(node.url, alice, { api });

  others.forEach(({ id }) => tab.hub.send({ receiverId: id, text: 'to all' }));

  await until(() => running === 4, 'four are being sent');
  release();
  await tab.emptied();
  expect(most).toBe(4);
});

test('a message that the network lost is sent again, and stored once', async () => {
  const api = faulty(alice);
  const tab = await Tab.opens(node.url, alice, { api });
  tab.hub.stop();
  let failures = 0;
  api.after = () => {
    failures += 1;
    if (failures === 1) lost();
  };
  tab.hub.start();

  tab.hub.send({ receiverId: bob.id, text: 'first' });
  tab.hub.send({ receiverId: bob.id, text: 'second' });

  await tab.emptied();
  expect(new Set(api.sends.map(({ clientId }) => clientId)).size).toBe(2);
  expect(await history(bob, alice)).toEqual(['first', 'second']);
  await tab.shows('first', 'second');
});

test('a request that hangs since the network went is repeated when the network is back', async () => {
  const tab = await Tab.opens(node.url, alice, { api: alice.api });
  const hanging = vi.spyOn(alice.api, 'send').mockImplementationOnce(
    (_to, _body, signal) => new Promise((_, fail) => signal?.addEventListener('abort', () => fail(signal.reason))),
  );
  tab.hub.send({ receiverId: bob.id, text: 'into the void' });
  tab.hub.reconnect();
  await until(() => hanging.mock.calls.length === 1, 'a request');
  const now = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => now + 4_000);

  tab.hub.reconnect();

  await tab.shows('into the void');
  expect(hanging).toHaveBeenCalledTimes(2);
});

test('while there is no network messages wait, and go out in order when it is back', async () => {
  const tab = await Tab.opens(network.url, alice);
  network.cut();
  await tab.is('offline');

  ['1', '2', '3'].forEach((text) => tab.hub.send({ receiverId: bob.id, text }));
  const waiting = await tab.outgoing(({ state, error }) => state === 'waiting' && error !== undefined);
  expect(waiting).toMatchObject({ text: '1', error: 'The server cannot be reached. Check your connection.' });
  network.heal();
  tab.hub.reconnect();

  await tab.emptied();
  await tab.shows('1', '2', '3');
  expect(await history(bob, alice)).toEqual(['1', '2', '3']);
});

test('it sends while the socket is down, and does not tell the message again when the socket comes back', async () => {
  const tab = await Tab.opens(network.url, alice, { api: alice.api });
  await bob.sends(alice, 'seen');
  await tab.shows('seen');
  network.cut();
  await tab.is('offline');

  tab.hub.send({ receiverId: bob.id, text: 'by REST alone' });

  await tab.shows('seen', 'by REST alone');
  network.heal();
  tab.hub.reconnect();
  await tab.live();
  await bob.sends(alice, 'marker');
  await tab.shows('seen', 'by REST alone', 'marker');
});

test('a message that comes by the socket before the request is answered counts as sent, and comes once', async () => {
  const api = faulty(alice);
  let answer = (): void => undefined;
  const answered = new Promise<void>((done) => (answer = done));
  api.after = () => answered;
  const tab = await Tab.opens(node.url, alice, { api });

  tab.hub.send({ receiverId: bob.id, text: 'quick' });
  await tab.shows('quick');

  expect(tab.hub.outbox).toEqual([]);
  answer();
  await bob.sends(alice, 'marker');
  await tab.shows('quick', 'marker');
});

test('a message that is answered before its event comes is told in the order of the log', async () => {
  const api = faulty(alice);
  let answers = 0;
  api.after = () => void (answers += 1);
  const tab = await Tab.opens(network.url, alice, { api });
  network.pause();
  await bob.sends(alice, 'first');

  tab.hub.send({ receiverId: bob.id, text: 'second' });
  tab.hub.send({ receiverId: bob.id, text: 'third' });
  await until(() => answers === 2, 'both answers');
  network.flow();

  await tab.shows('first', 'second', 'third');
});

test('a message whose event is late is told all the same', async () => {
  const tab = await Tab.opens(network.url, alice, { api: alice.api });
  network.pause();

  tab.hub.send({ receiverId: bob.id, text: 'hi' });

  await tab.shows('hi');
  network.flow();
  await bob.sends(alice, 'marker');
  await tab.shows('hi', 'marker');
});

test('a message that the hub refuses fails with the hub’s words, and keeps no other back', async () => {
  const tab = await Tab.opens(node.url, alice);
  const { clientId } = tab.hub.send({ receiverId: bob.id, text: 'x'.repeat(2_001) });
  tab.hub.send({ receiverId: bob.id, text: 'next' });

  await tab.shows('next');
  expect(tab.hub.outbox).toMatchObject([{ clientId, state: 'failed', error: 'Text must be at most 2000 characters.' }]);

  tab.hub.retry(clientId);
  await tab.outgoing(({ state }) => state === 'sending');
  await tab.outgoing(({ state }) => state === 'failed');
  tab.hub.discard(clientId);
  expect(tab.hub.outbox).toEqual([]);
});

test('when the hub says when to come again, nothing is sent before', async () => {
  const api = faulty(alice);
  const tab = await Tab.opens(node.url, alice, { api });
  const at: number[] = [];
  api.before = () => {
    at.push(performance.now());
    if (at.length === 1) throw new ApiError('Rate limit exceeded.', 429, 'rate_limited', 1);
  };

  tab.hub.send({ receiverId: bob.id, text: 'too soon' });
  await tab.outgoing(({ state, error }) => state === 'waiting' && error === 'Rate limit exceeded.');
  tab.hub.send({ receiverId: carol.id, text: 'to somebody else' });
  tab.hub.reconnect();

  await tab.emptied();
  expect(at).toHaveLength(3);
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(950);
});

test('at most 200 messages may be on their way', async () => {
  const tab = new Tab(network.url, alice);
  network.cut();
  tab.hub.start();
  for (let i = 0; i < 200; i += 1) tab.hub.send({ receiverId: bob.id, text: `${i}` });

  expect(() => tab.hub.send({ receiverId: bob.id, text: 'one too many' })).toThrow('200 messages are waiting to be sent.');
  expect(tab.hub.outbox).toHaveLength(200);
});

test('with a cookie that is somebody else’s by now, nothing is sent in their name', async () => {
  const api = faulty(carol);
  vi.spyOn(api, 'me').mockImplementation(() => carol.api.me());
  const hub = new Hub({ url: network.url, user: alice.id, storage: new TestStorage(), api });
  network.cut();
  hub.start();
  hub.send({ receiverId: bob.id, text: 'from Alice' });

  await until(() => hub.connection === 'ended', 'ended');

  expect(api.sends).toEqual([]);
  expect(hub.outbox).toMatchObject([{ state: 'waiting', text: 'from Alice' }]);
});
