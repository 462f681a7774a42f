import { expect, test } from 'vitest';
import { Tab, TestStorage } from './testing/people';
import { alice, bob, network, node, scene } from './testing/scene';
import { until } from './testing/wait';

scene({ HUBBUB__REALTIME__REPLAY: '20' });

test('what was sent while the network was away follows when it is back, once and in order', async () => {
  const tab = await Tab.opens(network.url, bob);
  await alice.sends(bob, 'seen');
  await tab.shows('seen');

  for (const round of [1, 2]) {
    network.cut();
    await tab.is('offline');
    for (const part of ['a', 'b', 'c']) await alice.sends(bob, `${round}${part}`);
    network.heal();
    tab.hub.reconnect();
    await tab.live();
  }

  await alice.sends(bob, 'marker');
  await tab.shows('seen', '1a', '1b', '1c', '2a', '2b', '2c', 'marker');
  expect(tab.resets).toEqual(['first']);
});

test('it is catching up until everything that was missed has been told', async () => {
  const storage = new TestStorage();
  const before = await Tab.opens(node.url, bob, { storage });
  await alice.sends(bob, 'seen');
  await before.shows('seen');
  before.hub.stop();
  await alice.sends(bob, 'missed 1');
  await alice.sends(bob, 'missed 2');

  const tab = new Tab(node.url, bob, { storage });
  const counts: string[] = [];
  tab.hub.on('connection', (state) => counts.push(`${state} with ${tab.messages.length}`));
  tab.hub.start();
  await tab.live();

  expect(counts).toEqual(['catching-up with 0', 'live with 2']);
});

test('it comes back by itself after a connection that broke', async () => {
  const tab = await Tab.opens(network.url, bob);
  network.drop();
  await tab.is('connecting');
  await alice.sends(bob, 'while it was away');

  await tab.live();

  await tab.shows('while it was away');
});

test('where WebSockets are blocked it polls, and misses nothing either', async () => {
  network.takesWebSockets = false;
  const tab = await Tab.opens(network.url, bob);
  await alice.sends(bob, 'one');
  await tab.shows('one');
  network.cut();
  await tab.is('offline');
  await alice.sends(bob, 'two');
  network.heal();
  tab.hub.reconnect();

  await tab.shows('one', 'two');
});

test('a reload goes on where the page was: nothing is missing, and nothing comes again', async () => {
  const storage = new TestStorage();
  const before = await Tab.opens(node.url, bob, { storage });
  await alice.sends(bob, 'before');
  await before.shows('before');
  before.hub.stop();
  await alice.sends(bob, 'between');

  const after = await Tab.opens(node.url, bob, { storage });

  await alice.sends(bob, 'after');
  await after.shows('between', 'after');
  expect(before.resets).toEqual(['first']);
  expect(after.resets).toEqual([]);
});

test('a page that showed nothing yet has a position, too', async () => {
  const storage = new TestStorage();
  const before = new Tab(node.url, bob, { storage });
  // As soon as it is live, since its connection may break right after that.
  before.hub.on('connection', (state) => {
    if (state === 'live') before.hub.stop();
  });
  before.hub.start();
  await until(() => before.states.includes('live'), 'it was live');
  await alice.sends(bob, 'between');

  const after = await Tab.opens(node.url, bob, { storage });

  await after.shows('between');
  expect(after.resets).toEqual([]);
});

test('who missed more than is told again is told to load everything anew, and goes on from there', async () => {
  const storage = new TestStorage();
  const before = await Tab.opens(node.url, bob, { storage });
  await alice.sends(bob, 'seen');
  await before.shows('seen');
  before.hub.stop();
  for (let i = 0; i < 21; i += 1) await alice.sends(bob, `missed ${i}`);

  const after = await Tab.opens(node.url, bob, { storage });

  expect(after.resets).toEqual(['too_far']);
  await alice.sends(bob, 'new');
  await after.shows('new');
  after.hub.stop();
  const later = await Tab.opens(node.url, bob, { storage });
  expect(later.resets).toEqual([]);
  expect(later.messages).toEqual([]);
});

test('a position beyond the log, of a database that was restored, is replaced by a lower one', async () => {
  const storage = new TestStorage([[`hubbub:${bob.id}:position`, '1.77']]);

  const tab = await Tab.opens(node.url, bob, { storage });

  expect(tab.resets).toEqual(['ahead']);
  await alice.sends(bob, 'new');
  await tab.shows('new');
  expect(storage.getItem(`hubbub:${bob.id}:position`)).toBe('1.1');
});

test('of two tabs each shows everything once, and the newer position is kept', async () => {
  const storage = new TestStorage();
  const slow = await Tab.opens(network.url, bob, { storage });
  const fast = await Tab.opens(node.url, bob, { storage });
  network.cut();
  await slow.is('offline');
  await alice.sends(bob, 'one');
  await alice.sends(bob, 'two');
  await fast.shows('one', 'two');
  network.heal();
  slow.hub.reconnect();

  await slow.shows('one', 'two');

  expect(storage.getItem(`hubbub:${bob.id}:position`)).toBe('1.2');
});

test('a session that was ended elsewhere ends the connection for good', async () => {
  const tab = await Tab.opens(node.url, bob);

  await bob.api.logOut();

  await tab.is('ended');
  expect(tab.states.slice(0, 2)).toEqual(['catching-up', 'live']);
  tab.hub.reconnect();
  tab.hub.start();
  expect(tab.hub.connection).toBe('ended');
  expect(tab.states.filter((state) => state === 'ended')).toHaveLength(1);
});

test('another session of the same person lives on', async () => {
  const other = await bob.logsIn(node.url);
  const [tab, ending] = await Promise.all([Tab.opens(node.url, other), Tab.opens(node.url, bob)]);

  await bob.api.logOut();

  await ending.is('ended');
  await alice.sends(other, 'still there?');
  await tab.shows('still there?');
});

test('a session that is no good is not tried again', async () => {
  const tab = new Tab(node.url, bob, { token: 'nonsense' });
  tab.hub.start();

  await tab.is('ended');

  expect(tab.states).toEqual(['ended']);
});

test('a session that is somebody else’s by now shows nothing of theirs', async () => {
  await alice.sends(bob, 'for Bob only');
  const tab = new Tab(node.url, alice, { token: bob.token });
  tab.hub.start();

  await tab.is('ended');

  expect(tab.messages).toEqual([]);
  expect(tab.people).toEqual([]);
});

test('a stopped tab hears nothing more, and can start again', async () => {
  const tab = await Tab.opens(node.url, bob);
  tab.hub.stop();
  await alice.sends(bob, 'meanwhile');
  expect(tab.messages).toEqual([]);

  tab.hub.start();

  await tab.shows('meanwhile');
});
