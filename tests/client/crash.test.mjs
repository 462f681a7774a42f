// A node that dies without a word, as a machine that loses its power.
import { test } from 'node:test';
import { onEachDeployment } from './support/deployment.mjs';
import { Proxy } from './support/proxy.mjs';
import { User } from './support/user.mjs';

// As by default, only sooner.
const SOONER = {
  HUBBUB__CLUSTER__BEAT: '200ms',
  HUBBUB__CLUSTER__LEASE: '1s',
  HUBBUB__CLUSTER__DATABASE_BEAT: '400ms',
  HUBBUB__CLUSTER__BEACON: '200ms',
  HUBBUB__CLUSTER__DEAF_AFTER: '1s',
};

onEachDeployment((hub) => {
  test('people of a node that was killed go offline elsewhere, and who comes back elsewhere is served', async (t) => {
    const users = [hub.node(0), hub.node(1), hub.node(1)].map((node, i) => User.signsUp(node, ['alice', 'bob', 'carol'][i]));
    const [alice, bob, carol] = await Promise.all(users);
    const balancer = await Proxy.to(hub.node(1));
    t.after(() => balancer.close());
    const bobs = await bob.connects(balancer);
    const carols = await carol.connects(hub.node(1), { reconnection: false });
    const watching = hub.isCluster ? await alice.connects(hub.node(0)) : undefined;
    await watching?.online({ present: [bob, carol] });

    const stopped = hub.node(1).kill();
    const successor = await hub.successorOf(1, stopped);
    balancer.leadsTo(successor);

    await watching?.online({ present: [bob], absent: [carol] });
    await bobs.connected(20_000);
    const message = await alice.sends(successor, bob, 'you are back');
    await bobs.shows(message);
    carols.close();
  });
}, SOONER);
