// What the tests with HAProxy stand on: nodes, HAProxy before them, and people with accounts.
import { after, afterEach, before } from 'node:test';
import { Cluster } from './cluster.mjs';
import { Crowd } from './crowd.mjs';
import { HAProxy } from './haproxy.mjs';

/**
 * To be called inside of a `describe`: starts all of it before its tests, closes the tabs after each, and stops it after them. `nodes` are
 * options of the cluster; `places` says by which of its settings HAProxy finds the nodes (by default: one by one), `edit` changes its file.
 */
export function standBehindHAProxy({ nodes, people, edit, places = (cluster) => cluster.nodes }) {
  const stand = {};
  before(
    async () => {
      stand.cluster = await Cluster.start(nodes);
      stand.haproxy = await HAProxy.start(await places(stand.cluster), { folder: stand.cluster.folder, edit });
      await stand.haproxy.sees(3);
      stand.crowd = await Crowd.signsUp(stand.haproxy, people);
    },
    { timeout: 90_000 },
  );
  after(
    async () => {
      await stand.haproxy?.stop();
      await stand.cluster?.stop();
    },
    { timeout: 60_000 },
  );
  afterEach(() => stand.crowd.close());
  return stand;
}
