// One person, several tabs, several nodes: the most common defect of the apps that hubbub takes over.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { onEachDeployment } from './support/deployment.mjs';
import { User, request } from './support/user.mjs';

onEachDeployment((hub) => {
  const people = async (...names) => Promise.all(names.map((name, i) => User.signsUp(hub.node(i), name)));
  const openTabs = (user, ...nodes) => Promise.all(nodes.map((node) => user.connects(hub.node(node))));

  test('a message sent by REST appears exactly once in every tab of both people', async () => {
    const [alice, bob] = await people('alice', 'bob');
    const tabs = [...(await openTabs(bob, 1, 1, 0)), ...(await openTabs(alice, 0, 1))];

    const message = await alice.sends(hub.node(0), bob, 'are you there?');
    await Promise.all(tabs.map((tab) => tab.shows(message)));

    const marker = await alice.sends(hub.node(0), bob, 'marker');
    await Promise.all(tabs.map((tab) => tab.showsOnly(marker)));
    assert.equal(message.senderId, alice.id);
    assert.equal(message.receiverId, bob.id);
    assert.equal(message.text, 'are you there?');
    assert.ok(!('image' in message), 'an absent image is absent, not null');
  });

  test('a message that is sent the moment a tab is connected reaches that tab', async () => {
    const [alice, bob] = await people('alice', 'bob');

    for (let i = 0; i < 30; i += 1) {
      const [tab, other] = await openTabs(bob, 1, 0);
      const message = await alice.sends(hub.node(0), bob, `welcome ${i}`);
      await Promise.all([tab, other].map((each) => each.showsOnly(message)));
      tab.close();
      other.close();
    }
  });

  test('tabs on every node are told who is online on any', async () => {
    const [alice, bob] = await people('alice', 'bob');

    const tabs = [...(await openTabs(alice, 0)), ...(await openTabs(bob, 1, 1, 0))];

    await Promise.all(tabs.map((tab) => tab.online({ present: [alice, bob] })));
  });

  test('closing one tab of several leaves its owner online and the others working', async () => {
    const [alice, bob, carol] = await people('alice', 'bob', 'carol');
    const [aliceTab] = await openTabs(alice, 0);
    const [closing, ...others] = await openTabs(bob, 1, 1, 0);
    await aliceTab.online({ present: [alice, bob] });

    closing.close();
    // Carol leaves after Bob's tab did, so whoever sees her gone would see Bob gone as well.
    const [carolTab] = await openTabs(carol, 1);
    await aliceTab.online({ present: [carol] });
    carolTab.close();
    await aliceTab.online({ present: [alice, bob], absent: [carol] });

    const message = await alice.sends(hub.node(0), bob, 'still there?');
    await Promise.all(others.map((tab) => tab.showsOnly(message)));
    assert.equal(closing.pending('newMessage'), 0);
  });

  test('the last tab that closes takes its owner offline', async () => {
    const [alice, bob] = await people('alice', 'bob');
    const [aliceTab] = await openTabs(alice, 0);
    const bobTabs = await openTabs(bob, 1, 0);
    await aliceTab.online({ present: [alice, bob] });

    bobTabs.forEach((tab) => tab.close());

    await aliceTab.online({ present: [alice], absent: [bob] });
  });

  test('logging out closes that session on every node within a second, and its token is refused everywhere', async () => {
    const [, bob] = await people('alice', 'bob');
    const phone = await bob.logsIn(hub.node(0));
    const tabs = await openTabs(bob, 1, 1, 0);
    const [phoneTab] = await openTabs(phone, 1);

    await bob.logsOut(hub.node(0));
    const answered = performance.now();
    await Promise.all(tabs.map((tab) => tab.next('disconnect')));

    const took = performance.now() - answered;
    assert.ok(took < 1_000, `the sockets closed ${took} ms after the answer`);
    for (const node of [hub.node(0), hub.node(1)]) {
      const { status, body } = await bob.asks(node, 'GET', '/api/auth/check');
      assert.equal(status, 401);
      assert.equal(body.message, 'Unauthorized - Invalid token');
      assert.equal(await bob.opens(node).refused(), 'Unauthorized - Authentication failed');
    }
    assert.equal(phoneTab.pending('disconnect'), 0, 'another session of the same person was closed');
    const { status } = await phone.asks(hub.node(1), 'GET', '/api/auth/check');
    assert.equal(status, 200);
  });

  test('a logout without a session is answered as if there had been one', async () => {
    const { status, body } = await request(hub.node(0), 'POST', '/api/auth/logout');

    assert.equal(status, 200);
    assert.deepEqual(body, { message: 'Logged out successfully' });
  });
});
