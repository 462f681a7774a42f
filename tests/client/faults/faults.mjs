// Everything that can go wrong, each with proof that it did. A fault has `plan(random, pace)`: its parameters, from the seed
// alone; `holds(parameters)`: what it needs for itself while it lasts; and `run(world, parameters)`: it begins, lasts, ends,
// and resolves with what shows that it bit (or with undefined: it did not).
import { sleep } from './program.mjs';

const NODES = 3;
const anyNode = (random) => random.between(0, NODES - 1);
/** One node, or all of them (undefined). */
const someNodes = (random) => (random.next() < 0.3 ? undefined : anyNode(random));
const everyNode = [0, 1, 2].map((node) => `node ${node}`);

/** A duration; `pace` below 1 makes all of them shorter. */
const lasting = (low, high) => (random, pace) => ({ ms: Math.round(random.between(low, high) * pace) });

const nodeFaults = {
  'node-kill': {
    plan: (random, pace) => ({ node: anyNode(random), ms: Math.round(random.between(200, 2_000) * pace) }),
    holds: ({ node }) => [`node ${node}`],
    async run(world, { node, ms }) {
      const member = world.members[node];
      const connections = world.wires.client.count(node);
      const { signal } = await member.kill();
      await sleep(ms);
      await member.start();
      world.balancer.welcomes(node);
      return signal === 'SIGKILL' ? `process gone by ${signal} with ${connections} connections` : undefined;
    },
  },
  // 2 to 12 s: shorter and longer than a lease.
  'node-stop': {
    plan: (random, pace) => ({ node: anyNode(random), ms: Math.round(random.pick([2_000, 3_000, 5_000, 9_000, 12_000]) * pace) }),
    holds: ({ node }) => [`node ${node}`],
    async run(world, { node, ms }) {
      const { program } = world.members[node];
      program.signal('SIGSTOP');
      await sleep(ms / 2);
      const { state } = program;
      await sleep(ms / 2);
      program.signal('SIGCONT');
      return state === 'T' ? `process in state T with ${world.wires.client.count(node)} connections` : undefined;
    },
  },
  // Each node is replaced by a new one before the next; the old one is told to stop when the new one is ready.
  'rolling-restart': {
    plan: () => ({}),
    holds: () => everyNode,
    async run(world) {
      const codes = [];
      for (const member of world.members) {
        const old = member.program;
        await member.start();
        world.balancer.welcomes(member.index);
        codes.push((await old.stop('SIGTERM', 60_000)).code);
      }
      return `exit codes ${codes.join(', ')}`;
    },
  },
};

const redisFaults = {
  'redis-kill': {
    plan: (random, pace) => ({ ms: Math.round(random.between(100, 3_000) * pace), keeps: random.next() < 0.5 }),
    async run(world, { ms, keeps }) {
      const before = await world.redis.runId();
      const restart = await world.redis.kill({ keeps });
      await sleep(ms);
      await restart();
      const after = await world.redis.runId();
      return before !== after ? `run_id ${before.slice(0, 6)} -> ${after.slice(0, 6)}` : undefined;
    },
  },
  'redis-flushall': {
    plan: () => ({}),
    async run(world) {
      const before = Number(await world.redis.primary.cli('DBSIZE'));
      await world.redis.primary.cli('FLUSHALL', 'SYNC');
      return before > 0 ? `${before} keys gone` : undefined;
    },
  },
  'redis-pause': {
    plan: lasting(500, 9_500),
    async run(world, { ms }) {
      await world.redis.primary.cli('CLIENT', 'PAUSE', ms, 'ALL');
      const from = performance.now();
      const pong = await world.redis.primary.cli('PING');
      const held = Math.round(performance.now() - from);
      return pong === 'PONG' && held > ms * 0.7 ? `a PING took ${held} ms` : undefined;
    },
  },
  'redis-kill-pubsub': {
    plan: () => ({}),
    async run(world) {
      const killed = Number(await world.redis.primary.cli('CLIENT', 'KILL', 'TYPE', 'pubsub'));
      return killed > 0 ? `${killed} subscribers cut` : undefined;
    },
  },
  // The replica has not heard of the last moments when it takes over; the primary is gone.
  'redis-failover': {
    plan: lasting(300, 3_000),
    async run(world, { ms }) {
      const before = await world.redis.runId();
      await world.redis.cutReplication();
      await sleep(ms);
      const behind = await world.redis.staleness();
      await world.redis.promote();
      const after = await world.redis.runId();
      // The old one comes back as replica; that is no fault any more.
      await world.redis.rejoin();
      return before !== after && behind > 0 ? `replica ${behind} bytes behind took over` : undefined;
    },
  },
};
for (const fault of Object.values(redisFaults)) fault.holds = () => ['redis'];

const databaseFaults = {
  'postgres-crash': {
    plan: lasting(0, 2_000),
    holds: () => ['postgres'],
    async run(world, { ms }) {
      const before = world.postgres.program.pid;
      await world.postgres.crash();
      await sleep(ms);
      await world.postgres.up();
      return `postmaster ${before} -> ${world.postgres.program.pid}`;
    },
  },
};

const bitten = (world, wire, before, what) => {
  const count = world.wires[wire].bitten - before;
  return count > 0 ? `${count} connections ${what}` : undefined;
};

/** The same three faults on each kind of wire. */
function wireFaults(wire, longest) {
  const plan = (random, pace) => ({ node: someNodes(random), ms: Math.round(random.between(400, longest) * pace) });
  const holds = ({ node }) => (node === undefined ? everyNode : [`node ${node}`]).map((name) => `${wire} of ${name}`);
  return {
    [`${wire}-cut`]: {
      plan,
      holds,
      async run(world, { node, ms }) {
        const before = world.wires[wire].bitten;
        const tags = node === undefined ? world.members.map(({ index }) => index) : [node];
        tags.forEach((tag) => world.wires[wire].cut(tag));
        await sleep(ms);
        tags.forEach((tag) => world.wires[wire].heal(tag));
        return bitten(world, wire, before, 'cut or refused');
      },
    },
    [`${wire}-stall`]: {
      plan,
      holds,
      async run(world, { node, ms }) {
        const before = world.wires[wire].bitten;
        const tags = node === undefined ? world.members.map(({ index }) => index) : [node];
        tags.forEach((tag) => world.wires[wire].stall(tag));
        await sleep(ms);
        tags.forEach((tag) => world.wires[wire].heal(tag));
        return bitten(world, wire, before, 'stalled');
      },
    },
    [`${wire}-reset`]: {
      plan: (random) => ({ node: someNodes(random) }),
      holds,
      async run(world, { node }) {
        const before = world.wires[wire].bitten;
        world.wires[wire].reset(node);
        return bitten(world, wire, before, 'reset');
      },
    },
  };
}

// Both ends think that they are connected, and are not: a phone that left its network. Each finds out by its pings.
const vanishing = {
  'client-vanish': {
    plan: (random) => ({ node: anyNode(random) }),
    holds: ({ node }) => [`client of node ${node}`],
    async run(world, { node }) {
      const count = world.wires.client.vanish(node);
      return count > 0 ? `${count} connections half-open for good` : undefined;
    },
  },
};

export const FAULTS = {
  ...nodeFaults,
  ...redisFaults,
  ...databaseFaults,
  ...wireFaults('redis', 6_000),
  ...wireFaults('database', 6_000),
  ...wireFaults('client', 5_000),
  ...vanishing,
};
