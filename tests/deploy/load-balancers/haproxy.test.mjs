// HAProxy with k8s/load-balancers/haproxy.cfg.
import { after, before, describe, test } from 'node:test';
import '../../client/faults/ending.mjs';
import { Cluster } from './cluster.mjs';
import { CLIENTS, Crowd } from './crowd.mjs';
import { HAProxy } from './haproxy.mjs';
import { onThreeNodes } from './stories.mjs';

onThreeNodes(HAProxy, { asks: true });

describe('HAProxy that reloads', () => {
  let cluster, haproxy;

  before(
    async () => {
      cluster = await Cluster.start();
      haproxy = await HAProxy.start(cluster.nodes, { folder: cluster.folder });
      await haproxy.sees(3);
    },
    { timeout: 90_000 },
  );
  after(
    async () => {
      await haproxy?.stop();
      await cluster?.stop();
    },
    { timeout: 60_000 },
  );

  test('keeps everybody where they are', { timeout: 60_000 }, async () => {
    const crowd = await Crowd.signsUp(haproxy, 8);
    for (const options of Object.values(CLIENTS)) await crowd.opens(haproxy, options);

    await haproxy.reloads();
    await crowd.converses(haproxy);

    crowd.assertUndisturbed();
    // The cookie from before leads to the same node, and new ones are as good.
    for (const options of Object.values(CLIENTS)) await crowd.opens(haproxy, options);
    await crowd.converses(haproxy);
    crowd.assertUndisturbed();
  });
});
