// HAProxy with k8s/load-balancers/haproxy.cfg.
import { describe, test } from 'node:test';
import '../../client/faults/ending.mjs';
import { CLIENTS } from './crowd.mjs';
import { HAProxy } from './haproxy.mjs';
import { standBehindHAProxy } from './stand.mjs';
import { onThreeNodes } from './stories.mjs';

onThreeNodes(HAProxy, { asks: true });

describe('HAProxy that reloads', () => {
  const stand = standBehindHAProxy({ people: 8 });

  test('keeps everybody where they are', { timeout: 60_000 }, async () => {
    const { haproxy, crowd } = stand;
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
