import { expect, test, vi } from 'vitest';
import { Person, Tab } from './testing/people';
import { alice, bob, network, node, scene } from './testing/scene';
import { until } from './testing/wait';

scene({
  HUBBUB__PRESENCE__GRACE: '200ms',
  HUBBUB__PRESENCE__INTERVAL: '50ms',
  HUBBUB__PRESENCE__AUDIENCE: 'conversations',
});

async function unread(person: Person): Promise<number | undefined> {
  return (await person.api.chats()).items[0]?.unreadCount;
}

/** What a tab was told of somebody last. */
function shown(tab: Tab, { id }: Person): string | undefined {
  return tab.people.findLast(({ userId }) => userId === id)?.state;
}

test('a read mark reaches the other tabs of the same person', async () => {
  const [one, other] = await Promise.all([Tab.opens(node.url, bob), Tab.opens(node.url, bob)]);
  const message = await alice.sends(bob, 'read me');
  await one.shows('read me');

  one.hub.markRead(alice.id, message._id);

  await until(() => other.reads.length === 1, 'a mark');
  expect(other.reads).toEqual([{ userId: alice.id, upTo: message._id, unreadCount: 0 }]);
});

test('marks of a conversation that are set at once go as one, the last', async () => {
  const tab = await Tab.opens(node.url, bob);
  const messages = [await alice.sends(bob, '1'), await alice.sends(bob, '2'), await alice.sends(bob, '3')];
  await tab.shows('1', '2', '3');

  messages.forEach(({ _id }) => tab.hub.markRead(alice.id, _id));

  await until(() => tab.reads.length > 0, 'a mark');
  await alice.sends(bob, 'marker');
  await tab.shows('1', '2', '3', 'marker');
  expect(tab.reads.map(({ upTo }) => upTo)).toEqual([messages[2]?._id]);
});

test('a mark that is set while another one is on its way is said after it', async () => {
  const tab = await Tab.opens(node.url, bob);
  const messages = [await alice.sends(bob, '1'), await alice.sends(bob, '2')];
  await tab.shows('1', '2');

  for (const { _id } of messages) {
    tab.hub.markRead(alice.id, _id);
    // In this turn nothing can be acknowledged yet.
    await new Promise((later) => queueMicrotask(() => queueMicrotask(() => later(undefined))));
  }

  await until(() => tab.reads.length === 2, 'both marks');
  expect(tab.reads.map(({ upTo }) => upTo)).toEqual(messages.map(({ _id }) => _id));
});

test('a mark that was set without a network is said when it is back', async () => {
  const tab = await Tab.opens(network.url, bob);
  const message = await alice.sends(bob, 'read me');
  await tab.shows('read me');
  network.cut();
  await tab.is('offline');

  tab.hub.markRead(alice.id, message._id);
  network.heal();
  tab.hub.reconnect();

  await until(() => tab.reads.length === 1, 'a mark');
  expect(await unread(bob)).toBe(0);
});

test('a mark that was said, but not acknowledged, is said again after a reconnect', async () => {
  const tab = await Tab.opens(network.url, bob);
  const message = await alice.sends(bob, 'read me');
  await tab.shows('read me');
  network.stall();

  tab.hub.markRead(alice.id, message._id);
  await new Promise((later) => setImmediate(later));
  network.drop();
  await tab.is('connecting');
  expect(await unread(bob)).toBe(1);

  await until(() => tab.reads.length === 1, 'a mark');
  expect(await unread(bob)).toBe(0);
});

test('a mark that makes no sense is dropped, and others go on', async () => {
  const tab = await Tab.opens(node.url, bob);
  const message = await alice.sends(bob, 'read me');

  tab.hub.markRead(bob.id, 'nonsense');
  tab.hub.markRead(alice.id, message._id);

  await until(() => tab.reads.length === 1, 'a mark');
});

test('typing is told, and once in three seconds for each receiver at most', async () => {
  const carol = await Person.signsUp(node.url, 'Carol');
  const [from, to, other] = await Promise.all([Tab.opens(node.url, alice), Tab.opens(node.url, bob), Tab.opens(node.url, carol)]);
  const now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockReturnValue(now);
  for (let i = 0; i < 50; i += 1) from.hub.typing(bob.id);
  from.hub.typing(carol.id);
  clock.mockRestore();

  await until(() => to.typing.length > 0 && other.typing.length > 0, 'signs');
  from.hub.send({ receiverId: bob.id, text: 'marker' });
  await to.shows('marker');
  expect(to.typing).toEqual([alice.id]);
});

test('who is online is told of those with whom one talks, as they come and go', async () => {
  await alice.sends(bob, 'hello');
  const tab = await Tab.opens(node.url, alice);

  const other = await Tab.opens(node.url, bob);
  await until(() => shown(tab, bob) === 'online', 'Bob is online');
  other.hub.stop();

  await until(() => shown(tab, bob) === 'offline', 'Bob is offline');
  expect(tab.people.at(-1)?.lastSeen).toMatch(/^\d{4}-/);
});

test('who is watched is told at once, followed, and watched again after a reconnect', async () => {
  const tab = await Tab.opens(network.url, alice);
  tab.hub.watch([bob.id]);
  await until(() => shown(tab, bob) === 'offline', 'Bob is offline');
  const other = await Tab.opens(node.url, bob);
  await until(() => shown(tab, bob) === 'online', 'Bob came');

  network.drop();
  await tab.is('connecting');
  await tab.live();
  tab.people.length = 0;
  await until(() => shown(tab, bob) === 'online', 'Bob is still watched');
  other.hub.stop();

  await until(() => shown(tab, bob) === 'offline', 'Bob left');
});

test('who left while the connection was away is told with the time', async () => {
  await alice.sends(bob, 'hello');
  const tab = await Tab.opens(network.url, alice);
  const other = await Tab.opens(node.url, bob);
  await until(() => shown(tab, bob) === 'online', 'Bob came');
  network.cut();
  await tab.is('offline');
  other.hub.stop();
  await vi.waitFor(async () => expect((await alice.api.presence([bob.id]))[0]?.state).toBe('offline'), { timeout: 5_000 });
  network.heal();
  tab.hub.reconnect();

  await until(() => typeof tab.people.findLast(({ userId }) => userId === bob.id)?.lastSeen === 'string', 'when Bob left');
});

test('who is not watched any more is not told', async () => {
  const carol = await Person.signsUp(node.url, 'Carol');
  const tab = await Tab.opens(node.url, alice);
  tab.hub.watch([bob.id, carol.id]);
  await until(() => shown(tab, bob) === 'offline', 'Bob is watched');
  tab.hub.unwatch([bob.id]);
  tab.hub.watch([]);

  // The hub carries out what a socket says in order.
  const extra = await Person.signsUp(node.url, 'Extra');
  tab.hub.watch([extra.id]);
  await until(() => shown(tab, extra) === 'offline', 'what was said is done');
  await Promise.all([Tab.opens(node.url, bob), Tab.opens(node.url, carol)]);
  await until(() => shown(tab, carol) === 'online', 'Carol came');

  expect(shown(tab, bob)).toBe('offline');
});

test('of more than 200 the last are watched, which is what the hub allows', async () => {
  const tab = await Tab.opens(node.url, alice);
  const strangers = Array.from({ length: 250 }, () => crypto.randomUUID());
  tab.hub.watch([...strangers, bob.id]);
  await until(() => shown(tab, bob) === 'offline', 'Bob is watched');
  tab.hub.watch(strangers.slice(0, 150));
  tab.hub.watch([bob.id]);

  await Tab.opens(node.url, bob);

  await until(() => shown(tab, bob) === 'online', 'Bob came');
});

test('a browser that says that it is offline is believed until it says otherwise', async () => {
  const page = new EventTarget();
  const navigator = { onLine: true };
  vi.stubGlobal('window', page);
  vi.stubGlobal('navigator', navigator);
  const tab = await Tab.opens(node.url, bob);

  navigator.onLine = false;
  page.dispatchEvent(new Event('offline'));
  expect(tab.hub.connection).toBe('offline');
  navigator.onLine = true;
  page.dispatchEvent(new Event('online'));

  expect(tab.hub.connection).toBe('live');
});

test('it connects at once when the browser says that the network is back', async () => {
  const page = new EventTarget();
  vi.stubGlobal('window', page);
  const tab = new Tab(network.url, bob);
  network.cut();
  tab.hub.start();
  await tab.is('offline');
  network.heal();

  page.dispatchEvent(new Event('online'));

  expect(tab.hub.connection).toBe('connecting');
  await tab.live();
});

test('a connection that died in a sleep is noticed when the browser wakes, and replaced', async () => {
  const page = new EventTarget();
  vi.stubGlobal('window', page);
  const tab = await Tab.opens(network.url, bob);
  await alice.sends(bob, 'awake');
  await tab.shows('awake');
  network.stall();
  await alice.sends(bob, 'while asleep');

  page.dispatchEvent(new Event('online'));

  await tab.shows('awake', 'while asleep');
});
