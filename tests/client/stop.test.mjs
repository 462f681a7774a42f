// A node that is told to stop, as in a rolling update, with clients that know one address only.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { onEachDeployment } from './support/deployment.mjs';
import { Proxy } from './support/proxy.mjs';
import { User } from './support/user.mjs';

// Far below what the deployments give running requests (`finish`): nothing is under way, so that must not be used up.
const DRAIN_MS = 30_000;

// Long enough for a message to be sent and shown while the node drains, also on a busy machine.
const PATIENT = { HUBBUB__DRAIN__NOTICE: '4s' };

onEachDeployment((hub) => {
  test('SIGTERM ends a node in time, and its clients go on elsewhere without a lost or doubled message', async (t) => {
    const [alice, bob] = await Promise.all([User.signsUp(hub.node(0), 'alice'), User.signsUp(hub.node(1), 'bob')]);
    const balancer = await Proxy.to(hub.node(1));
    t.after(() => balancer.close());
    const tabs = await Promise.all([{}, { transports: ['websocket'] }].map((options) => bob.connects(balancer, options)));
    const watching = hub.isCluster ? await alice.connects(hub.node(0)) : undefined;
    await watching?.online({ present: [bob] });
    watching?.forgetLists();
    const sent = [await alice.sends(hub.node(0), bob, 'before')];

    const stopped = hub.node(1).terminate();
    // A node that drains still serves those who are connected. (Alone, it has nobody who could take new messages.)
    if (hub.isCluster) sent.push(await alice.sends(hub.node(0), bob, 'while it drains'));
    for (const message of sent) await Promise.all(tabs.map((tab) => tab.shows(message)));
    const successor = await hub.successorOf(1, stopped);
    balancer.leadsTo(successor);
    const exit = await stopped;
    await Promise.all(tabs.map((tab) => tab.connected(20_000)));
    const marker = await alice.sends(successor, bob, 'marker');

    await Promise.all(tabs.map((tab) => tab.showsOnly(marker)));
    const { body: history } = await bob.asks(successor, 'GET', `/api/messages/${alice.id}`);
    assert.deepEqual(history, [...sent, marker]);
    assert.equal(exit.code, 0, JSON.stringify(exit));
    for (const list of watching?.lists() ?? []) assert.ok(list.includes(bob.id), 'Bob flickered');
    assert.ok(exit.ms < DRAIN_MS, `it took ${exit.ms} ms`);
  });
}, PATIENT);
