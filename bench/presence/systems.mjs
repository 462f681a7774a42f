// The systems that are compared, on two nodes each: the hub, told of differences or of lists, and the stack that it replaces.
import { fileURLToPath } from 'node:url';
import { progress } from '../support/report.mjs';
import { scrape } from '../support/meter.mjs';
import { Crowd } from './crowd.mjs';
import { hubbubPeople, peerPeople } from './people.mjs';

/** Up to so many online, everybody is told about everyone (`presence.everyone_up_to`). */
const EVERYONE_UP_TO = 500;
const PEER = 'peer';

const server = fileURLToPath(new URL('../node-peer/server.js', import.meta.url));
const known = new Map(); // people of the hub by their number: made once for all systems

class Hub {
  constructor(kind, { binary, grace }) {
    Object.assign(this, { kind, binary, name: `hubbub, ${kind === 'diff' ? 'differences' : 'lists'}` });
    this.env = { HUBBUB__PRESENCE__GRACE: `${grace}s` };
  }

  node(stand) {
    return stand.hubbub(this.binary, this.env);
  }

  /** Whom everybody is told about, by how many are online. A hub that does not say whom it shows shows everyone. */
  async scope({ ops }) {
    const chooses = [...(await scrape(ops)).keys()].some((name) => name.startsWith('hubbub_presence_audience{'));
    return (online) => (chooses && online > EVERYONE_UP_TO ? 'partners' : 'everyone');
  }

  async people(stand, count) {
    if (!known.has(count)) known.set(count, await hubbubPeople(stand, count));
    return known.get(count);
  }

  /** Nodes that died are for those who come next neither to be seen nor to be swept. */
  forgets({ postgres }) {
    return postgres.sql('DELETE FROM nodes');
  }
}

let prepared;
const node = {
  kind: 'cookie',
  name: 'Node original',
  /** ms after which nothing more is to be hoped for: it tells of changes at once or, when two overtake each other, never. */
  patience: 10_000,
  async node(stand) {
    await (prepared ??= stand.postgres.sql(`CREATE DATABASE ${PEER}`, 'postgres'));
    return stand.nodePeer(server, PEER, { ADAPTER: 'sharded', ONLINE: 'broadcast' });
  },
  scope: () => () => 'everyone',
  people: (stand, count) => peerPeople(stand, PEER, count),
  forgets: () => {},
};

export const systems = (settings) => ({ diff: new Hub('diff', settings), list: new Hub('list', settings), node });

/** Two fresh nodes of a system and a crowd that is not connected yet, for as long as `work` takes. */
export async function withCrowd(stand, system, count, work) {
  const { postgres, redis } = stand;
  const nodes = [await system.node(stand), await system.node(stand)];
  const scope = await system.scope(nodes[0]);
  progress(`${system.name}: ${count} people`);
  const crowd = new Crowd(stand, { kind: system.kind, nodes, people: await system.people(stand, count), scope });
  try {
    return await work({ crowd, world: { postgres, redis, nodes }, everybody: [...Array(count).keys()] });
  } finally {
    crowd.ends();
    await Promise.all(nodes.map(({ program }) => program.stop('SIGKILL')));
    await redis.primary.cli('FLUSHALL');
    await system.forgets(stand);
  }
}
