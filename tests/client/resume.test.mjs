// Stock clients that lose their connection: they recover by themselves, on any node, and miss nothing.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { onEachDeployment } from './support/deployment.mjs';
import { Proxy } from './support/proxy.mjs';
import { User } from './support/user.mjs';

const WAYS = [
  { name: 'polling with upgrade', options: {}, ends: 'websocket' },
  { name: 'polling only', options: { transports: ['polling'] }, ends: 'polling' },
  { name: 'WebSocket only', options: { transports: ['websocket'] }, ends: 'websocket' },
];

onEachDeployment((hub) => {
  const people = () => Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);

  async function behindProxy(t, bob, options) {
    const network = await Proxy.to(hub.node(1));
    t.after(() => network.close());
    const tab = await bob.connects(network, options);
    return { network, tab };
  }

  for (const { name, options, ends } of WAYS) {
    test(`${name}: what was sent while the network was away follows, on another node, and nothing twice`, async (t) => {
      const [alice, bob] = await people();
      const { network, tab } = await behindProxy(t, bob, options);
      assert.equal(tab.socket.recovered, false, 'a first connect recovers nothing');

      for (let round = 0; round < 5; round += 1) {
        const seen = await alice.sends(hub.node(0), bob, `${round}: seen`);
        await tab.shows(seen);
        await tab.speaks(ends);
        network.leadsTo(hub.node(round));
        const missed = await tab.loses(network, async () => {
          const messages = [];
          for (let i = 0; i < 3; i += 1) messages.push(await alice.sends(hub.node(i), bob, `${round}: missed ${i}`));
          return messages;
        });
        assert.equal(tab.socket.recovered, true, `round ${round}`);
        for (const message of missed) await tab.shows(message);
      }

      await tab.showsOnly(await alice.sends(hub.node(0), bob, 'marker'));
    });

    test(`${name}: who never got a message recovers, too`, async (t) => {
      const [alice, bob] = await people();
      const { network, tab } = await behindProxy(t, bob, options);
      await tab.speaks(ends);

      const missed = await tab.loses(network, () => alice.sends(hub.node(0), bob, 'missed'));

      assert.equal(tab.socket.recovered, true);
      await tab.showsOnly(missed);
    });

    test(`${name}: a client of ours is told what became of its position`, async () => {
      const [alice, bob] = await people();
      const tab = await bob.connects(hub.node(0), options);
      await tab.shows(await alice.sends(hub.node(0), bob, 'seen'));
      tab.close();
      const missed = await alice.sends(hub.node(0), bob, 'missed');

      const back = await bob.connects(hub.node(1), { ...options, auth: { since: '1.1' } });

      assert.deepEqual(await back.next('resume'), [{ verdict: 'resumed', count: 1 }]);
      await back.showsOnly(missed);
      const lost = await bob.connects(hub.node(1), { ...options, auth: { since: '1.77' } });
      assert.deepEqual(await lost.next('resume'), [{ verdict: 'reset', count: 0, reason: 'ahead', position: '1.2' }]);
    });

    test(`${name}: a client that says nonsense about its past starts anew`, async () => {
      const [alice, bob] = await people();
      const memories = [{ pid: 'x' }, { pid: '1.0.00000000', offset: '1.0' }, { pid: randomUUID(), offset: {} }, { since: [] }];
      for (const auth of memories) {
        const tab = await bob.connects(hub.node(0), { ...options, auth });
        assert.equal(tab.socket.recovered, false, JSON.stringify(auth));
        await tab.showsOnly(await alice.sends(hub.node(0), bob, 'marker'));
        tab.close();
      }
    });
  }

  test('somebody who logs in as somebody else on the same page starts anew', async (t) => {
    const [alice, bob] = await people();
    const network = await Proxy.to(hub.node(0));
    t.after(() => network.close());
    let user = bob;
    const tab = bob.opens(network, { extraHeaders: { cookie: '' }, auth: (say) => say({ token: user.token }) });
    await tab.connected();
    await tab.shows(await alice.sends(hub.node(0), bob, 'for Bob'));

    await tab.speaks('websocket');
    await tab.loses(network, async () => {
      user = alice;
    });

    assert.equal(tab.socket.recovered, false);
    const [, marker] = [await bob.sends(hub.node(0), alice, 'for Alice'), await bob.sends(hub.node(0), alice, 'marker')];
    assert.equal((await tab.next('newMessage'))[0].text, 'for Alice');
    await tab.showsOnly(marker);
  });
});

// Last, since it takes nodes away.
onEachDeployment((hub) => {
  for (const { name, options } of WAYS) {
    test(`${name}: a node that is killed costs nobody a message`, async (t) => {
      const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(0), 'bob')]);
      const network = await Proxy.to(hub.node(1));
      t.after(() => network.close());
      const tab = await bob.connects(network, options);
      const sent = [];
      for (let i = 0; i < 20; i += 1) sent.push(await alice.sends(hub.node(0), bob, `before ${i}`));

      const successor = await hub.replaces(1);
      network.leadsTo(successor);
      for (let i = 0; i < 20; i += 1) sent.push(await alice.sends(successor, bob, `after ${i}`));
      await tab.connected(20_000);

      assert.equal(tab.socket.recovered, true);
      for (const message of sent) await tab.shows(message);
      await tab.showsOnly(await alice.sends(successor, bob, 'marker'));
    });
  }
});
