import { expect, test, vi } from 'vitest';
import { ApiError } from '.';
import { lost } from './testing/faulty';
import { Tab, TestStorage } from './testing/people';
import { alice, bob, faulty, history, network, node, scene } from './testing/scene';

scene({ HUBBUB__LIMITS__SEND__BURST: '0' });

test('what waits survives a reload, failed ones with their words', async () => {
  const storage = new TestStorage();
  const api = faulty(alice);
  api.before = ({ text }) => {
    if (text === 'refused') throw new ApiError('No.', 400, 'no');
    lost();
  };
  const before = await Tab.opens(node.url, alice, { storage, api });
  before.hub.send({ receiverId: bob.id, text: 'refused' });
  before.hub.send({ receiverId: bob.id, text: 'waits' });
  await before.outgoing(({ text, error }) => text === 'waits' && error !== undefined);
  before.hub.stop();

  const after = await Tab.opens(node.url, alice, { storage });

  await after.shows('waits');
  expect(after.hub.outbox).toMatchObject([{ text: 'refused', state: 'failed', error: 'No.' }]);
  after.hub.discard(after.hub.outbox[0]?.clientId ?? '');
  expect([...storage.values.keys()].filter((key) => /message|outbox/.test(key))).toEqual([]);
});

test('what a tab leaves that ended without a word is taken over once it is known to be dead', async () => {
  const storage = new TestStorage();
  const api = faulty(alice);
  api.before = lost;
  const dying = await Tab.opens(node.url, alice, { storage, api });
  dying.hub.send({ receiverId: bob.id, text: 'last words' });
  await dying.outgoing(({ error }) => error !== undefined);
  // What a crash leaves: the storage as it is now.
  const left = new TestStorage(storage.values);

  const early = await Tab.opens(node.url, alice, { storage: left });
  expect(early.hub.outbox).toEqual([]);
  early.hub.stop();
  const now = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => now + 100_000);
  const heir = await Tab.opens(node.url, alice, { storage: left });

  await heir.shows('last words');
  expect(await history(bob, alice)).toEqual(['last words']);
});

test('what a living tab has to send is left to it', async () => {
  const storage = new TestStorage();
  const api = faulty(alice);
  api.before = lost;
  const first = await Tab.opens(node.url, alice, { storage, api });
  first.hub.send({ receiverId: bob.id, text: 'mine' });
  await first.outgoing(({ error }) => error !== undefined);

  const second = await Tab.opens(node.url, alice, { storage });
  second.hub.send({ receiverId: bob.id, text: 'other' });
  await second.shows('other');

  expect(first.hub.outbox).toHaveLength(1);
  expect(await history(bob, alice)).toEqual(['other']);
});

test('a message whose image is large, or for which there is no room, is sent all the same but not kept', async () => {
  const storage = new TestStorage();
  const api = faulty(alice);
  api.before = lost;
  const tab = await Tab.opens(node.url, alice, { storage, api });
  const image = `data:image/png;base64,${'A'.repeat(1_000_000)}`;

  tab.hub.send({ receiverId: bob.id, image });
  tab.hub.send({ receiverId: bob.id, text: 'small' });
  storage.room = [...storage.values].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  tab.hub.send({ receiverId: bob.id, text: 'no room' });

  expect(tab.hub.outbox).toHaveLength(3);
  tab.hub.stop();
  storage.room = 5_000_000;
  const after = await Tab.opens(node.url, alice, { storage });
  await after.shows('small');
  expect(after.hub.outbox).toEqual([]);
});

test('a session that is over keeps what is on its way for the next log-in', async () => {
  const storage = new TestStorage();
  const tab = new Tab(network.url, alice, { storage, api: alice.api });
  network.cut();
  tab.hub.start();
  await tab.is('offline');
  await alice.api.logOut();

  tab.hub.send({ receiverId: bob.id, text: 'not yet' });
  await tab.is('ended');
  const again = await alice.logsIn(node.url);
  const after = await Tab.opens(node.url, again, { storage });

  await after.shows('not yet');
});

test('what is put into the outbox after the end is kept for the next log-in, too', async () => {
  const storage = new TestStorage();
  const tab = await Tab.opens(node.url, alice, { storage });
  await alice.api.logOut();
  await tab.is('ended');

  tab.hub.send({ receiverId: bob.id, text: 'too late' });

  expect(tab.hub.outbox).toMatchObject([{ state: 'waiting' }]);
  const after = await Tab.opens(node.url, await alice.logsIn(node.url), { storage });
  await after.shows('too late');
});
